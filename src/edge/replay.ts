import { controlSpecOf, type Decimation, decimationOf } from "../core/decimation.ts";
import { SinewError } from "../core/errors.ts";
import { differenceOfSpecs, type Spec } from "../core/spec.ts";
import { Mode, makeStep, Reason, type Step } from "../core/step.ts";
import type { Device } from "../link/device.ts";
import type { PolicyEvent } from "../log/event.ts";
import type { LogFile } from "../log/reader.ts";
import { StepRecord } from "../log/record.ts";
import {
  openDriver,
  ortRunner,
  type PlainPolicy,
  policyOfPlain,
  readPlainPolicy,
} from "../policy/driver.ts";
import { Guard } from "../safety/guard.ts";
import { Hold, type HoldTimes } from "../safety/hold.ts";
import type { Limits } from "../safety/limits.ts";
import { DecimatedPolicy } from "./decimated-policy.ts";
import { Lineup, type SwapChoice } from "./lineup.ts";
import { Start, type StartChoice } from "./start.ts";
import { type Cycle, type MissPolicy, tick } from "./tick.ts";

/** The first record that came out differently. */
export interface Difference {
  /** Position in the log, from 0. */
  readonly index: number;
  readonly seq: number;
  /** The first field that differs, such as `proposed[0]`. */
  readonly field: string;
  readonly logged: number;
  readonly replayed: number;
}

export interface ReplayReport {
  /** Every record that could be verified came out as it was logged, and there was at least one. */
  readonly equal: boolean;
  readonly steps: number;
  readonly differing: number;
  /** Those that came out differently behind steps which the log lacks, as they may then. */
  readonly unverified: number;
  readonly first: Difference | null;
  /** Whether the policy is the very file that was logged. */
  readonly samePolicy: boolean;
}

/**
 * Feeds a log's inputs through the tick that drove the robot and compares each step, encoded again,
 * with the logged record, byte for byte. `others` are the files of the policies that were beside
 * the first or drove after it. Throws `SinewError("contract-mismatch")` where the policy is of
 * another contract, "policy-file" where one of the others is missing, and "log-file" where the log
 * does not say under which limits it was made.
 */
export async function replayLog(
  log: LogFile,
  policyBytes: Uint8Array,
  others: readonly Uint8Array[] = [],
): Promise<ReplayReport> {
  // A log from before there was a choice was made by ONNX Runtime.
  const driver = await openDriver(policyBytes, log.metadata.get("runner") ?? ortRunner);
  try {
    const decimation = decimationOf(log.metadata);
    const difference = differenceOfSpecs(log.spec, controlSpecOf(driver.policy.spec, decimation));
    if (difference !== null) {
      const line = `the policy does not fit the log: ${difference}`;
      throw new SinewError("contract-mismatch", line);
    }
    const samePolicy = log.metadata.get("policyId") === driver.id;
    const members = others.map((bytes) => readPlainPolicy(bytes));
    const past = [driver, ...members].map(({ contract }) => {
      return Math.max(contract.actionHistory ?? 0, contract.observationHistory ?? 0);
    });
    const lineup = new Lineup(driver.policy, swapOf(log));
    const turns = new Turns(log, lineup, members);
    const pastSteps = pastStepsOf(decimation, Math.max(...past));
    return { ...(await compare(log, lineup, decimation, turns, pastSteps)), samePolicy };
  } finally {
    await driver.close();
  }
}

/** So many cycles back may lie what a policy's answer, or what is done meanwhile, depends on. */
function pastStepsOf({ every }: Decimation, history: number): number {
  // Until it is asked, until it is asked when it was, and until there are two such answers.
  const unknown = every === 1 ? 0 : 4 * every;
  return every * history + unknown;
}

