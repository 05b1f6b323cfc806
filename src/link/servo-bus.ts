import type { Clock } from "../core/clock.ts";
import type { Port } from "./port.ts";
import type { AnswerDecoder, ServoPackets } from "./servo-family.ts";

/** More registers than this are never asked for at once. */
const countMax = 64;
/** So many registers before those that are wanted may be read with them. */
export const aheadMax = 15;
/** No line holds an answer back for longer than this. */
const silenceUs = 1_000_000;
const napUs = 100;
/** A question is asked again once. */
const attemptsMax = 2;
/** So many packets are sent in one write. */
const stagedMax = 3;

/** So many questions read a register of `servos` servos: one by one where none is for all. */
export function questionsOf({ encodeSyncRead }: ServoPackets, servos: number): number {
  return encodeSyncRead === null ? servos : 1;
}

/**
 * Questions to servos and their answers, one at a time, as the line is one for both ways. Each
 * waits for at most `answerUs` an attempt, and all that read every servo together for as long as
 * one more than they are. Throws nothing and allocates nothing after construction.
 */
export class ServoBus {
  /** The port is gone for good. */
  lost = false;
  /** Questions that were asked a second time. */
  retries = 0;
  /** What each servo's newest answer said of itself: 0 where all is well. */
  readonly errors: Uint8Array;
  readonly #packets: ServoPackets;
  readonly #port: Port;
  readonly #clock: Pick<Clock, "now">;
  readonly #ids: Uint8Array;
  readonly #answerUs: number;
  /** What a read of every servo takes at most. */
  readonly #readUs: number;
  readonly #decoder: AnswerDecoder;
  readonly #in: Uint8Array = new Uint8Array(1024);
  readonly #out: Uint8Array;
  /** Packets that are to be sent in one write. */
  readonly #batch: Uint8Array;
  #staged = 0;
  /** 1 for a servo whose answer is still to come. */
  readonly #waiting: Uint8Array;
  readonly #asked: Uint8Array;
  #left = 0;
  /** How many parameters of an answer come before those that are wanted. */
  #skip = 0;
  /** Questions of `readFresh` since the last one that was answered. */
  #open = 0;
  #quietSinceUs: number = Number.NaN;

  constructor(
    packets: ServoPackets,
    port: Port,
    clock: Pick<Clock, "now">,
    ids: Uint8Array,
    answerUs: number,
  ) {
    this.#packets = packets;
    this.#decoder = packets.makeDecoder(countMax);
    this.#out = new Uint8Array(packets.packetBytesMax);
    this.#batch = new Uint8Array(stagedMax * packets.packetBytesMax);
    this.#port = port;
    this.#clock = clock;
    this.#ids = ids;
    this.#answerUs = answerUs;
    this.#readUs = (questionsOf(packets, ids.length) + 1) * answerUs;
    this.errors = new Uint8Array(ids.length);
    this.#waiting = new Uint8Array(ids.length);
    this.#asked = new Uint8Array(ids.length);
  }

  /**
   * Reads the same `count` registers of every servo, one after another into `into`. Those that have
   * not answered are asked once more. False where one is still missing.
   */
  readEach(address: number, count: number, into: Uint8Array): boolean {
    this.#waitForAll();
    this.#skip = 0;
    const endUs = this.#clock.now() + this.#readUs;
    for (let attempt = 0; attempt < attemptsMax && this.#left > 0; attempt++) {
      if (attempt > 0) this.retries++;
      this.#askMissing(address, count, into, endUs);
    }
    return this.#left === 0;
  }

