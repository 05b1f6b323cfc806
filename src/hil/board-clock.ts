/** Time of one cycle of an RP2040 at 125 MHz. */
export const cycleNs = 8;

class Alarm {
  atNs: number = Number.POSITIVE_INFINITY;
  readonly fire: () => void;
  readonly #clock: BoardClock;

  constructor(clock: BoardClock, fire: () => void) {
    this.#clock = clock;
    this.fire = fire;
  }

  schedule(aheadNs: number): void {
    this.atNs = this.#clock.nanos + aheadNs;
    this.#clock.choose();
  }

  cancel(): void {
    this.atNs = Number.POSITIVE_INFINITY;
    this.#clock.choose();
  }
}

/**
 * The time of an emulated board: the cycles that its core ran and the time that it slept. It costs
 * the emulator nothing for each instruction, as the clock of rp2040js itself does.
 */
export class BoardClock {
  /** The core, whose cycles count as time; set once there is one. */
  core: { readonly cycles: number } = { cycles: 0 };
  /** When the next alarm is due; Infinity where none runs. */
  dueNs: number = Number.POSITIVE_INFINITY;
  #alarms: Alarm[] = [];
  #next: Alarm | null = null;
  #sleptNs = 0;

  /** Nanoseconds since the start. */
  get nanos(): number {
    return this.#sleptNs + this.core.cycles * cycleNs;
  }

  createAlarm(fire: () => void): Alarm {
    const alarm = new Alarm(this, fire);
    this.#alarms.push(alarm);
    return alarm;
  }

  /** The chip was reset: time goes on without its core and its alarms. */
  reset(): void {
    this.#sleptNs = this.nanos;
    this.core = { cycles: 0 };
    this.#alarms = [];
    this.choose();
  }

  /** Lets `ns` pass without the core. */
  sleep(ns: number): void {
    this.#sleptNs += ns;
  }

  /** Fires what is due, each alarm at its own time: a periodic one must not drift. */
  fire(): void {
    while (this.dueNs <= this.nanos) {
      const alarm = this.#next!;
      const lateNs = this.nanos - alarm.atNs;
      this.#sleptNs -= lateNs;
      alarm.cancel();
      alarm.fire();
      this.#sleptNs += lateNs;
    }
  }

  /** Finds the next alarm anew. */
  choose(): void {
    this.dueNs = Number.POSITIVE_INFINITY;
    for (const alarm of this.#alarms) {
      if (alarm.atNs >= this.dueNs) continue;
      this.dueNs = alarm.atNs;
      this.#next = alarm;
    }
  }
}
