import { Mode } from "../core/step.ts";

/** What can happen to a supervisor. */
export const Happening = {
  /** Asked for: drive to the starting position. */
  home: 0,
  /** The starting position is reached. */
  homed: 1,
  /** Asked for: let the policy drive. */
  arm: 2,
  /** Asked for: keep still, ready to go on; nobody but who asks ends it. */
  hold: 3,
  /** Asked for: let the policy drive after a hold. */
  resume: 4,
  /** Asked for: stop. */
  stop: 5,
  /** The loop found a fault; the reason holds its `Reason` bits. */
  fault: 6,
  /** The device stopped by itself; the reason holds the device's own code. */
  deviceStopped: 7,
  /** Asked for: leave the latched stop. */
  reset: 8,
  /** The policy failed and robot.yaml asks for a hold then; the reason holds its `Reason` bits. */
  fallBack: 9,
  /** Held for that, the policy has been fit for long enough. */
  recover: 10,
} as const;
export type Happening = (typeof Happening)[keyof typeof Happening];

/** The word for a happening. */
export function nameOfHappening(happening: Happening): string {
  return Object.keys(Happening)[happening]!;
}

const { disarmed, homing, armed, holding, stopped } = Mode;
/** Not permitted in this mode: nothing changes. */
const no = -1;

/**
 * Mode (row) and happening (column) to mode. Only `reset` leaves `stopped`, only `arm` leads to
 * `armed` from rest, and no row but `disarmed` accepts `arm`: after a stop it takes reset, then
 * arm. Only what drives can be held, and any fault of a hold is a stop.
 */
export const modeTable: readonly (readonly (Mode | -1)[])[] = [
  // home, homed, arm, hold, resume, stop, fault, deviceStopped, reset, fallBack, recover
  /* disarmed */ [homing, no, armed, no, no, stopped, disarmed, disarmed, no, no, no],
  /* homing   */ [no, disarmed, no, no, no, stopped, stopped, stopped, no, no, no],
  /* armed    */ [no, no, no, holding, no, stopped, stopped, stopped, no, holding, no],
  /* holding  */ [no, no, no, holding, armed, stopped, stopped, stopped, no, no, armed],
  /* stopped  */ [no, no, no, no, no, stopped, stopped, stopped, disarmed, no, no],
];

/** One change of mode. */
export interface Transition {
  timeUs: number;
  from: Mode;
  happening: Happening;
  to: Mode;
  /** `Reason` bits of a fault, the device's code where it stopped by itself, else 0. */
  reason: number;
}

/** The newest transitions kept; older ones are overwritten, `transitionCount` goes on counting. */
export const transitionsKept = 64;

/**
 * The mode table in motion. It starts disarmed, whatever happened before: nothing moves because a
 * process started. Allocates nothing after construction and never throws.
 */
export class Supervisor {
  #mode: Mode = Mode.disarmed;
  #count = 0;
  #refusals = 0;
  readonly #transitions: Transition[] = Array.from({ length: transitionsKept }, () => ({
    timeUs: 0,
    from: Mode.disarmed,
    happening: Happening.reset,
    to: Mode.disarmed,
    reason: 0,
  }));

  get mode(): Mode {
    return this.#mode;
  }

  /** Changes of mode since the start. */
  get transitionCount(): number {
    return this.#count;
  }

  /** Happenings that the table did not permit. */
  get refusalCount(): number {
    return this.#refusals;
  }

  /**
   * Transition number `index`, one of the last 64. The object is overwritten 64 transitions later.
   */
  transition(index: number): Transition {
    return this.#transitions[index % transitionsKept]!;
  }

  /** Tells what happened. Returns whether the table permits it now; where not, nothing changes. */
  tell(happening: Happening, timeUs: number, reason: number = 0): boolean {
    const from = this.#mode;
    const to = modeTable[from]![happening]!;
    if (to === no) {
      this.#refusals++;
      return false;
    }
    if (to === from) return true;
    this.#mode = to;
    const record = this.#transitions[this.#count % transitionsKept]!;
    record.timeUs = timeUs;
    record.from = from;
    record.happening = happening;
    record.to = to;
    record.reason = reason;
    this.#count++;
    return true;
  }
}
