import type { Clock } from "../core/clock.ts";

/** A drive whose watchdog has not expired so much later than it should has none. */
const lateUsMax = 200_000;

/** The silence in which each watchdog of motor drives must expire. */
export class WatchdogSilence {
  #sinceUs = 0;
  readonly #watchdogUs: number;
  readonly #clock: Pick<Clock, "now">;

  constructor(watchdogUs: number, clock: Pick<Clock, "now">) {
    this.#watchdogUs = watchdogUs;
    this.#clock = clock;
  }

  /** The drives are told something for the last time. */
  begin(): void {
    this.#sinceUs = this.#clock.now();
  }

  get #us(): number {
    return this.#clock.now() - this.#sinceUs;
  }

  /** It is as long as a watchdog bears: each should have expired. */
  get over(): boolean {
    return this.#us >= this.#watchdogUs;
  }

  /** It is so long that what has not expired does not. */
  get overdue(): boolean {
    return this.#us > this.#watchdogUs + lateUsMax;
  }

  /** How long it is, ms, for messages. */
  get ms(): number {
    return Math.round(this.#us / 1000);
  }
}
