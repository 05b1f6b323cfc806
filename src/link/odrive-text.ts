/** A line that an ODrive takes has at most so many bytes, and its answers at most 64. */
const answerBytesMax = 64;
const scale = 1e6;
const mostMillionths = 999_999_999_999;

const Byte = {
  newline: 10,
  return: 13,
  space: 32,
  star: 42,
  minus: 45,
  dot: 46,
  zero: 48,
} as const;

/**
 * Lines of ODrive's ASCII protocol, one after another: words, then ` *`, the exclusive or of all
 * bytes before the star in decimal digits, and the end of the line. Firmware that gets a sum checks
 * it and answers with one. The space keeps a number whole when the star is lost on the way.
 * Allocates nothing after construction.
 */
export class OdriveWriter {
  readonly bytes: Uint8Array;
  length = 0;
  #lineFrom = 0;
  #broken = false;

  constructor(bytesMax: number = 1024) {
    this.bytes = new Uint8Array(bytesMax);
  }

  clear(): void {
    this.length = 0;
    this.#lineFrom = 0;
    this.#broken = false;
  }

  /** Adds bytes of a line as they are. */
  put(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** Adds whole lines as they are. */
  putLines(lines: Uint8Array): void {
    this.put(lines);
    this.#lineFrom = this.length;
  }

  /** Adds a whole number from 0 to 999999999999. */
  putWhole(value: number): void {
    let unit = 1;
    while (unit * 10 <= value) unit *= 10;
    for (let rest = value; unit >= 1; unit = Math.floor(unit / 10)) {
      const digit = Math.floor(rest / unit);
      this.bytes[this.length++] = Byte.zero + digit;
      rest -= digit * unit;
    }
  }

  /**
   * Adds `value` with six decimals. What is beyond 999999 is written as that; what is not finite
   * takes its whole line back, and `end` tells.
   */
  putNumber(value: number): void {
    // First, as no comparison below would find NaN.
    if (!Number.isFinite(value)) {
      this.#broken = true;
      return;
    }
    const millionths = Math.min(Math.round(Math.abs(value) * scale), mostMillionths);
    if (value < 0 && millionths > 0) this.bytes[this.length++] = Byte.minus;
    const whole = Math.floor(millionths / scale);
    this.putWhole(whole);
    this.bytes[this.length++] = Byte.dot;
    let rest = millionths - whole * scale;
    for (let unit = scale / 10; unit >= 1; unit /= 10) {
      const digit = Math.floor(rest / unit);
      this.bytes[this.length++] = Byte.zero + digit;
      rest -= digit * unit;
    }
  }

  /** Ends the line with its sum; false where a number of it was none, and then it is not there. */
  end(): boolean {
    if (this.#broken) {
      this.length = this.#lineFrom;
      this.#broken = false;
      return false;
    }
    this.bytes[this.length++] = Byte.space;
    const sum = sumOf(this.bytes, this.#lineFrom, this.length);
    this.bytes[this.length++] = Byte.star;
    this.putWhole(sum);
    this.bytes[this.length++] = Byte.newline;
    this.#lineFrom = this.length;
    return true;
  }
}

/** The bytes of `lines` as they go over the wire, for what is the same each time. */
export function encodeOdriveLines(lines: readonly string[]): Uint8Array {
  const writer = new OdriveWriter(64 * (lines.length + 1));
  for (const line of lines) {
    writer.put(bytesOf(line));
    writer.end();
  }
  return writer.bytes.slice(0, writer.length);
}

/** ASCII bytes of `text`. */
export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

function sumOf(bytes: Uint8Array, from: number, to: number): number {
  let sum = 0;
  for (let at = from; at < to; at++) sum ^= bytes[at];
  return sum;
}

/**
 * Finds answers in a stream of bytes: lines with a sum that is right. Any other line is none.
 * Allocates nothing after construction.
 */
export class OdriveReader {
  /** The line that `push` found, without its sum: its first `length` bytes. */
  readonly bytes: Uint8Array = new Uint8Array(answerBytesMax);
  length = 0;
  #held = 0;
  #overlong = false;
  #at = 0;

  /** Takes a byte; true where it ends a line, which is then to be found in `bytes`. */
  push(byte: number): boolean {
    if (byte !== Byte.newline && byte !== Byte.return) {
      if (this.#held === answerBytesMax) this.#overlong = true;
      else this.bytes[this.#held++] = byte;
      return false;
    }
    if (this.#held === 0) return false;
    const star = this.#overlong ? -1 : this.#starAt();
    this.length = Math.max(0, star);
    this.#held = 0;
    this.#overlong = false;
    this.#at = 0;
    return star >= 0;
  }

  /** Forgets the beginning of a line that has not ended. */
  clear(): void {
    this.#held = 0;
    this.#overlong = false;
  }

  /** Whether the line begins with `words`; `number` then goes on behind them. */
  begins(words: Uint8Array): boolean {
    if (this.length < words.length) return false;
    for (let at = 0; at < words.length; at++) if (this.bytes[at] !== words[at]) return false;
    this.#at = words.length;
    return true;
  }

  /** The next number of the line, in decimal digits; NaN where there is none. */
  number(): number {
    const { bytes, length } = this;
    let at = this.#at;
    while (at < length && bytes[at] === Byte.space) at++;
    const negative = at < length && bytes[at] === Byte.minus;
    if (negative) at++;
    let value = 0;
    let digits = 0;
    let unit = 0;
    for (; at < length && bytes[at] !== Byte.space; at++) {
      const digit = bytes[at] - Byte.zero;
      if (bytes[at] === Byte.dot && unit === 0) unit = 1;
      else if (digit < 0 || digit > 9 || digits === 15) return Number.NaN;
      else {
        value = value * 10 + digit;
        unit *= 10;
        digits++;
      }
    }
    this.#at = at;
    if (digits === 0) return Number.NaN;
    const size = unit > 1 ? value / unit : value;
    return negative ? -size : size;
  }

  /** Whether nothing but spaces is left of the line. */
  get over(): boolean {
    for (let at = this.#at; at < this.length; at++) {
      if (this.bytes[at] !== Byte.space) return false;
    }
    return true;
  }

  /** Where the star of the held line is, or -1 where the sum behind it is wrong. */
  #starAt(): number {
    let star = this.#held - 1;
    while (star >= 0 && this.bytes[star] !== Byte.star) star--;
    const digits = this.#held - star - 1;
    if (star < 0 || digits < 1 || digits > 3) return -1;
    let told = 0;
    for (let at = star + 1; at < this.#held; at++) {
      const digit = this.bytes[at] - Byte.zero;
      if (digit < 0 || digit > 9) return -1;
      told = told * 10 + digit;
    }
    return told === sumOf(this.bytes, 0, star) ? star : -1;
  }
}
