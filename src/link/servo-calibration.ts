import type { Clock } from "../core/clock.ts";
import { SinewError } from "../core/errors.ts";
import type { Channel, Spec } from "../core/spec.ts";
import { isPlain } from "./event-line.ts";
import { type ServosLink, servosBehind } from "./link.ts";
import type { Port } from "./port.ts";
import { askOverPlain } from "./question-thread.ts";
import { lockSerialLine, openSerialPort } from "./serial.ts";
import { ServoBus } from "./servo-bus.ts";
import type { ServoFamily } from "./servo-family.ts";
import { countsAt, nameOfServo, type Servo } from "./servo-joints.ts";
import {
  clearLast,
  countWithin,
  keepsClear,
  nearWay,
  type ServoScale,
  wholeCounts,
} from "./servo-scale.ts";

/**
 * Whether the range of an action keeps clear of the ends of the encoder, which must have a count at
 * 0 rad, too: it does, it does with the horn mounted otherwise, or it is too wide, or too far from
 * 0 rad, for any mounting.
 */
export type Fit = "fits" | "turn" | "tooWide";

/** A servo whose zero follows from a posture that is known. */
export interface CalibratedJoint {
  readonly servo: Servo;
  /** The ends of the action's range, counts; beyond the encoder's own where they pass its end. */
  readonly low: number;
  readonly high: number;
  readonly fit: Fit;
  /** What the horn is to be turned by in the encoder's sense where it is to be, rad; else 0. */
  readonly turn: number;
}

/**
 * The zeros of `servos` that stand at `counts` while the arm is at `pose`, rad by action channel of
 * `spec`. Where an encoder of a whole turn passes its end on the way from the pose to 0 rad, the
 * zero is counted round; one with a gap there has no number for it, so the nearest is told, and it
 * never fits. A range that comes nearer to an end than the driver permits does not fit either.
 * Throws `SinewError("contract-mismatch")` that names a channel which `spec` or `pose` lacks.
 */
export function calibrated(
  spec: Spec,
  servos: readonly Servo[],
  scale: ServoScale,
  counts: ArrayLike<number>,
  pose: Readonly<Record<string, number>>,
): CalibratedJoint[] {
  return servos.map((given, at) => {
    const name = `${given.joint}_position`;
    const action = spec.action.find((channel) => channel.name === name);
    if (action === undefined || !(name in pose)) {
      const who = action === undefined ? "the policy" : "the pose";
      throw new SinewError("contract-mismatch", `action "${name}": ${who} has none`);
    }
    const told = Math.round(counts[at] - (given.sign * pose[name]) / scale.radPerCount);
    const zeroCounts = countWithin(scale, told);
    // The ends are counted from where 0 rad is, also where that is in the gap and has no number.
    const zero = scale.turns ? zeroCounts : told;
    const [low, high] = endsOf(given, scale, action);
    const servo = { ...given, zeroCounts };
    const range = { low: Math.round(zero + low), high: Math.round(zero + high) };
    const hasZero = zeroCounts === zero;
    if (hasZero && keepsClear(scale, zero + low, zero + high)) {
      return { servo, ...range, fit: "fits", turn: 0 };
    }
    const mounted = zeroFor(scale, low, high);
    if (mounted === null) return { servo, ...range, fit: "tooWide", turn: 0 };
    const turn = nearWay(scale, mounted - zero) * scale.radPerCount;
    return { servo, ...range, fit: "turn", turn };
  });
}

/** The ends of the range of `action`, counts from the zero of `servo`, the lower one first. */
function endsOf(
  servo: Servo,
  scale: ServoScale,
  { low, high }: Pick<Channel, "low" | "high">,
): readonly [low: number, high: number] {
  const zeroCounts = 0;
  const ends = [low, high].map((rad) => countsAt({ ...servo, zeroCounts }, scale, rad));
  return [Math.min(...ends), Math.max(...ends)];
}

/**
 * The zero with which a range from `low` to `high`, counts from there, keeps clear of both ends:
 * the nearest to the one that centres it; null where there is none.
 */
function zeroFor(scale: ServoScale, low: number, high: number): number | null {
  const { counts, marginCounts } = scale;
  let least = Math.max(0, Math.floor(marginCounts - low));
  let most = Math.min(counts - 1, Math.ceil(clearLast(scale) - high));
  // By the very sums that judge it later: a difference may be rounded another way.
  if (least + low < marginCounts) least++;
  if (most + high > clearLast(scale)) most--;
  if (least > most) return null;
  return Math.min(most, Math.max(least, counts / 2 - Math.round((low + high) / 2)));
}

/** So many looks, of which none may be further from the first than what noise makes, rad. */
const looks = 8;
const stillRad = Math.PI / 256;
const answerUs = 200_000;

/**
 * Where the encoders of all servos are, counts. Nothing is written to any servo, and the line is
 * free again afterwards. Throws `SinewError("port")`, and as `standingAt`.
 */
export async function readCounts(link: ServosLink, clock: Pick<Clock, "now">): Promise<number[]> {
  const { family, line: choice } = servosBehind(link);
  const { path, baud, servos } = choice;
  if (isPlain(choice)) {
    return (await askOverPlain(path, baud, { what: "counts", link })) as number[];
  }
  const line = await lockSerialLine(path, baud, true);
  try {
    return countsOver(family, servos, () => openSerialPort(path), clock);
  } finally {
    await line.close();
  }
}

/** As `readCounts`, over a port that is opened for it. Blocks this thread for each answer. */
export function countsOver(
  family: ServoFamily,
  servos: readonly Servo[],
  open: () => Port,
  clock: Pick<Clock, "now">,
): number[] {
  const ids = Uint8Array.from(servos, ({ id }) => id);
  const bus = new ServoBus(family.packets, open(), clock, ids, answerUs);
  try {
    return standingAt(family, bus, servos);
  } finally {
    bus.close();
  }
}

/**
 * The mean of some looks at each encoder, counts, taken round the end of a whole turn. Throws
 * `SinewError("handshake")` that names a servo which does not answer, is of another model or mode,
 * or does not stand still.
 */
export function standingAt(
  { examine, present, placeOf, scale }: ServoFamily,
  bus: ServoBus,
  servos: readonly Servo[],
): number[] {
  const bytes = new Uint8Array(present.count);
  const stillWithin = wholeCounts(scale, stillRad);
  return servos.map((servo, at) => {
    const fail = (why: string): never => {
      throw new SinewError("handshake", `${nameOfServo(servo)} ${why}`);
    };
    const finding = examine(bus, at);
    if (finding === "silent") fail(silent);
    if (typeof finding === "object") fail(finding.refusal);
    let first = 0;
    let sum = 0;
    for (let look = 0; look < looks; look++) {
      if (!bus.readOne(at, present.address, present.count, bytes)) fail(silent);
      const counts = placeOf(bytes, 0);
      if (look === 0) first = counts;
      const moved = nearWay(scale, counts - first);
      if (Math.abs(moved) > stillWithin) fail("moves: hold the arm still");
      sum += moved;
    }
    return countWithin(scale, first + Math.round(sum / looks));
  });
}

const silent = "does not answer; is it powered, and are its id and rate right?";
