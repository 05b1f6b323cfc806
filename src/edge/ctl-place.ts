import { lstatSync, mkdirSync, readdirSync, type Stats, statSync } from "node:fs";
import { connect } from "node:net";
import { userInfo } from "node:os";
import { isAbsolute, join } from "node:path";
import { messageOf, SinewError } from "../core/errors.ts";

/** A folder with the sockets of this user's runs, one a robot. */
export interface CtlPlace {
  /** Windows has its pipes in no folder. */
  readonly folder: string | null;
  /** Of the robot's socket. */
  pathOf(robot: string): string;
}

const suffix = ".sock";
/** What a socket's address may be long on every system that we know, bytes. */
const pathBytesMax = 103;

/**
 * Where runs are found: below the user's `runtimeFolder`, where the system has one, and below
 * `tempFolder`. A run is made in the first place and looked for in all, for a service and a person
 * may be told different ones.
 */
export function ctlPlaces(runtimeFolder: string | undefined, tempFolder: string): CtlPlace[] {
  if (process.platform === "win32") {
    const user = userInfo().username;
    return [{ folder: null, pathOf: (robot) => `\\\\.\\pipe\\sinew-${user}-${robot}` }];
  }
  const temporary = placeIn(join(tempFolder, `sinew-${process.getuid!()}`));
  if (runtimeFolder === undefined || !isAbsolute(runtimeFolder)) return [temporary];
  const found = statSync(runtimeFolder, { throwIfNoEntry: false });
  if (found?.isDirectory() !== true) return [temporary];
  return [placeIn(join(runtimeFolder, "sinew")), temporary];
}

function placeIn(folder: string): CtlPlace {
  return {
    folder,
    pathOf: (robot) => {
      const path = join(folder, robot + suffix);
      if (Buffer.byteLength(path) <= pathBytesMax) return path;
      const most = `at most ${pathBytesMax} bytes`;
      throw new SinewError("ctl", `${path} is too long for a socket (${most}): shorten the name`);
    },
  };
}

/**
 * Makes the folder of `place` where it is missing. Throws `SinewError("ctl")` where it cannot be
 * made, and as `isPrivate`.
 */
export function makePlace(place: CtlPlace): void {
  const { folder } = place;
  if (folder === null) return;
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") {
      throw new SinewError("ctl", `cannot make the folder ${folder}: ${messageOf(error)}`);
    }
  }
  isPrivate(place);
}

/**
 * Whether the folder of `place` is there. Throws `SinewError("ctl")` where it is anybody's but this
 * user's: who owns it could answer for a robot.
 */
export function isPrivate({ folder }: CtlPlace): boolean {
  if (folder === null) return true;
  let found: Stats;
  try {
    found = lstatSync(folder);
  } catch {
    return false;
  }
  const refuse = (why: string): never => {
    throw new SinewError("ctl", `${folder} ${why}: remove it, and it is made anew`);
  };
  if (!found.isDirectory()) refuse("is no folder");
  if (found.uid !== process.getuid!()) refuse(`belongs to another user (uid ${found.uid})`);
  if ((found.mode & 0o077) !== 0) refuse("is open to other users");
  return true;
}

/** Whether a run listens at `path`. One that hangs counts: it may hold a robot. */
export function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", ({ code }: NodeJS.ErrnoException) => {
      resolve(code !== "ENOENT" && code !== "ECONNREFUSED");
    });
  });
}

/** Whether a run of `robot` listens in one of `places`, and at which path; null: none does. */
export async function findRun(places: readonly CtlPlace[], robot: string): Promise<string | null> {
  for (const place of places) {
    if (!isPrivate(place)) continue;
    const path = place.pathOf(robot);
    if (await isAlive(path)) return path;
  }
  return null;
}

/** The robots of which a run listens in one of `places`. */
export async function liveRuns(places: readonly CtlPlace[]): Promise<string[]> {
  const robots = new Set<string>();
  for (const place of places) {
    if (place.folder === null || !isPrivate(place)) continue;
    for (const name of readdirSync(place.folder)) {
      if (!name.endsWith(suffix)) continue;
      const robot = name.slice(0, -suffix.length);
      if (await isAlive(place.pathOf(robot))) robots.add(robot);
    }
  }
  return [...robots].sort();
}