  /**
   * As `readEach`, and what it reads is of this very moment. An answer does not say what it
   * answers, so each question since the last that was answered reads one register more, from before
   * `address`, and a late answer is told by its length. After 16 of them it asks nothing until the
   * line has been silent for a second. `address` must be above 15, `count` 5 to 9.
   */
  readFresh(address: number, count: number, into: Uint8Array): boolean {
    this.#waitForAll();
    if (this.#open > aheadMax && this.#isTooLoud()) return false;
    const endUs = this.#clock.now() + this.#readUs;
    for (let attempt = 0; attempt < attemptsMax && this.#left > 0; attempt++) {
      if (attempt > 0) this.retries++;
      this.#skip = this.#open++;
      this.#askMissing(address, count, into, endUs);
    }
    // The line keeps the order: with the newest answer all that came before it is answered or lost.
    if (this.#left === 0) this.#open = 0;
    return this.#left === 0;
  }

  /** Reads `count` registers of servo number `at`; with `attempts` 1 it is not asked again. */
  readOne(
    at: number,
    address: number,
    count: number,
    into: Uint8Array,
    attempts: number = attemptsMax,
  ): boolean {
    this.#waitFor(at);
    for (let attempt = 0; attempt < attempts && this.#left > 0; attempt++) {
      if (attempt > 0) this.retries++;
      const length = this.#packets.encodeRead(this.#ids[at], address, count, this.#out);
      this.#ask(length, count, into, at * count);
    }
    return this.#left === 0;
  }

  /**
   * Sets registers of servo number `at`; false where it did not say that it did within `forUs`, or
   * `answerUs` where that is longer.
   */
  writeOne(at: number, address: number, data: Uint8Array, forUs: number = this.#answerUs): boolean {
    this.#waitFor(at);
    const length = this.#packets.encodeWrite(this.#ids[at], address, data, this.#out);
    this.#ask(length, 0, data, 0, Math.max(forUs, this.#answerUs));
    return this.#left === 0;
  }

  /**
   * Sets the same `count` registers of every servo. No servo answers it; false where the port did
   * not take it.
   */
  writeEach(address: number, count: number, data: Uint8Array): boolean {
    return this.stage(address, count, data) && this.flush();
  }

  /**
   * Keeps what `writeEach` would send for `flush`, which sends up to three of these in one write.
   * False where there is no room; then none of them is sent.
   */
  stage(address: number, count: number, data: Uint8Array): boolean {
    const length = this.#packets.encodeSyncWrite(this.#ids, address, count, data, this.#out);
    const fits = length > 0 && this.#staged + length <= this.#batch.length;
    for (let at = 0; fits && at < length; at++) this.#batch[this.#staged + at] = this.#out[at];
    this.#staged = fits ? this.#staged + length : 0;
    return fits;
  }

  /** Sends what was staged; false where the port did not take it. */
  flush(): boolean {
    const length = this.#staged;
    this.#staged = 0;
    return this.#port.write(this.#batch, length);
  }

  /** The first servo whose answer is still missing, -1 where none is. */
  get missing(): number {
    return this.#waiting.indexOf(1);
  }

  /** Blocks until bytes may have come, for at most `timeoutUs`. */
  wait(timeoutUs: number): void {
    this.#port.wait(timeoutUs);
  }

  close(): void {
    this.#port.close();
  }

  #waitForAll(): void {
    this.#waiting.fill(1);
    this.#left = this.#ids.length;
  }

  /** Asks those that have not answered, until `endUs` where they are asked one by one. */
  #askMissing(address: number, count: number, into: Uint8Array, endUs: number): void {
    const { encodeRead, encodeSyncRead } = this.#packets;
    const [from, told] = [address - this.#skip, this.#skip + count];
    let servos = 0;
    for (let at = 0; at < this.#ids.length; at++) {
      if (this.#waiting[at] === 0) continue;
      if (encodeSyncRead !== null) this.#asked[servos++] = this.#ids[at];
      else if (this.#clock.now() < endUs) {
        const length = encodeRead(this.#ids[at], from, told, this.#out);
        this.#ask(length, count, into, 0, this.#answerUs, at, endUs);
      }
    }
    if (encodeSyncRead === null) return;
    this.#ask(encodeSyncRead(this.#asked, servos, from, told, this.#out), count, into, 0);
  }

  /** What was asked may still be answered. */
  #isTooLoud(): boolean {
    const nowUs = this.#clock.now();
    if (this.#forget() > 0 || Number.isNaN(this.#quietSinceUs)) this.#quietSinceUs = nowUs;
    if (nowUs - this.#quietSinceUs < silenceUs) return true;
    this.#quietSinceUs = Number.NaN;
    this.#open = 0;
    return false;
  }

  #waitFor(at: number): void {
    this.#skip = 0;
    this.#waiting.fill(0);
    this.#waiting[at] = 1;
    this.#left = 1;
  }

  /**
   * Sends the question and takes answers until none is missing, or not that of servo number `only`
   * where that is given, or the time is over, which it is after `forUs`, and at `endUs` at the
   * latest. Servo number `at` answers into `into` from `at * count - from` on.
   */
  #ask(
    length: number,
    count: number,
    into: Uint8Array,
    from: number,
    forUs: number = this.#answerUs,
    only: number = -1,
    endUs: number = Number.POSITIVE_INFINITY,
  ): void {
    this.#forget();
    if (this.lost || !this.#port.write(this.#out, length)) return;
    const untilUs = Math.min(endUs, this.#clock.now() + forUs);
    while (only < 0 ? this.#left > 0 : this.#waiting[only] === 1) {
      const heard = this.#port.read(this.#in);
      if (heard < 0) {
        this.lost = true;
        return;
      }
      for (let i = 0; i < heard; i++) {
        this.#decoder.push(this.#in[i]);
        while (this.#decoder.next()) this.#take(count, into, from);
      }
      const leftUs = untilUs - this.#clock.now();
      if (leftUs <= 0) return;
      if (heard === 0) this.#port.wait(Math.min(napUs, leftUs));
    }
  }

  /** What came without being waited for is too old. Returns how many bytes that were, or so. */
  #forget(): number {
    this.#decoder.clear();
    let heard = this.#port.read(this.#in);
    while (heard === this.#in.length) heard = this.#port.read(this.#in);
    if (heard < 0) this.lost = true;
    return heard;
  }

  #take(count: number, into: Uint8Array, from: number): void {
    const { id, code, parameters, parameterCount } = this.#decoder;
    if (parameterCount !== this.#skip + count) return;
    for (let at = 0; at < this.#ids.length; at++) {
      if (this.#ids[at] !== id || this.#waiting[at] === 0) continue;
      for (let i = 0; i < count; i++) into[at * count - from + i] = parameters[this.#skip + i];
      this.errors[at] = code;
      this.#waiting[at] = 0;
      this.#left--;
    }
  }
}
