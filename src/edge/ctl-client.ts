import { connect } from "node:net";
import { messageOf, SinewError } from "../core/errors.ts";
import { type CtlPlace, findRun, liveRuns } from "./ctl-place.ts";
import { type CtlAnswer, type CtlRequest, parseAnswer } from "./ctl-request.ts";

/** An answer that is longer is none. */
const answerBytesMax = 65_536;

/**
 * The path of the socket of `robot`'s run, or of the only run that there is where `robot` is left
 * out. Throws `SinewError("ctl")` where there is none, or more than one.
 */
export async function socketOf(
  places: readonly CtlPlace[],
  robot: string | undefined,
): Promise<string> {
  if (robot === undefined) {
    const robots = await liveRuns(places);
    if (robots.length !== 1) {
      const none = "no run is alive: start one with npx sinew run";
      const many = `there are runs of ${robots.join(", ")}: say which`;
      throw new SinewError("ctl", robots.length === 0 ? none : many);
    }
    [robot] = robots;
  }
  const path = await findRun(places, robot!);
  if (path !== null) return path;
  const others = await liveRuns(places);
  const known = others.length === 0 ? "none is alive" : `alive: ${others.join(", ")}`;
  throw new SinewError("ctl", `no run of ${robot} is alive here for this user (${known})`);
}

/**
 * Asks the run behind `path` and awaits its answer. Throws `SinewError("ctl")` where it gives none
 * within `timeoutMs`, or goes away.
 */
export function askRun(path: string, request: CtlRequest, timeoutMs: number): Promise<CtlAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const fail = (why: string): void => {
      socket.destroy();
      reject(new SinewError("ctl", why));
    };
    const timeout = AbortSignal.timeout(timeoutMs);
    timeout.addEventListener("abort", () => {
      fail(`the run gave no answer within ${timeoutMs / 1000} s: it hangs; cut the power`);
    });
    let told = "";
    socket.setEncoding("utf8");
    socket.on("connect", () => socket.write(`${JSON.stringify(request)}\n`));
    socket.on("data", (text: string) => {
      told += text;
      const end = told.indexOf("\n");
      if (end < 0 && told.length <= answerBytesMax) return;
      socket.destroy();
      try {
        resolve(parseAnswer(told.slice(0, end)));
      } catch (error) {
        reject(error);
      }
    });
    socket.on("error", (error) => fail(`cannot reach the run at ${path}: ${messageOf(error)}`));
    socket.on("close", () => fail("the run ended before it answered"));
  });
}
