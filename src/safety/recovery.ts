/** What becomes of a policy that fails: a stop as for other faults, or a hold. */
export type Fallback = "stop" | "hold";

/** How a robot falls back on its hold, and comes back from there. */
export interface FallbackChoice {
  readonly fallback: Fallback;
  /** After so many fit answers in a row the policy drives again; null: not by itself. */
  readonly recoverCycles: number | null;
  /** So often at most within a minute. At least 1. */
  readonly recoverMost: number;
}

const minuteUs = 60e6;

/**
 * Whether a policy that fails is held, and whether it drives again by itself. A policy that fails
 * again and again is not: within any minute it comes back `recoverMost` times at most, and its next
 * failure is a stop. Times are microseconds of one clock. Allocates nothing after construction.
 */
export class Recovery {
  readonly #choice: FallbackChoice;
  /** When it came back last, as often as it may. */
  readonly #returnsUs: Float64Array;
  #returns = 0;
  #byItself = false;
  /** Fit answers in a row. */
  #fit = 0;

  constructor(choice: FallbackChoice) {
    this.#choice = choice;
    this.#returnsUs = new Float64Array(choice.recoverMost).fill(Number.NEGATIVE_INFINITY);
  }

  /** Whether a policy that fails at `nowUs` is held, and not stopped. */
  mayHold(nowUs: number): boolean {
    const { fallback, recoverMost } = this.#choice;
    const oldestUs = this.#returnsUs[this.#returns % recoverMost]!;
    return fallback === "hold" && nowUs - oldestUs >= minuteUs;
  }

  /** A hold began, or goes on as another: `byItself`, or because somebody asked for it. */
  begin(byItself: boolean): void {
    this.#byItself = byItself;
    this.#fit = 0;
  }

  /** A cycle of the hold at `nowUs`, in which the policy was fit or not; true: it drives again. */
  look(isFit: boolean, nowUs: number): boolean {
    const { recoverCycles, recoverMost } = this.#choice;
    this.#fit = isFit ? this.#fit + 1 : 0;
    if (!this.#byItself || recoverCycles === null || this.#fit < recoverCycles) return false;
    this.#returnsUs[this.#returns++ % recoverMost] = nowUs;
    this.#byItself = false;
    return true;
  }
}
