// The host of a trial: a process that drives one board as `sinew run --arm` does, and says on
// stdout, as one line of JSON, what came of it. `trial.ts` starts it with its work as an argument.
import { messageOf, SinewError } from "../core/errors.ts";
import { Mode, namesOfReasons } from "../core/step.ts";
import { Controls } from "../edge/controls.ts";
import { ctlPlaces } from "../edge/ctl-place.ts";
import { openCtl } from "../edge/ctl-server.ts";
import { runPolicy } from "../edge/drive.ts";
import { parseRobot } from "../edge/robot.ts";
import type { RunReport } from "../edge/run.ts";
import { nameOfDeviceReason } from "../link/device.ts";
import { readLog } from "../log/reader.ts";
import { Happening, nameOfHappening } from "../safety/supervisor.ts";
import type { TroubleKind } from "./fault.ts";

/** What a host is to do. */
export interface HostWork {
  readonly policy: string;
  /** The text of its robot file. */
  readonly robot: string;
  readonly seconds: number;
  readonly startedAt: string;
  /** The folder for its socket, by which it is commanded. */
  readonly ctl: string;
  /** What its threads do to themselves from one SIGUSR2 to the next; null nothing. */
  readonly trouble: { readonly kind: TroubleKind; readonly ms: number } | null;
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
  /** Cycles that never ran. */
  readonly missed: number;
  /** What became of its policies, by the log: `shadow`, `swap`, `keep`, `back`, `rollback`. */
  readonly policies: readonly string[];
  /** Collections of the loop's thread while it made garbage, how long all of them took, and one. */
  readonly collections: number;
  readonly collectingMs: number;
  readonly longestMs: number;
}

async function work(given: HostWork): Promise<HostWord> {
  const { readFileSync } = await import("node:fs");
  const { policy, startedAt, seconds, ctl: folder, trouble } = given;
  // What it does to a thread as it is loaded no other host is to suffer.
  const own = trouble === null ? null : await import("./host-trouble.ts");
  if (trouble !== null) awaitSignals(() => own!.beginTrouble(trouble.kind, trouble.ms));
  const robot = parseRobot(given.robot, "robot.yaml");
  const controls = new Controls();
  const ctl = await openCtl(ctlPlaces(undefined, folder), robot.robot, controls);
  try {
    const report = await runPolicy({
      policy: { bytes: readFileSync(policy), path: policy },
      ...{ robot, startedAt, seconds, controls, arm: true },
    });
    const { missed, logFailure } = report;
    const policies = policiesIn(report);
    const told = { stops: stopsOf(report), holds: holdsOf(report), failure: null, logFailure };
    return { ...told, missed, policies, ...(own?.collected() ?? noGarbage) };
  } finally {
    ctl.close();
  }
}

const noGarbage = { collections: 0, collectingMs: 0, longestMs: 0 };

/** Calls `begin` at the first SIGUSR2, and what it returned at the next. */
function awaitSignals(begin: () => () => void): void {
  process.once("SIGUSR2", () => {
    const end = begin();
    process.once("SIGUSR2", end);
  });
}

function holdsOf({ transitions }: RunReport): HostWord["holds"] {
  return transitions.flatMap(({ to, timeUs }, at) => {
    return to === Mode.holding
      ? [{ fromUs: timeUs, toUs: transitions[at + 1]?.timeUs ?? null }]
      : [];
  });
}

/** A log that could not be kept tells nothing. */
function policiesIn({ logPath, logFailure }: RunReport): string[] {
  if (logFailure !== null) return [];
  const events = [...readLog(logPath).events()];
  return events.flatMap((event) => (event.kind === "policy" ? [event.what] : []));
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
  const none = { stops: [], holds: [], logFailure: null, missed: 0, policies: [], ...noGarbage };
  word = { ...none, failure: `${messageOf(error)} [${code}]` };
}
process.stdout.write(`${JSON.stringify(word)}\n`);
