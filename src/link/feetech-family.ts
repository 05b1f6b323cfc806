import {
  encodeRead,
  encodeSyncRead,
  encodeSyncWrite,
  encodeWrite,
  FeetechDecoder,
  packetBytesMax,
} from "./feetech-packet.ts";
import {
  modelSts3215,
  putWord,
  Register,
  SignBit,
  signedOf,
  sts,
  wordAt,
} from "./feetech-registers.ts";
import { saturated } from "./saturated.ts";
import type { ServoBus } from "./servo-bus.ts";
import type { Finding, ServoFamily } from "./servo-family.ts";

const positionMode = 0;
const on = Uint8Array.of(1);
const off = Uint8Array.of(0);
const registers = new Uint8Array(8);

/** Feetech STS3215. */
export const feetech: ServoFamily = {
  name: "feetech",
  packets: {
    questionBytes: 8,
    answerBytes: 6,
    packetBytesMax,
    encodeRead,
    encodeWrite,
    encodeSyncRead,
    encodeSyncWrite,
    makeDecoder: (countMax) => new FeetechDecoder(countMax),
  },
  // Position, velocity, load, voltage and temperature.
  present: { address: Register.presentPosition, count: 8 },
  placeOf: (bytes, from) => wordAt(bytes, from, sts),
  speedOf: (bytes, from) => signedOf(wordAt(bytes, from + 2, sts), SignBit.velocity),
  placeMin: 0,
  placeMax: sts.countsPerTurn - 1,
  speedMax: 8192,
  // Torque_Enable to the end of Goal_Position.
  orders: { address: Register.torqueEnable, count: 4 },
  torqueOf: (bytes, from) => bytes[from],
  goalOf: (bytes, from) => wordAt(bytes, from + 2, sts),
  watchdogOf: () => 0,
  torque: { address: Register.torqueEnable, count: 1 },
  goal: { address: Register.goalPosition, count: 2 },
  putGoal: (bytes, from, counts) => {
    putWord(bytes, from, saturated(counts, 0, sts.countsPerTurn - 1), sts);
  },
  watchdog: null,
  examine,
  illnessOf,
  answerAtOnce: (bus, at) => {
    const unlocked = bus.writeOne(at, Register.lock, off);
    if (unlocked) bus.writeOne(at, Register.returnDelay, off);
    bus.writeOne(at, Register.lock, on);
  },
};

function illnessOf(code: number): string {
  return `the error 0x${code.toString(16)}`;
}

function examine(bus: ServoBus, at: number): Finding {
  if (!bus.readOne(at, Register.model, 5, registers)) return "silent";
  const model = wordAt(registers, 0, sts);
  const error = bus.errors[at];
  if (model !== modelSts3215) {
    return { refusal: `is model ${model}, not an STS3215 (${modelSts3215})` };
  }
  if (error !== 0) return { refusal: `reports ${illnessOf(error)}` };
  const isSlow = registers[Register.returnDelay - Register.model] !== 0;
  if (!bus.readOne(at, Register.operatingMode, 1, registers)) return "silent";
  if (registers[0] !== positionMode) {
    return { refusal: `is in operating mode ${registers[0]}: give it 0, position` };
  }
  return isSlow ? "slow" : "well";
}
