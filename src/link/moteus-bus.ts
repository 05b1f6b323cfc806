import type { Clock } from "../core/clock.ts";
import { type MoteusFrame, MoteusReply } from "./moteus-frame.ts";
import { MoteusReader, MoteusWriter } from "./moteus-text.ts";
import type { Port } from "./port.ts";

const napUs = 100;
/** A question is asked again once. */
const attemptsMax = 2;
/** A drive answers where this bit of the id is set. */
const answers = 0x8000;
/** The sender's address has seven bits, and other programs use 0. */
const tagLast = 127;
/** So many questions without an answer of a drive, and an address would soon come again. */
const openMax = 100;
/** No line holds an answer back for longer than this. */
const silenceUs = 1_000_000;
/** An answer's line without its frame, and what acknowledges a question. */
const lineBytes = 32;

const Answer = { unasked: 0, awaited: 1, come: 2 } as const;

/** How long the line carries a question and its answer, each of one drive, microseconds. */
export function exchangeUs(askBytes: number, answerBytes: number, baud: number): number {
  return ((2 * (askBytes + answerBytes) + 2 * lineBytes) * 10 * 1e6) / baud;
}

/**
 * Questions to moteus drives and their answers. An answer goes to the address that asked, so each
 * question comes from another one, and a late answer is told by it. Throws nothing and allocates
 * nothing after construction.
 */
export class MoteusBus {
  /** The port is gone for good. */
  lost = false;
  readonly writer: MoteusWriter;
  readonly #port: Port;
  readonly #clock: Pick<Clock, "now">;
  readonly #ids: readonly number[];
  readonly #answerUs: number;
  readonly #reader: MoteusReader;
  readonly #reply: MoteusReply;
  readonly #in: Uint8Array = new Uint8Array(1024);
  /** Of each drive: `Answer`. */
  readonly #answered: Uint8Array;
  /** Questions of each drive since it answered last, and when it was asked last. */
  readonly #open: Uint8Array;
  readonly #askedUs: Float64Array;
  #left = 0;
  #tag = 0;

  /** Waits for answers for at most `answerUs` an attempt; `checks`: lines have sums. */
  constructor(
    port: Port,
    clock: Pick<Clock, "now">,
    ids: readonly number[],
    answerUs: number,
    checks: boolean,
  ) {
    this.#port = port;
    this.#clock = clock;
    this.#ids = ids;
    this.#answerUs = answerUs;
    this.writer = new MoteusWriter(checks);
    this.#reader = new MoteusReader(checks);
    this.#reply = new MoteusReply(this.#reader.frame);
    this.#answered = new Uint8Array(ids.length);
    this.#open = new Uint8Array(ids.length);
    this.#askedUs = new Float64Array(ids.length);
  }

  /**
   * Asks each drive with the same `frame`; the values of `registers` of one after another come into
   * `into`. False where one did not answer with all of them.
   */
  ask(frame: MoteusFrame, registers: readonly number[], into: Float64Array): boolean {
    this.#tag = (this.#tag % tagLast) + 1;
    this.#left = 0;
    const nowUs = this.#clock.now();
    for (let at = 0; at < this.#ids.length; at++) {
      const asked = this.#mayAsk(at, nowUs);
      this.#answered[at] = asked ? Answer.awaited : Answer.unasked;
      if (asked) this.#left++;
    }
    this.#forget();
    for (let attempt = 0; attempt < attemptsMax && this.#left > 0 && !this.lost; attempt++) {
      this.#askMissing(frame, registers, into);
    }
    for (let at = 0; at < this.#ids.length; at++) if (!this.answered(at)) return false;
    return true;
  }

  /** Whether drive number `at` answered the newest question. */
  answered(at: number): boolean {
    return this.#answered[at] === Answer.come;
  }

  /** Adds a frame for drive number `at` to what `say` sends; it is not answered. */
  put(at: number, frame: MoteusFrame): void {
    this.writer.put(this.#ids[at], frame.bytes, frame.length);
  }

  /** Sends what was put into the writer; false where the port did not take it. */
  say(): boolean {
    return this.writer.length === 0 || this.#port.write(this.writer.bytes, this.writer.length);
  }

  /** Blocks until bytes may have come, for at most `timeoutUs`. */
  wait(timeoutUs: number): void {
    this.#port.wait(timeoutUs);
  }

  close(): void {
    this.#port.close();
  }

  #askMissing(frame: MoteusFrame, registers: readonly number[], into: Float64Array): void {
    this.writer.clear();
    for (let at = 0; at < this.#ids.length; at++) {
      if (this.#answered[at] !== Answer.awaited) continue;
      const id = answers | (this.#tag << 8) | this.#ids[at];
      this.writer.put(id, frame.bytes, frame.length);
    }
    if (!this.say()) return;
    const untilUs = this.#clock.now() + this.#answerUs;
    while (this.#left > 0) {
      const heard = this.#port.read(this.#in);
      if (heard < 0) {
        this.lost = true;
        return;
      }
      for (let i = 0; i < heard; i++) {
        if (this.#reader.push(this.#in[i])) this.#take(registers, into);
      }
      const leftUs = untilUs - this.#clock.now();
      if (leftUs <= 0) return;
      if (heard === 0) this.#port.wait(Math.min(napUs, leftUs));
    }
  }

  #take(registers: readonly number[], into: Float64Array): void {
    const { id, length } = this.#reader;
    if ((id & 0xff) !== this.#tag) return;
    for (let at = 0; at < this.#ids.length; at++) {
      if (id >> 8 !== this.#ids[at] || this.#answered[at] !== Answer.awaited) continue;
      if (!this.#reply.take(length)) return;
      for (let i = 0; i < registers.length; i++) {
        const value = this.#reply.values[registers[i]];
        // A drive tells a number that it does not know as NaN, and that is no answer either.
        if (!Number.isFinite(value)) return;
        into[at * registers.length + i] = value;
      }
      this.#answered[at] = Answer.come;
      // The line keeps the order: what a drive was asked before is answered or lost.
      this.#open[at] = 0;
      this.#left--;
    }
  }

  /** A drive that has not answered for long is left alone, until no old answer can come. */
  #mayAsk(at: number, nowUs: number): boolean {
    if (this.#open[at] >= openMax) {
      if (nowUs - this.#askedUs[at] < silenceUs) return false;
      this.#open[at] = 0;
    }
    this.#open[at]++;
    this.#askedUs[at] = nowUs;
    return true;
  }

  /** What came without being waited for is too old. */
  #forget(): void {
    this.#reader.clear();
    let heard = this.#port.read(this.#in);
    while (heard === this.#in.length) heard = this.#port.read(this.#in);
    if (heard < 0) this.lost = true;
  }
}
