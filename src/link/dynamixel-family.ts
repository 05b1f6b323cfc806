import {
  DynamixelDecoder,
  encodeRead,
  encodeSyncRead,
  encodeSyncWrite,
  encodeWrite,
  Instruction,
  packetBytesMax,
  servoIdMax,
} from "./dynamixel-packet.ts";
import {
  illBit,
  longAt,
  putLong,
  StatusError,
  Table,
  velocityCountsPerS,
} from "./dynamixel-table.ts";
import type { ServoBus } from "./servo-bus.ts";
import type { AnswerDecoder, Finding, ServoFamily } from "./servo-family.ts";
import { wholeTurn } from "./servo-scale.ts";

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
/** Bits of Drive_Mode with which a servo does not do what is said to it alone. */
const driveModes: readonly (readonly [bit: number, what: string])[] = [
  [1, "follows another servo"],
  [2, "takes a profile for a time"],
  [3, "takes torque from a goal"],
];
/** Bits of Hardware_Error_Status. */
const illnesses: readonly (readonly [bit: number, name: string, advice: string])[] = [
  [0, "a supply out of its range", "mend the supply"],
  [2, "overheating", "let it cool"],
  [3, "an encoder that fails", "have it mended"],
  [4, "an electrical shock", "see to its supply and wiring"],
  [5, "an overload", "take the load off it"],
];
/** The first firmware with a Bus Watchdog, but for the 330 size, where each has one. */
const watchdogFirmware = 38;
const alwaysWatching: ReadonlySet<number> = new Set([1190, 1200, 1210, 1220, 1230, 1240]);
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
  series: "x",
  scale: wholeTurn,
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
  watchdog: {
    address: Table.busWatchdog,
    count: 1,
    unitUs: 20_000,
    tripped: 255,
    refusal: StatusError.dataRange,
  },
  examine,
  illnessOf,
  // What is kept is not taken under torque; the greeting sees whether it was.
  answerAtOnce: (bus, at, forUs) => {
    bus.writeOne(at, Table.returnDelay, off, forUs);
  },
};

function examine(bus: ServoBus, at: number): Finding {
  if (!bus.readOne(at, Table.model, keptBytes, registers)) return "silent";
  const refusal = refusalOfKept();
  if (refusal !== null) return { refusal };
  const error = bus.errors[at];
  const isSlow = registers[Table.returnDelay] !== 0;
  if (!bus.readOne(at, Table.torqueEnable, orderBytes, registers)) return "silent";
  if (error !== 0) return { refusal: `reports ${illnessOf(error, registers)}` };
  if (isSlow) return "slow";
  const level = orderAt(registers, Table.statusReturnLevel);
  if (level !== answersAll) {
    return { refusal: `has a Status_Return_Level of ${level}: give it ${answersAll}` };
  }
  // It would lag behind its goals, also behind the one that stops it.
  const velocity = longAt(registers, Table.profileVelocity - Table.torqueEnable);
  const acceleration = longAt(registers, Table.profileAcceleration - Table.torqueEnable);
  if (velocity === 0 && acceleration === 0) return "well";
  const profile = `Profile_Velocity ${velocity} and Profile_Acceleration ${acceleration}`;
  return { refusal: `follows goals by ${profile}: give it 0 and 0` };
}

/** What is wrong with what a servo keeps; null where nothing is. */
function refusalOfKept(): string | null {
  const model = registers[Table.model] | (registers[Table.model + 1] << 8);
  if (!models.has(model)) return `is model ${model}, which is none of the X series`;
  const firmware = registers[Table.firmware];
  if (firmware < watchdogFirmware && !alwaysWatching.has(model)) {
    return `has firmware ${firmware}, without a Bus Watchdog: give it ${watchdogFirmware} or later`;
  }
  const mode = registers[Table.operatingMode];
  if (mode !== positionMode) return `is in operating mode ${mode}: give it 3, position`;
  for (const [bit, what] of driveModes) {
    if ((registers[Table.driveMode] & (1 << bit)) === 0) continue;
    return `${what}: clear bit ${bit} of its Drive_Mode`;
  }
  const second = registers[Table.secondaryId];
  if (second <= servoIdMax) return `obeys id ${second} too: give it a Secondary_ID of 255`;
  // With torque it may tell another turn than without, and the arm would go there.
  const offset = longAt(registers, Table.homingOffset);
  if (offset !== 0) return `has a Homing_Offset of ${offset}: give it 0, and zeroCounts here`;
  // Outside of its own limits it would refuse the goal that stops it, the place where it is.
  const [low, high] = [longAt(registers, Table.positionMin), longAt(registers, Table.positionMax)];
  if (low <= 0 && high >= wholeTurn.counts - 1) return null;
  return `keeps its goals within ${low} to ${high} counts: give it 0 to 4095, and limits here`;
}

function illnessOf(code: number, orders: Uint8Array): string {
  const status = orderAt(orders, Table.hardwareError);
  const ills = illnesses.filter(([bit]) => (status & (1 << bit)) !== 0);
  if ((code & illBit) === 0 || ills.length === 0) return `the error 0x${code.toString(16)}`;
  const [names, advice] = [ills.map(([, name]) => name), ills.map(([, , advice]) => advice)];
  return `${names.join(" and ")}: ${advice.join(", ")}, then cut its power for a moment`;
}

function orderAt(orders: Uint8Array, address: number): number {
  return orders[address - Table.torqueEnable];
}
