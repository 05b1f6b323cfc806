import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SinewError } from "../core/errors.ts";
import type { Board } from "./board.ts";
import { startEmulated } from "./emulated-board.ts";
import { startProgram } from "./program-board.ts";
import { qemuMachines, startQemu } from "./qemu-board.ts";

const firmware = fileURLToPath(new URL("../../../firmware-bridge", import.meta.url));

/** A board that can be booted here. */
export interface Target {
  readonly name: string;
  /** What runs it: `rp2040js`, `avr8js`, `qemu` or `native`. */
  readonly by: string;
  start(): Promise<Board>;
}

/** A target that this machine lacks the tool for, and which. */
export interface MissingTarget {
  readonly name: string;
  readonly needs: string;
}

function imageOf(board: string, drives: string): string {
  return join(firmware, "images", `${board}-${drives}.bin`);
}

function runs(command: string): boolean {
  return spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0;
}

/**
 * Every board there is an image for that drives `drives`, a name of `firmware-bridge/targets`, and
 * those that cannot be booted on this machine.
 */
export function targetsHere(drives: string = "pendulum"): {
  here: Target[];
  missing: MissingTarget[];
} {
  const here: Target[] = [];
  const missing: MissingTarget[] = [];
  for (const [name, by] of [
    ["rp2040", "rp2040js"],
    ["atmega328p", "avr8js"],
  ] as const) {
    if (!existsSync(imageOf(name, drives))) {
      missing.push({ name, needs: `an image that drives ${drives}` });
      continue;
    }
    here.push({
      name,
      by,
      start: () => startEmulated({ board: name, image: imageOf(name, drives) }),
    });
  }
  const qemu = runs("qemu-system-arm");
  for (const name of qemuMachines) {
    if (qemu) here.push({ name, by: "qemu", start: () => startQemu(name, imageOf(name, drives)) });
    else missing.push({ name, needs: "qemu-system-arm" });
  }
  if (runs("cc")) here.push({ name: "native", by: "native", start: () => startNative(drives) });
  else missing.push({ name: "native", needs: "a C compiler (cc)" });
  return { here, missing };
}

const built = new Map<string, string>();
let programs = 0;
let place: string | null = null;

/** Made at the first call, removed when this process ends. */
function ownFolder(): string {
  if (place !== null) return place;
  const made = mkdtempSync(join(tmpdir(), "sinew-native-"));
  process.once("exit", () => rmSync(made, { recursive: true, force: true }));
  place = made;
  return made;
}

/**
 * Starts the firmware as a process of this machine, built from its sources at the first call.
 * Throws `SinewError("board")` where the compiler refuses them.
 */
export function startNative(drives: string): Promise<Board> {
  const program = built.get(drives) ?? buildNative(firmware, drives);
  built.set(drives, program);
  return startProgram(program, []);
}

/**
 * Builds the native port from the firmware's sources in `folder`; the program is removed when this
 * process ends. Throws `SinewError("board")` where the compiler refuses them.
 */
export function buildNative(folder: string, drives: string): string {
  const program = join(ownFolder(), `native-${drives}-${programs++}`);
  const core = readdirSync(join(folder, "core"))
    .filter((name) => name.endsWith(".c"))
    .map((name) => join("core", name));
  const chosen = `-DSINEW_TARGET=sinew_${drives.replaceAll("-", "_")}`;
  const words = ["-std=c11", "-O2", "-Icore", "-Itargets", chosen, ...core, `targets/${drives}.c`];
  const result = spawnSync("cc", [...words, "ports/native.c", "-o", program], {
    cwd: folder,
    encoding: "utf8",
  });
  if (result.status === 0) return program;
  throw new SinewError("board", `cc failed: ${result.error?.message ?? result.stderr.trim()}`);
}
