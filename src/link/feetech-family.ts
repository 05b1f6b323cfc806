import {
  encodeRead,
  encodeSyncRead,
  encodeSyncWrite,
  encodeWrite,
  FeetechDecoder,
  packetBytesMax,
} from "./feetech-packet.ts";
import {
  putWord,
  Register,
  type Series,
  SignBit,
  scs,
  signedOf,
  sts,
  wordAt,
} from "./feetech-registers.ts";
import { saturated } from "./saturated.ts";
import type { ServoBus } from "./servo-bus.ts";
import type { Finding, ServoFamily } from "./servo-family.ts";
import { type ServoScale, spanScale, wholeCounts, wholeTurn } from "./servo-scale.ts";

const positionMode = 0;
/** No other question has an answer as long, so that no late one is taken for it. */
const limitBytes = 6;
/** Twice as fast as an SC09, which is an SCS0009 by another name, without a load at 6 V. */
const scsRadPerS = 21;
const on = Uint8Array.of(1);
const off = Uint8Array.of(0);
const registers = new Uint8Array(8);

/** Feetech STS3215. */
export const feetech: ServoFamily = familyOf(sts, wholeTurn, 8192);

/** Feetech SCS0009, whose 1024 counts span `spanDegrees`. */
export function scsFamily(spanDegrees: number): ServoFamily {
  const scale = spanScale(scs.counts, spanDegrees);
  return familyOf(scs, scale, wholeCounts(scale, scsRadPerS));
}

function familyOf(series: Series, scale: ServoScale, speedMax: number): ServoFamily {
  const last = series.counts - 1;
  return {
    name: "feetech",
    series: series.name,
    scale,
    packets: {
      questionBytes: 8,
      answerBytes: 6,
      packetBytesMax,
      encodeRead,
      encodeWrite,
      encodeSyncRead: series === sts ? encodeSyncRead : null,
      encodeSyncWrite,
      makeDecoder: (countMax) => new FeetechDecoder(countMax),
    },
    // Position, velocity, load, voltage and temperature.
    present: { address: Register.presentPosition, count: 8 },
    placeOf: (bytes, from) => wordAt(bytes, from, series),
    speedOf: (bytes, from) => signedOf(wordAt(bytes, from + 2, series), SignBit.velocity),
    placeMin: 0,
    placeMax: last,
    speedMax,
    // Torque_Enable to the end of Goal_Position.
    orders: { address: Register.torqueEnable, count: 4 },
    torqueOf: (bytes, from) => bytes[from],
    goalOf: (bytes, from) => wordAt(bytes, from + 2, series),
    watchdogOf: () => 0,
    torque: { address: Register.torqueEnable, count: 1 },
    goal: { address: Register.goalPosition, count: 2 },
    putGoal: (bytes, from, counts) => putWord(bytes, from, saturated(counts, 0, last), series),
    watchdog: null,
    examine: (bus, at) => examine(series, scale, bus, at),
    illnessOf,
    answerAtOnce: (bus, at, forUs) => {
      const unlocked = bus.writeOne(at, series.lock, off, forUs);
      if (unlocked) bus.writeOne(at, Register.returnDelay, off, forUs);
      bus.writeOne(at, series.lock, on, forUs);
    },
  };
}

function illnessOf(code: number): string {
  return `the error 0x${code.toString(16)}`;
}

function examine(series: Series, scale: ServoScale, bus: ServoBus, at: number): Finding {
  if (!bus.readOne(at, Register.model, 5, registers)) return "silent";
  const error = bus.errors[at];
  const other = otherModel(series);
  if (other !== null) return { refusal: other };
  if (error !== 0) return { refusal: `reports ${illnessOf(error)}` };
  const isSlow = registers[Register.returnDelay - Register.model] !== 0;
  const mode = series === sts ? refusalOfMode(bus, at) : refusalOfLimits(scale, bus, at);
  if (mode === "silent") return mode;
  if (mode !== null) return { refusal: mode };
  return isSlow ? "slow" : "well";
}

/** The series of servo number `at`, by its model; null where it is silent or of no series. */
export function seriesOf(bus: ServoBus, at: number): Series | null {
  if (!bus.readOne(at, Register.model, 5, registers)) return null;
  return [sts, scs].find((series) => wordAt(registers, 0, series) === series.model) ?? null;
}

/** What a servo is that is not of `series`; null where it is. */
function otherModel(series: Series): string | null {
  const wanted = `not an ${series.modelName} (${series.model})`;
  const told = wordAt(registers, 0, series);
  if (told === series.model) return null;
  const other = series === sts ? scs : sts;
  // The order of its bytes goes with the series, so its number is read by its own.
  if (wordAt(registers, 0, other) !== other.model) return `is model ${told}, ${wanted}`;
  const advice = `a line has one series, which is ${series.name} here`;
  return `is an ${other.modelName} (${other.model}), ${wanted}: ${advice}`;
}

function refusalOfMode(bus: ServoBus, at: number): string | null {
  if (!bus.readOne(at, Register.operatingMode, 1, registers)) return "silent";
  if (registers[0] === positionMode) return null;
  return `is in operating mode ${registers[0]}: give it 0, position`;
}

/** An SCS has no mode: limits of 0 make it a motor, and narrow ones keep it from its goals. */
function refusalOfLimits(
  { counts, marginCounts }: ServoScale,
  bus: ServoBus,
  at: number,
): string | null {
  if (!bus.readOne(at, Register.positionLimits, limitBytes, registers)) return "silent";
  const [low, high] = [wordAt(registers, 0, scs), wordAt(registers, 2, scs)];
  const last = counts - 1 - marginCounts;
  if (low === 0 && high === 0) {
    return `is in motor mode, with position limits of 0: give it 0 and ${counts - 1}`;
  }
  if (low <= marginCounts && high >= last) return null;
  const advice = `give it ${marginCounts} to ${last} or wider, and limits here`;
  return `keeps its goals within ${low} to ${high} counts: ${advice}`;
}