async function compare(
  log: LogFile,
  lineup: Lineup,
  decimation: Decimation,
  turns: Turns,
  pastSteps: number,
): Promise<Omit<ReplayReport, "samePolicy">> {
  const record = new StepRecord(log.spec);
  const again = new Uint8Array(record.size);
  const inputs = new LoggedInputs(log.spec);
  const { logged } = inputs;
  const step = makeStep(log.spec);
  const policy = new DecimatedPolicy(lineup, decimation, step);
  const cycle = cycleOf(log, policy, inputs, step);
  const { approach, guard, hold } = cycle;
  const takeover = Math.max(approach.softCycles, hold.returnCycles);
  const gaps = new Gaps(log, guard.memory + pastSteps, takeover);
  let steps = 0;
  let differing = 0;
  let unverified = 0;
  let first: Difference | null = null;
  for (const bytes of log.records()) {
    record.decode(bytes, 0, logged);
    inputs.begin();
    turns.take(logged.seq);
    const missing = gaps.before(logged, step);
    approach.skip(missing);
    hold.skip(missing);
    policy.skip(missing);
    await tick(cycle, logged.seq, (logged.reasons & Reason.lateCycle) !== 0);
    await lineup.askShadow(step);
    record.encode(step, again, 0);
    const same = sameBytes(again, bytes);
    if (!same) {
      if (gaps.excuse()) unverified++;
      else {
        differing++;
        first ??= { index: steps, seq: logged.seq, ...differenceOfSteps(logged, step) };
      }
      // One difference must not make all that follow differ: the robot did what is logged.
      guard.recall(logged);
      step.action.set(logged.action);
      approach.recall(logged.proposed);
      policy.correct(logged);
    }
    steps++;
  }
  const equal = steps > unverified && differing === 0;
  return { equal, steps, differing, unverified, first };
}

/** The cycle that the loop ran, on a log's inputs. */
function cycleOf(
  log: LogFile,
  policy: Cycle["policy"],
  inputs: LoggedInputs,
  step: Step,
): Cycle & { readonly approach: Start; readonly hold: Hold } {
  const limits = metadataOf<Limits>(log, "limits");
  return {
    clock: inputs,
    device: inputs,
    policy,
    // They are in the logged observation.
    setpoints: { fill: () => {} },
    approach: new Start(log.spec, limits, startOf(log)),
    hold: new Hold(log.spec, limits, holdOf(log)),
    // Which modes came of that is logged.
    recovery: { mayHold: () => false, begin: () => {}, look: () => false },
    guard: new Guard(log.spec, limits),
    supervisor: inputs,
    log: { append: () => true },
    meter: inputs,
    ttlUs: metadataOf<number>(log, "commandTtlUs"),
    // A log from before there was a choice coasted.
    onMiss: (log.metadata.get("onMiss") ?? "coast") as MissPolicy,
    step,
  };
}

/** Which policy followed which, as the log's events tell. */
class Turns {
  readonly #left: PolicyEvent[];
  readonly #lineup: Lineup;
  readonly #members: readonly PlainPolicy[];

  constructor(log: LogFile, lineup: Lineup, members: readonly PlainPolicy[]) {
    this.#left = log.events().filter((event) => event.kind === "policy");
    this.#lineup = lineup;
    this.#members = members;
    for (const { what, beside } of this.#left) {
      if (what !== "shadow" || members.some(({ id }) => id === beside)) continue;
      const line = `the policy ${beside} was beside the first one: give its file, too`;
      throw new SinewError("policy-file", line);
    }
  }

