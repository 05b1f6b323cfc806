import type { Clock } from "../core/clock.ts";
import { bytesOf, OdriveReader, OdriveWriter } from "./odrive-text.ts";
import type { Port } from "./port.ts";

const napUs = 100;
/** The longest lines of an arming need so long at 115200 bits/s. */
const patienceUs = 30_000;
/** A question is asked again once. */
const attemptsMax = 2;
/** Tags have six digits, so that no error's or state's number is taken for one. */
const tagFirst = 100_000;
const tagLast = 999_999;
const tagQuestion = bytesOf("f ");
const tagAnswer = bytesOf("invalid motor ");
/** A line's space, star, sum, and end, to and from a drive. */
const sumBytes = 6;

/** How long the line carries `lines`, their answers of `answerBytes`, and the tag, microseconds. */
export function askUs(lines: Uint8Array, answerBytes: number, baud: number): number {
  const tag = tagQuestion.length + tagAnswer.length + 2 * (sumBytes + 6);
  return ((lines.length + answerBytes + tag) * 10 * 1e6) / baud;
}

/**
 * Questions to an ODrive and their answers. Its answers do not say what they answer, so before each
 * question stands one for the feedback of a motor that no board has: firmware 0.5 answers with that
 * motor's number, and what follows this number is the answer to this very question, not to an
 * earlier one. Throws nothing and allocates nothing after construction.
 */
export class OdriveBus {
  /** The port is gone for good. */
  lost = false;
  /** The newest question got an answer that is no number, as for a property that is not there. */
  strange = false;
  readonly #port: Port;
  readonly #clock: Pick<Clock, "now">;
  readonly #answerUs: number;
  readonly #reader: OdriveReader = new OdriveReader();
  readonly #writer: OdriveWriter = new OdriveWriter();
  readonly #in: Uint8Array = new Uint8Array(1024);
  #tag: number;
  /** How many lines of the answer there are, and numbers in them; -1 before the tag. */
  #lines = -1;
  #numbers = 0;

  /** Waits for an answer for at most `answerUs` an attempt. */
  constructor(port: Port, clock: Pick<Clock, "now">, answerUs: number) {
    this.#port = port;
    this.#clock = clock;
    this.#answerUs = answerUs;
    // Not the first one each time: what an earlier program asked may still be answered.
    this.#tag = tagFirst + (Math.floor(clock.now()) % (tagLast - tagFirst));
  }

  /**
   * Sends `lines`, and takes as many lines of answers as `counts` has places, each with that many
   * numbers, one after another into `into`. False where they did not come whole and in time.
   */
  ask(lines: Uint8Array, counts: Uint8Array, into: Float64Array): boolean {
    return this.#askFor(this.#answerUs, lines, counts, into);
  }

  /** As `ask`, for what may be longer than what a cycle asks, and is said while nothing moves. */
  askPatiently(lines: Uint8Array, counts: Uint8Array, into: Float64Array): boolean {
    return this.#askFor(Math.max(this.#answerUs, patienceUs), lines, counts, into);
  }

  #askFor(answerUs: number, lines: Uint8Array, counts: Uint8Array, into: Float64Array): boolean {
    this.#tag = this.#tag >= tagLast ? tagFirst : this.#tag + 1;
    this.strange = false;
    this.#forget();
    for (let attempt = 0; attempt < attemptsMax && !this.lost; attempt++) {
      if (this.#askOnce(answerUs, lines, counts, into)) return true;
      if (this.strange) return false;
    }
    return false;
  }

  /** Sends what no drive answers; false where the port did not take it. */
  say(writer: OdriveWriter): boolean {
    return writer.length === 0 || this.#port.write(writer.bytes, writer.length);
  }

  /** Blocks until bytes may have come, for at most `timeoutUs`. */
  wait(timeoutUs: number): void {
    this.#port.wait(timeoutUs);
  }

  close(): void {
    this.#port.close();
  }

  #askOnce(answerUs: number, lines: Uint8Array, counts: Uint8Array, into: Float64Array): boolean {
    this.#writer.clear();
    this.#writer.put(tagQuestion);
    this.#writer.putWhole(this.#tag);
    this.#writer.end();
    this.#writer.putLines(lines);
    this.#lines = -1;
    if (!this.say(this.#writer)) return false;
    const untilUs = this.#clock.now() + answerUs;
    for (;;) {
      const heard = this.#port.read(this.#in);
      if (heard < 0) {
        this.lost = true;
        return false;
      }
      for (let at = 0; at < heard; at++) {
        if (this.#reader.push(this.#in[at])) this.#take(counts, into);
      }
      if (this.#lines === counts.length) return true;
      const leftUs = untilUs - this.#clock.now();
      if (leftUs <= 0 || this.strange) return false;
      if (heard === 0) this.#port.wait(Math.min(napUs, leftUs));
    }
  }

  /** One line of an answer. */
  #take(counts: Uint8Array, into: Float64Array): void {
    const reader = this.#reader;
    if (reader.begins(tagAnswer)) {
      this.#lines = reader.number() === this.#tag && reader.over ? 0 : -1;
      this.#numbers = 0;
      return;
    }
    if (this.#lines < 0 || this.#lines === counts.length) return;
    for (let at = 0; at < counts[this.#lines]; at++) {
      const value = reader.number();
      if (Number.isNaN(value)) {
        this.strange = true;
        this.#lines = -1;
        return;
      }
      into[this.#numbers++] = value;
    }
    // More than was to come is not the answer.
    this.#lines = reader.over ? this.#lines + 1 : -1;
  }

  /** What came without being waited for is too old. */
  #forget(): void {
    this.#reader.clear();
    let heard = this.#port.read(this.#in);
    while (heard === this.#in.length) heard = this.#port.read(this.#in);
    if (heard < 0) this.lost = true;
  }
}
