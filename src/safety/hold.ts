import { oneNaN } from "../core/one-nan.ts";
import type { Channel, Spec } from "../core/spec.ts";
import { isDriving, Mode, type Step } from "../core/step.ts";
import type { Drive } from "./barrier.ts";
import { between } from "./between.ts";
import { checkGains, giveShare } from "./hold-gains.ts";
import { placeUnits } from "./joint.ts";
import type { ActionLimit, Limits } from "./limits.ts";

/** How long a hold takes to come and to go, in cycles. */
export interface HoldTimes {
  /** A goal comes from where it was to where its actuator is held. */
  readonly easeCycles: number;
  /** The policy takes over. */
  readonly returnCycles: number;
}

/** How one actuator is held. */
interface Grip {
  readonly drive: Drive;
  /** The observations' places in the spec; -1: it needs none. */
  readonly positionAt: number;
  readonly velocityAt: number;
  /** Within these its place is held, in its unit. */
  readonly low: number;
  readonly high: number;
  readonly stiffness: number;
  readonly damping: number;
  /** Whether the gate eases its changes, by an accelerationMax. */
  readonly isEased: boolean;
}

/**
 * The fallback controller: what is proposed in the policy's place while the robot is held. A place
 * is that where the actuator was seen as the hold began, a velocity is 0, and an effort pulls the
 * joint to where it was seen by its gains, or a tenth of its way inside its end where it was nearer
 * to that. It only proposes: the gate comes after it. It depends on nothing but the steps, so that
 * a replay holds as the robot did. Nothing here throws or allocates after construction.
 */
export class Hold {
  /** Why this robot cannot be held, on a line; null: it can. */
  readonly cannot: string | null;
  /** Cycles over which the policy takes over. */
  readonly returnCycles: number;
  readonly #easeCycles: number;
  readonly #grips: readonly Grip[];
  /** Where each actuator is held. */
  readonly #place: Float32Array;
  /** Where its goal began: at what was permitted last, or at where its joint was seen. */
  readonly #from: Float32Array;
  #mode: Mode = Mode.disarmed;
  /** Cycles of the hold, and those in which the policy took over since; no more than they count. */
  #eased = 0;
  #returned: number;

  /**
   * `spec` is what the device tells and is told. Throws `SinewError("robot-file")` where gains do
   * not fit their joint.
   */
  constructor(spec: Spec, limits: Limits, times: HoldTimes) {
    const grips = spec.action.map((_, at) => gripOf(spec, limits, at));
    const found = grips.find((grip) => typeof grip === "string");
    this.cannot = found === undefined ? null : `this robot cannot be held: ${found}`;
    this.#grips = grips as Grip[];
    this.#easeCycles = times.easeCycles;
    this.returnCycles = times.returnCycles;
    this.#place = new Float32Array(spec.action.length);
    this.#from = new Float32Array(spec.action.length);
    this.#returned = times.returnCycles;
  }

  /**
   * Changes `step.proposed` while the robot is held, and while the policy takes over from that;
   * true where it did.
   */
  propose(step: Step): boolean {
    if (this.cannot !== null) return refuse(step);
    const before = this.#mode;
    this.#mode = step.mode;
    return step.mode === Mode.holding ? this.#hold(step, before) : this.#giveWay(step, before);
  }

  #hold(step: Step, before: Mode): boolean {
    if (before !== Mode.holding) this.#begin(step, before);
    this.#eased = Math.min(this.#easeCycles, this.#eased + 1);
    for (let at = 0; at < step.proposed.length; at++) {
      step.proposed[at] = oneNaN(this.#answer(step, at));
    }
    return true;
  }

  /** The policy takes over, as far as it has not yet. */
  #giveWay(step: Step, before: Mode): boolean {
    if (before === Mode.holding) this.#returned = 0;
    if (step.mode !== Mode.armed) this.#returned = this.returnCycles;
    if (this.#returned >= this.returnCycles) return false;
    const share = ++this.#returned / this.returnCycles;
    for (let at = 0; at < step.proposed.length; at++) {
      const held = this.#answer(step, at);
      step.proposed[at] = oneNaN(held + share * (step.proposed[at]! - held));
    }
    return true;
  }

