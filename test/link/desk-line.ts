import type { Port } from "../../src/link/port.ts";

/** A motor in few lines, which does what it is told as soon as it can. */
export class DeskMotor {
  turns = 0;
  /** turns/s */
  speed = 0;
  /** Its control loop acts. */
  driven = false;
  order: "position" | "velocity" | "effort" = "position";
  value = 0;
  /** Nothing turns it. */
  jammed = false;
  /** Under a velocity it keeps the place where it would be, and catches up with that. */
  catchesUp = false;
  #place: number = Number.NaN;

  /** 1 ms. */
  tick(): void {
    const before = this.turns;
    if (!this.driven || this.order !== "velocity") this.#place = Number.NaN;
    if (this.driven && this.order === "position") {
      this.turns += Math.min(0.005, Math.max(-0.005, this.value - this.turns));
      this.speed = (this.turns - before) * 1000;
    } else if (this.driven && this.order === "velocity") {
      this.#place = Number.isNaN(this.#place) ? this.turns : this.#place + this.value / 1000;
      this.speed = this.value + (this.catchesUp ? (this.#place - this.turns) * 20 : 0);
    } else if (this.driven) {
      this.speed += this.value * 0.1;
    } else {
      this.speed *= 0.99;
    }
    if (this.jammed) this.speed = 0;
    if (this.order !== "position" || !this.driven) this.turns += this.speed / 1000;
    else if (this.jammed) this.turns = before;
  }
}

/**
 * The far end of a line of text in simulated time, for tests that need no chip: a port that moves
 * the clock when it waits.
 */
export abstract class DeskLine implements Port {
  nowUs = 1_000_000;
  readonly motors: DeskMotor[];
  /** Lines that came in whole, without their sum. */
  readonly told: string[] = [];
  /** Whether a line from the host is lost on the way, or an answer; mangles an answer's bytes. */
  losesLine: (line: string) => boolean = () => false;
  losesAnswer: (line: string) => boolean = () => false;
  mangle: (answer: Uint8Array) => Uint8Array = (answer) => answer;
  /** What an answer takes to come, microseconds. */
  answerUs = 200;
  gone = false;
  full = false;
  /** It has no power: it hears and says nothing. */
  dead = false;
  #line = "";
  #coming: { dueUs: number; bytes: Uint8Array }[] = [];
  #tickUs = this.nowUs;
  #lastDueUs = 0;

  constructor(count: number) {
    this.motors = Array.from({ length: count }, () => new DeskMotor());
  }

  /** A line, without its end. */
  protected abstract take(line: string): void;
  /** 1 ms of the drives, before that of their motors. */
  protected abstract tick(): void;

  now(): number {
    return this.nowUs;
  }

  /** Lets time pass to `dueUs`. */
  until(dueUs: number): void {
    this.nowUs = Math.max(this.nowUs, dueUs);
    for (; this.#tickUs + 1000 <= this.nowUs; this.#tickUs += 1000) {
      this.tick();
      for (const motor of this.motors) motor.tick();
    }
  }

  read(into: Uint8Array): number {
    if (this.gone) return -1;
    let length = 0;
    while (length < into.length && (this.#coming[0]?.dueUs ?? Infinity) <= this.nowUs) {
      const [{ dueUs, bytes }] = this.#coming;
      const part = bytes.subarray(0, into.length - length);
      into.set(part, length);
      length += part.length;
      if (part.length < bytes.length) {
        this.#coming[0] = { dueUs, bytes: bytes.subarray(part.length) };
      } else this.#coming.shift();
    }
    return length;
  }

  write(bytes: Uint8Array, length: number): boolean {
    if (this.gone || this.full) return false;
    if (this.dead) return true;
    for (const byte of bytes.subarray(0, length)) {
      if (byte !== 10) {
        this.#line += String.fromCharCode(byte);
        continue;
      }
      const line = this.#line;
      this.#line = "";
      if (!this.losesLine(line)) this.take(line);
    }
    return true;
  }

  wait(timeoutUs: number): void {
    this.until(this.nowUs + timeoutUs);
  }

  close(): void {
    this.gone = true;
  }

  /** Puts bytes on the line that no drive sent as an answer. */
  say(bytes: Uint8Array): void {
    this.#coming.unshift({ dueUs: this.nowUs, bytes });
  }

  /** Answers with a whole line, its end included. */
  protected answer(line: string): void {
    if (this.losesAnswer(line)) return;
    // What was sent first comes first.
    this.#lastDueUs = Math.max(this.#lastDueUs, this.nowUs + this.answerUs);
    const bytes = this.mangle(Uint8Array.from(line, (letter) => letter.charCodeAt(0)));
    this.#coming.push({ dueUs: this.#lastDueUs, bytes });
  }
}
