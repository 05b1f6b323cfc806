import type { ServoBus } from "./servo-bus.ts";
import type { ServoScale } from "./servo-scale.ts";

/** Finds answers in a stream of bytes, and nothing else: see `FeetechDecoder`. */
export interface AnswerDecoder {
  /** Who answers, and what it says of itself: 0 where all is well. */
  readonly id: number;
  readonly code: number;
  /** What it tells: the first `parameterCount` bytes. */
  readonly parameters: Uint8Array;
  readonly parameterCount: number;
  /** Takes a byte. Ask `next` after each one until it is false. */
  push(byte: number): void;
  /** Whether there is an answer, which is then to be found in the fields. */
  next(): boolean;
  /** Forgets the beginning of a packet that has not ended. */
  clear(): void;
}

/** How a family frames questions. Each encoder returns how many bytes of `out` to send. */
export interface ServoPackets {
  /** A read has so many bytes; a sync read one more for each servo. */
  readonly questionBytes: number;
  /** An answer has so many bytes beside those that it tells. */
  readonly answerBytes: number;
  readonly packetBytesMax: number;
  encodeRead(id: number, address: number, count: number, out: Uint8Array): number;
  encodeWrite(id: number, address: number, data: Uint8Array, out: Uint8Array): number;
  /** null where each servo must be asked by itself. */
  readonly encodeSyncRead:
    | ((ids: Uint8Array, servos: number, address: number, count: number, out: Uint8Array) => number)
    | null;
  encodeSyncWrite(
    ids: Uint8Array,
    address: number,
    count: number,
    data: Uint8Array,
    out: Uint8Array,
  ): number;
  /** A decoder of answers that tell at most `countMax` bytes. */
  makeDecoder(countMax: number): AnswerDecoder;
}

/** Registers in a row. */
export interface Registers {
  readonly address: number;
  readonly count: number;
}

/** A servo's own clock over the silence of the line. */
export interface WatchdogRegister extends Registers {
  /** What one more of its number means, microseconds. */
  readonly unitUs: number;
  /** What it tells once it has tripped; goals are refused until 0 is written. */
  readonly tripped: number;
  /** What an answer says then, of its own accord, to a goal: no other refusal is one of it. */
  readonly refusal: number;
}

/**
 * What a servo turned out to be: as wanted, silent, one that answers too late for a cycle, or one
 * that must not be driven, with the reason in words that go on after its name.
 */
export type Finding = "well" | "silent" | "slow" | { readonly refusal: string };

/** Of a family, the servos with the same registers. */
export type ServoSeries = "sts" | "scs" | "x";

/**
 * What one kind of servos does in its own way. Functions over `bytes` look at those from `from` on.
 */
export interface ServoFamily {
  /** The key of a robot's link. */
  readonly name: "feetech" | "dynamixel";
  readonly series: ServoSeries;
  readonly scale: ServoScale;
  readonly packets: ServoPackets;
  /** All that a cycle reads of a servo. It must be above 15, and 5 to 9 bytes: see `readFresh`. */
  readonly present: Registers;
  /** Counts. */
  placeOf(bytes: Uint8Array, from: number): number;
  /** Counts/s. */
  speedOf(bytes: Uint8Array, from: number): number;
  /** What no encoder tells is outside of these, counts. */
  readonly placeMin: number;
  readonly placeMax: number;
  /** No servo goes faster, nor is it pushed so, counts/s. */
  readonly speedMax: number;
  /** All that a servo was told to do. It must have another length than `present` may be read by. */
  readonly orders: Registers;
  torqueOf(bytes: Uint8Array, from: number): number;
  goalOf(bytes: Uint8Array, from: number): number;
  /** 0 where there is none. */
  watchdogOf(bytes: Uint8Array, from: number): number;
  readonly torque: Registers;
  readonly goal: Registers;
  putGoal(bytes: Uint8Array, from: number, counts: number): void;
  /** null where a servo does not notice that the line is silent. */
  readonly watchdog: WatchdogRegister | null;
  /** Asks servo number `at` what it is; moves nothing. */
  examine(bus: ServoBus, at: number): Finding;
  /**
   * What a servo reports with an answer's `code`, and what to do, in words that go on after
   * "reports". `orders` is what it told of them last.
   */
  illnessOf(code: number, orders: Uint8Array): string;
  /** Has servo number `at` answer without a delay, for good; awaits each answer for `forUs`. */
  answerAtOnce(bus: ServoBus, at: number, forUs: number): void;
}