  /** Does what was done before the cycle `seq`. */
  take(seq: number): void {
    while (this.#left.length > 0 && this.#left[0].fromSeq <= seq) this.#do(this.#left.shift()!);
  }

  #do({ what, beside }: PolicyEvent): void {
    const lineup = this.#lineup;
    if (what === "swap") lineup.swap();
    else if (what === "keep") lineup.keep();
    else if (what !== "shadow") lineup.back();
    else {
      const index = this.#members.findIndex(({ id }) => id === beside);
      lineup.shadow({ index: index + 1, policy: policyOfPlain(this.#members[index]) });
    }
  }
}

/**
 * Steps that a log lacks though they ran, beside those that were skipped for being late. Behind
 * them it is not known what the gate let through last, what the policy remembers, and,
 * unless the mode stayed as it was, since when it takes over, or where it is held.
 */
class Gaps {
  readonly #whole: boolean;
  readonly #pastSteps: number;
  readonly #softSteps: number;
  /** So many steps may still differ for it. */
  #doubtful = 0;
  #justBehind = false;
  #mode: Mode = Mode.disarmed;
  /** It is held, and it is not known where. */
  #heldSomewhere = false;

  constructor(log: LogFile, pastSteps: number, softSteps: number) {
    this.#whole = log.closed && log.damaged === 0 && log.metadata.get("dropped") === "0";
    this.#pastSteps = pastSteps;
    this.#softSteps = softSteps;
  }

  /** How many steps ran between `last` and `next`, in the mode of both; 0 where none is known. */
  before(next: Step, last: Step): number {
    this.#doubtful = Math.max(0, this.#doubtful - 1);
    this.#mode = next.mode;
    if (this.#heldSomewhere) this.#doubt();
    const missing = next.seq - last.seq - 1;
    const late = (next.reasons & Reason.lateCycle) !== 0;
    this.#justBehind = missing > 0 && !(late && this.#whole);
    if (!this.#justBehind) return 0;
    // How many of them ran is known only where none was skipped.
    const stayed = next.mode === last.mode && !late;
    if (stayed) this.#doubtful = Math.max(this.#doubtful, this.#pastSteps);
    else this.#doubt();
    return stayed ? missing : 0;
  }

  /** Whether the newest step may differ. */
  excuse(): boolean {
    // The mode did not stay: there was a stop, and another start.
    if (this.#justBehind) this.#doubt();
    return this.#doubtful > 0;
  }

  #doubt(): void {
    this.#doubtful = this.#pastSteps + this.#softSteps;
    this.#heldSomewhere = this.#mode === Mode.holding;
  }
}

/** A log's steps in the place of the clock, the device and the supervisor. */
class LoggedInputs implements Device {
  readonly spec: Spec;
  readonly logged: Step;
  #asked = 0;

  constructor(spec: Spec) {
    this.spec = spec;
    this.logged = makeStep(spec);
  }

  /** Call it for each logged step. */
  begin(): void {
    this.#asked = 0;
  }

  /** The tick asks for the time twice: when it begins, and when the policy has answered. */
  now(): number {
    return this.#asked++ === 0 ? this.logged.timeUs : this.logged.decidedUs;
  }

  get lost(): boolean {
    return (this.logged.reasons & Reason.linkLost) !== 0;
  }

  read(observation: Float32Array): number {
    observation.set(this.logged.observation);
    return this.logged.ageUs;
  }

  get mode(): Step["mode"] {
    return this.logged.mode;
  }

  tell(): boolean {
    return true;
  }

  write(): boolean {
    return true;
  }

  stop(): void {}

  lap(): void {}
}

/** A log from before policies could be swapped swapped none. */
function swapOf(log: LogFile): SwapChoice {
  const text = log.metadata.get("swap");
  const none = { blendCycles: 0, watchCycles: 0, limitedMax: 1 };
  return text === undefined ? none : (JSON.parse(text) as SwapChoice);
}

/** A log from before a robot could be held held none. */
function holdOf(log: LogFile): HoldTimes {
  const text = log.metadata.get("hold");
  return text === undefined ? { easeCycles: 1, returnCycles: 0 } : (JSON.parse(text) as HoldTimes);
}

/** A log from before there was a start, and one without, say none. */
function startOf(log: LogFile): StartChoice | undefined {
  const text = log.metadata.get("start");
  return text === undefined ? undefined : (JSON.parse(text) as StartChoice);
}

function metadataOf<Value>(log: LogFile, key: string): Value {
  const text = log.metadata.get(key);
  if (text === undefined) {
    throw new SinewError("log-file", `${log.path} does not say its ${key}: no loop wrote it`);
  }
  return JSON.parse(text) as Value;
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

const scalars = [
  "seq",
  "timeUs",
  "ageUs",
  "decidedUs",
  "validUntilUs",
  "mode",
  "verdict",
  "reasons",
] as const;
const arrays = ["observation", "proposed", "action"] as const;

function differenceOfSteps(
  logged: Step,
  replayed: Step,
): { field: string; logged: number; replayed: number } {
  for (const name of arrays) {
    for (let at = 0; at < logged[name].length; at++) {
      const pair = { logged: logged[name][at], replayed: replayed[name][at] };
      if (!Object.is(pair.logged, pair.replayed)) return { field: `${name}[${at}]`, ...pair };
    }
  }
  for (const field of scalars) {
    const pair = { logged: logged[field], replayed: replayed[field] };
    if (!Object.is(pair.logged, pair.replayed)) return { field, ...pair };
  }
  return { field: "the bits of a NaN", logged: Number.NaN, replayed: Number.NaN };
}
