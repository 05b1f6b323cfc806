/** Registers of an STS servo that the driver uses, by address; words take two bytes. */
export const Register = {
  /** Word: 777 is an STS3215. */
  model: 3,
  id: 5,
  /** In units of 2 us; 250 when it leaves the factory. */
  returnDelay: 7,
  /** 0 follows goal positions. */
  operatingMode: 33,
  torqueEnable: 40,
  /** Word, counts. */
  goalPosition: 42,
  /** While it is 1, what is below 40 is not kept. */
  lock: 55,
  /** Word, counts. */
  presentPosition: 56,
  /** Word with a sign in bit 15, counts/s. */
  presentVelocity: 58,
} as const;

/** The model number of an STS3215. */
export const modelSts3215 = 777;

/** How a series stores words, and what one turn of its encoder is. */
export interface Series {
  readonly littleEndian: boolean;
  readonly countsPerTurn: number;
}

export const sts: Series = { littleEndian: true, countsPerTurn: 4096 };
export const scs: Series = { littleEndian: false, countsPerTurn: 1024 };

/** Bits of an STS that hold a sign. */
export const SignBit = { velocity: 15, homingOffset: 11 } as const;

/** The word at `at`, from 0 to 65535. */
export function wordAt(bytes: Uint8Array, at: number, series: Series): number {
  const low = series.littleEndian ? at : at + 1;
  const high = series.littleEndian ? at + 1 : at;
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
