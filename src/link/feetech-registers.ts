/**
 * Registers that the driver uses, by address; words take two bytes. An SCS has them, too, but for
 * the operating mode, and another lock.
 */
export const Register = {
  /** Word: 777 is an STS3215. */
  model: 3,
  id: 5,
  /** In units of 2 us; 250 when it leaves the factory. */
  returnDelay: 7,
  /** Two words, counts: the least and the greatest goal. An SCS with 0 and 0 is a motor. */
  positionLimits: 9,
  /** Of an STS: 0 follows goal positions. */
  operatingMode: 33,
  torqueEnable: 40,
  /** Word, counts. */
  goalPosition: 42,
  /** Of an STS: while it is 1, what is below 40 is not kept. */
  lock: 55,
  /** Word, counts. */
  presentPosition: 56,
  /** Word with a sign in bit 15, counts/s. */
  presentVelocity: 58,
} as const;

/** In what the registers of a series are its own, and the one model that is driven. */
export interface Series {
  readonly name: "sts" | "scs";
  readonly littleEndian: boolean;
  readonly counts: number;
  readonly model: number;
  readonly modelName: string;
  /** The address of what keeps what is below 40 from being changed for good while it is 1. */
  readonly lock: number;
}

export const sts: Series = {
  ...{ name: "sts", littleEndian: true, counts: 4096, lock: Register.lock },
  ...{ model: 777, modelName: "STS3215" },
};
/** By Feetech's SCSCL.h and LeRobot's table; its protocol has no sync read. */
export const scs: Series = {
  ...{ name: "scs", littleEndian: false, counts: 1024, lock: 48 },
  ...{ model: 1284, modelName: "SCS0009" },
};

/** Bits that hold a sign; the homing offset is an STS's alone. */
export const SignBit = { velocity: 15, homingOffset: 11 } as const;

/** The word at `at`, from 0 to 65535. */
export function wordAt(
  bytes: Uint8Array,
  at: number,
  { littleEndian }: Pick<Series, "littleEndian">,
): number {
  const low = littleEndian ? at : at + 1;
  const high = littleEndian ? at + 1 : at;
  return bytes[low] | (bytes[high] << 8);
}

/** Writes `word`, from 0 to 65535. */
export function putWord(bytes: Uint8Array, at: number, word: number, series: Series): void {
  bytes[series.littleEndian ? at : at + 1] = word & 0xff;
  bytes[series.littleEndian ? at + 1 : at] = word >> 8;
}

/** The number whose magnitude is below bit `sign` of `word`; it is negative where that is 1. */
export function signedOf(word: number, sign: number): number {
  const magnitude = word & ((1 << sign) - 1);
  return (word & (1 << sign)) === 0 ? magnitude : -magnitude;
}

/** The word of `value`, whose magnitude must be below 2^`sign`. */
export function wordOf(value: number, sign: number): number {
  return value < 0 ? -value | (1 << sign) : value;
}
