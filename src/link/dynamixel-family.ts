import {
  DynamixelDecoder,
  encodeRead,
  encodeSyncRead,
  encodeSyncWrite,
  encodeWrite,
  Instruction,
  packetBytesMax,
} from "./dynamixel-packet.ts";
import { longAt, putLong, Table, velocityCountsPerS } from "./dynamixel-table.ts";
import type { ServoBus } from "./servo-bus.ts";
import type { AnswerDecoder, Finding, ServoFamily } from "./servo-family.ts";
import type { ServoJoint } from "./servo-joints.ts";

/**
 * Model numbers of the X series with the control table of `dynamixel-table.ts`: XL330 and XC330,
 * XL430 and XC430, XM, XH, XD and XW. The XL-320 (350) has another.
 */
const models: ReadonlySet<number> = new Set([
  ...[1000, 1001, 1010, 1011, 1020, 1030, 1040, 1050, 1060, 1070, 1080, 1090],
  ...[1100, 1101, 1110, 1111, 1120, 1130, 1140, 1150, 1160, 1170, 1180, 1190],
  ...[1200, 1210, 1220, 1230, 1240, 1270, 1280, 1310],
]);
const positionMode = 3;
const torqueByGoalBit = 8;
const answersAll = 2;
/** Model number to Min_Position_Limit and some more: no other question has an answer as long. */
const keptBytes = 60;
/** Torque_Enable to the end of Goal_Position. */
const orderBytes: number = Table.goalPosition + 4 - Table.torqueEnable;
const registers = new Uint8Array(keptBytes);
const off = Uint8Array.of(0);

/** Status packets among all that is on the line, and what they tell without their error byte. */
class StatusDecoder implements AnswerDecoder {
  id = 0;
  code = 0;
  readonly parameters: Uint8Array;
  parameterCount = 0;
  readonly #decoder: DynamixelDecoder;

  constructor(countMax: number) {
    this.#decoder = new DynamixelDecoder(countMax + 1);
    this.parameters = new Uint8Array(this.#decoder.parameters.length);
  }

  push(byte: number): void {
    this.#decoder.push(byte);
  }

  next(): boolean {
    const decoder = this.#decoder;
    while (decoder.next()) {
      if (decoder.instruction !== Instruction.status || decoder.parameterCount < 1) continue;
      this.id = decoder.id;
      this.code = decoder.parameters[0];
      this.parameterCount = decoder.parameterCount - 1;
      for (let at = 0; at < this.parameterCount; at++) {
        this.parameters[at] = decoder.parameters[at + 1];
      }
      return true;
    }
    return false;
  }

  clear(): void {
    this.#decoder.clear();
  }
}

/** Dynamixel's X series by protocol 2.0. */
export const dynamixel: ServoFamily = {
  name: "dynamixel",
  packets: {
    questionBytes: 14,
    answerBytes: 11,
    packetBytesMax,
    encodeRead,
    encodeWrite,
    encodeSyncRead,
    encodeSyncWrite,
    makeDecoder: (countMax) => new StatusDecoder(countMax),
  },
  // Velocity, then position.
  present: { address: Table.presentVelocity, count: 8 },
  placeOf: (bytes, from) => longAt(bytes, from + 4),
  speedOf: (bytes, from) => longAt(bytes, from) * velocityCountsPerS,
  // Let go it counts its turns.
  placeMin: -(2 ** 31),
  placeMax: 2 ** 31 - 1,
  // Velocity_Limit is at most 2047 times 0.229 rev/min.
  speedMax: 32_768,
  orders: { address: Table.torqueEnable, count: orderBytes },
  torqueOf: (bytes, from) => bytes[from],
  goalOf: (bytes, from) => longAt(bytes, from + Table.goalPosition - Table.torqueEnable),
  watchdogOf: (bytes, from) => bytes[from + Table.busWatchdog - Table.torqueEnable],
  torque: { address: Table.torqueEnable, count: 1 },
  goal: { address: Table.goalPosition, count: 4 },
  putGoal: putLong,
  watchdog: { address: Table.busWatchdog, count: 1, unitUs: 20_000, tripped: 255 },
  examine,
  // What is kept is not taken under torque; the greeting sees whether it was.
  answerAtOnce: (bus, at) => {
    bus.writeOne(at, Table.returnDelay, off);
  },
};

function examine(bus: ServoBus, at: number, joint: ServoJoint): Finding {
  if (!bus.readOne(at, Table.model, keptBytes, registers)) return "silent";
  const refusal = refusalOf(joint);
  if (refusal !== null) return { refusal };
  const error = bus.errors[at];
  if (error !== 0) return { refusal: `reports the error 0x${error.toString(16)}` };
  if (registers[Table.returnDelay] !== 0) return "slow";
  if (!bus.readOne(at, Table.torqueEnable, orderBytes, registers)) return "silent";
  const level = registers[Table.statusReturnLevel - Table.torqueEnable];
  if (level === answersAll) return "well";
  return { refusal: `has a Status_Return_Level of ${level}: give it ${answersAll}` };
}

/** What is wrong with what a servo keeps; null where nothing is. */
function refusalOf({ lowCounts, highCounts }: ServoJoint): string | null {
  const model = registers[Table.model] | (registers[Table.model + 1] << 8);
  if (!models.has(model)) return `is model ${model}, which is none of the X series`;
  const mode = registers[Table.operatingMode];
  if (mode !== positionMode) return `is in operating mode ${mode}: give it 3, position`;
  if ((registers[Table.driveMode] & torqueByGoalBit) !== 0) {
    return "takes torque from a goal: clear bit 3 of its Drive_Mode";
  }
  // With torque it may tell another turn than without, and the arm would go there.
  const offset = longAt(registers, Table.homingOffset);
  if (offset !== 0) return `has a Homing_Offset of ${offset}: give it 0, and zeroCounts here`;
  const [low, high] = [longAt(registers, Table.positionMin), longAt(registers, Table.positionMax)];
  if (low <= lowCounts && high >= highCounts) return null;
  const range = `${lowCounts} to ${highCounts}`;
  return `keeps its goals within ${low} to ${high} counts, the policy asks for ${range}`;
}