  /** What `cycles` more in the same mode would have done, for a replay of a log without them. */
  skip(cycles: number): void {
    if (this.#mode === Mode.holding) {
      this.#eased = Math.min(this.#easeCycles, this.#eased + cycles);
    } else this.#returned = Math.min(this.returnCycles, this.#returned + cycles);
  }

  #begin({ action, observation }: Step, before: Mode): void {
    this.#eased = 0;
    for (let at = 0; at < this.#grips.length; at++) {
      const { drive, isEased, positionAt, low, high } = this.#grips[at]!;
      const seen = positionAt < 0 ? 0 : observation[positionAt]!;
      // What was not driven before has no goal yet; and a goal that runs on would be run after.
      const isAnew = drive === "effort" || isEased || !isDriving(before);
      this.#from[at] = isAnew ? seen : action[at]!;
      this.#place[at] = between(seen, low, high);
    }
  }

  #answer({ observation }: Step, at: number): number {
    const { drive, positionAt, velocityAt, stiffness, damping } = this.#grips[at]!;
    if (drive === "velocity") return 0;
    const from = this.#from[at]!;
    const goal = from + (this.#eased / this.#easeCycles) * (this.#place[at]! - from);
    if (drive === "position") return goal;
    const away = observation[positionAt]! - goal;
    return -stiffness * away - damping * observation[velocityAt]!;
  }
}

/** Who cannot be held whole is not held: the gate refuses what is no number. */
function refuse(step: Step): boolean {
  if (step.mode !== Mode.holding) return false;
  step.proposed.fill(Number.NaN);
  return true;
}

/** How action `at` is held, or why it cannot be. */
function gripOf(spec: Spec, limits: Limits, at: number): Grip | string {
  const channel = spec.action[at]!;
  const limit = limits.action[at]!;
  const ends = limits.ends?.[at] ?? null;
  if (ends === null) return gripByUnit(spec, channel, limit);
  const plain = plainGripOf(limit);
  const { drive, positionAt, velocityAt, low, high, hold } = ends;
  if (drive !== "effort") return { ...plain, drive, positionAt, low, high };
  const { name, unit } = channel;
  if (hold === undefined) {
    return `"${name}" is an effort (${unit}); give its joint a hold: { stiffness, damping }`;
  }
  checkGains(name, ends, limit, delayOf(spec, limits, limit));
  // Nearer to an end the barrier pushes it off, and its load pulls it back.
  const room = giveShare * (high - low);
  return { ...plain, drive, positionAt, velocityAt, low: low + room, high: high - room, ...hold };
}

/** What every grip has, of an action within `limit`. */
function plainGripOf({ accelerationMax }: ActionLimit): Omit<Grip, "drive"> {
  return {
    ...{ positionAt: -1, velocityAt: -1, stiffness: 0, damping: 0 },
    ...{ low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY },
    isEased: accelerationMax !== undefined,
  };
}

/** What nobody described as a joint is held by what its unit says. */
function gripByUnit(spec: Spec, { name, unit }: Channel, limit: ActionLimit): Grip | string {
  const plain = plainGripOf(limit);
  if (placeUnits.includes(unit)) {
    const positionAt = spec.observation.findIndex((seen) => {
      return seen.name === name && seen.unit === unit;
    });
    if (positionAt >= 0) return { ...plain, drive: "position", positionAt };
    return `no observation of the name "${name}" and in ${unit} tells where it is; give its joint`;
  }
  if (placeUnits.some((place) => unit === `${place}/s`)) {
    if (limit.low <= 0 && limit.high >= 0) return { ...plain, drive: "velocity" };
    return `"${name}" is within [${limit.low}, ${limit.high}] ${unit}, so never 0`;
  }
  return `"${name}" is in ${unit}; describe its joint with ends and a hold`;
}

/**
 * So late, in seconds, an effort answers what it is to answer, at worst: by the age of what is
 * seen, half of the time for which it acts, and what it takes to go through its range.
 */
function delayOf({ periodUs }: Spec, limits: Limits, limit: ActionLimit): number {
  const { actsUs = periodUs, ageUsMax } = limits;
  const { rateMax, accelerationMax = Number.POSITIVE_INFINITY } = limit;
  const range = limit.high - limit.low;
  const sweepS = range / rateMax + 2 * Math.sqrt(range / accelerationMax);
  return (ageUsMax + actsUs / 2) / 1e6 + Math.max(0, sweepS - periodUs / 1e6);
}
