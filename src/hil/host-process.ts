// The host of a trial: a process that drives one board as `sinew run --arm` does, and says on
// stdout, as one line of JSON, what came of it. `trial.ts` starts it with its work as an argument.
import { messageOf, SinewError } from "../core/errors.ts";
import { Mode, namesOfReasons } from "../core/step.ts";
import { runPolicy } from "../edge/drive.ts";
import { parseRobot } from "../edge/robot.ts";
import type { RunReport } from "../edge/run.ts";
import { nameOfDeviceReason } from "../link/device.ts";
import { Happening, nameOfHappening } from "../safety/supervisor.ts";

/** What a host is to do. */
export interface HostWork {
  readonly policy: string;
  /** The text of its robot file. */
  readonly robot: string;
  readonly seconds: number;
  readonly startedAt: string;
  /** Blocks its main thread for so long, so long after it was armed; null never. */
  readonly block: { readonly fromMs: number; readonly ms: number } | null;
}

/** What came of it. */
export interface HostWord {
  /** Faults and stops of the supervisor, in words. */
  readonly stops: readonly string[];
  /** Why there was no run; null where there was one. */
  readonly failure: string | null;
  /** When it was held, and drove again or was stopped, us of the machine's clock. */
  readonly holds: readonly { readonly fromUs: number; readonly toUs: number | null }[];
  readonly logFailure: string | null;
}

async function work({ policy, robot, seconds, startedAt, block }: HostWork): Promise<HostWord> {
  const { readFileSync } = await import("node:fs");
  let startUs = Number.NaN;
  let blocked = block === null;
  const report = await runPolicy({
    policy: { bytes: readFileSync(policy), path: policy },
    robot: parseRobot(robot, "robot.yaml"),
    startedAt,
    seconds,
    arm: true,
    onLook: ({ status }) => {
      const { timeUs } = status.live();
      if (Number.isNaN(startUs)) startUs = timeUs;
      if (blocked || timeUs < startUs + block!.fromMs * 1000) return;
      blocked = true;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, block!.ms);
    },
  });
  const { logFailure } = report;
  return { stops: stopsOf(report), failure: null, holds: holdsOf(report), logFailure };
}

function holdsOf({ transitions }: RunReport): HostWord["holds"] {
  return transitions.flatMap(({ to, timeUs }, at) => {
    return to === Mode.holding
      ? [{ fromUs: timeUs, toUs: transitions[at + 1]?.timeUs ?? null }]
      : [];
  });
}

function stopsOf({ transitions, linkLost }: RunReport): string[] {
  const stops = transitions
    .filter(({ happening }) => happening !== Happening.arm)
    .map(({ happening, reason }) => {
      if (happening === Happening.fault) return `fault: ${namesOfReasons(reason).join(", ")}`;
      const why = happening === Happening.deviceStopped ? `: ${nameOfDeviceReason(reason)}` : "";
      return nameOfHappening(happening) + why;
    });
  return linkLost ? [...stops, "linkLost"] : stops;
}

let word: HostWord;
try {
  word = await work(JSON.parse(process.argv[2]) as HostWork);
} catch (error) {
  const code = error instanceof SinewError ? error.code : "bug";
  word = { stops: [], failure: `${messageOf(error)} [${code}]`, holds: [], logFailure: null };
}
process.stdout.write(`${JSON.stringify(word)}\n`);
