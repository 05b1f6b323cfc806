import type { Clock } from "../core/clock.ts";
import {
  encodeRead,
  encodeSyncRead,
  encodeSyncWrite,
  encodeWrite,
  FeetechDecoder,
  packetBytesMax,
} from "./feetech-packet.ts";
import type { Port } from "./port.ts";

/** More registers than this are never asked for at once. */
const countMax = 24;
const statusBytes = 6;
const napUs = 100;
/** A question is asked again once. */
const attemptsMax = 2;

/** How long the line carries a sync read of `count` registers and its answers, microseconds. */
export function syncReadUs(servos: number, count: number, baud: number): number {
  const bytes = 8 + servos + servos * (statusBytes + count);
  return (bytes * 10 * 1e6) / baud;
}

/**
 * Questions to servos and their answers, one at a time, as the line is one for both ways. Each
 * waits for at most `answerUs` an attempt. Throws nothing and allocates nothing after construction.
 */
export class FeetechBus {
  /** The port is gone for good. */
  lost = false;
  /** Questions that were asked a second time. */
  retries = 0;
  /** What each servo's newest answer said of itself: 0 where all is well. */
  readonly errors: Uint8Array;
  readonly #port: Port;
  readonly #clock: Pick<Clock, "now">;
  readonly #ids: Uint8Array;
  readonly #answerUs: number;
  readonly #decoder: FeetechDecoder = new FeetechDecoder(countMax);
  readonly #in: Uint8Array = new Uint8Array(1024);
  readonly #out: Uint8Array = new Uint8Array(packetBytesMax);
  /** 1 for a servo whose answer is still to come. */
  readonly #waiting: Uint8Array;
  readonly #asked: Uint8Array;
  #left = 0;

  constructor(port: Port, clock: Pick<Clock, "now">, ids: Uint8Array, answerUs: number) {
    this.#port = port;
    this.#clock = clock;
    this.#ids = ids;
    this.#answerUs = answerUs;
    this.errors = new Uint8Array(ids.length);
    this.#waiting = new Uint8Array(ids.length);
    this.#asked = new Uint8Array(ids.length);
  }

  /**
   * Reads the same `count` registers of every servo, one after another into `into`. Those that have
   * not answered are asked once more. False where one is still missing.
   */
  readEach(address: number, count: number, into: Uint8Array): boolean {
    this.#waiting.fill(1);
    this.#left = this.#ids.length;
    for (let attempt = 0; attempt < attemptsMax && this.#left > 0; attempt++) {
      if (attempt > 0) this.retries++;
      let servos = 0;
      for (let at = 0; at < this.#ids.length; at++) {
        if (this.#waiting[at] === 1) this.#asked[servos++] = this.#ids[at];
      }
      this.#ask(encodeSyncRead(this.#asked, servos, address, count, this.#out), count, into, 0);
    }
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
      const length = encodeRead(this.#ids[at], address, count, this.#out);
      this.#ask(length, count, into, at * count);
    }
    return this.#left === 0;
  }

  /** Sets registers of servo number `at`; false where it did not say that it did. */
  writeOne(at: number, address: number, data: Uint8Array): boolean {
    this.#waitFor(at);
    this.#ask(encodeWrite(this.#ids[at], address, data, this.#out), 0, data, 0);
    return this.#left === 0;
  }

  /**
   * Sets the same `count` registers of every servo. No servo answers it; false where the port did
   * not take it.
   */
  writeEach(address: number, count: number, data: Uint8Array): boolean {
    const length = encodeSyncWrite(this.#ids, address, count, data, this.#out);
    return this.#port.write(this.#out, length);
  }

  /** Blocks until bytes may have come, for at most `timeoutUs`. */
  wait(timeoutUs: number): void {
    this.#port.wait(timeoutUs);
  }

  close(): void {
    this.#port.close();
  }

  #waitFor(at: number): void {
    this.#waiting.fill(0);
    this.#waiting[at] = 1;
    this.#left = 1;
  }

  /**
   * Sends the question and takes answers until none is missing or the time is over. Servo number
   * `at` answers into `into` from `at * count - from` on.
   */
  #ask(length: number, count: number, into: Uint8Array, from: number): void {
    this.#forget();
    if (this.lost || !this.#port.write(this.#out, length)) return;
    const untilUs = this.#clock.now() + this.#answerUs;
    while (this.#left > 0) {
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

  /** What came without being waited for is too old. */
  #forget(): void {
    this.#decoder.clear();
    let heard = this.#port.read(this.#in);
    while (heard === this.#in.length) heard = this.#port.read(this.#in);
    if (heard < 0) this.lost = true;
  }

  #take(count: number, into: Uint8Array, from: number): void {
    const { id, code, parameters, parameterCount } = this.#decoder;
    if (parameterCount !== count) return;
    for (let at = 0; at < this.#ids.length; at++) {
      if (this.#ids[at] !== id || this.#waiting[at] === 0) continue;
      for (let i = 0; i < count; i++) into[at * count - from + i] = parameters[i];
      this.errors[at] = code;
      this.#waiting[at] = 0;
      this.#left--;
    }
  }
}
