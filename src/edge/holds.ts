import { setTimeout as delay } from "node:timers/promises";
import { SinewError } from "../core/errors.ts";
import { Mode, nameOfMode, Reason } from "../core/step.ts";
import { Count, Request, State, type Status } from "./status.ts";

const waitMs = 2000;
const lookMs = 5;

/** What a person asks of a run's hold. */
export class Holds {
  /** Why this robot cannot be held, on a line; null: it can. */
  readonly cannot: string | null;
  readonly #status: Status;

  constructor(cannot: string | null, status: Status) {
    this.cannot = cannot;
    this.#status = status;
  }

  /**
   * Keeps the robot where it is until somebody resumes. Throws `SinewError("command")` where it
   * cannot be held, or was stopped meanwhile.
   */
  async hold(): Promise<void> {
    if (this.cannot !== null) throw new SinewError("command", this.cannot);
    await this.#ask(Request.hold, Mode.holding);
  }

  /**
   * Lets the policy drive again. Throws `SinewError("command")` where its newest answer was none,
   * or the robot was stopped meanwhile.
   */
  async resume(): Promise<void> {
    if ((this.#status.reasons & Reason.policyUnfit) !== 0) {
      const line = "the policy fails, or answers what is no number: wait, swap it, or stop";
      throw new SinewError("command", line);
    }
    await this.#ask(Request.resume, Mode.armed);
  }

  async #ask(request: number, wanted: Mode): Promise<void> {
    const status = this.#status;
    const { transitionCount } = status;
    const refused = status.count(Count.refusedHolds);
    // Also where that did not last until anybody looked.
    const done = (): boolean => {
      if (status.isAsked(request)) return false;
      const fresh = status.transitionCount - transitionCount;
      const came = fresh > 0 && status.transitions().slice(-fresh);
      return status.mode === wanted || (came !== false && came.some(({ to }) => to === wanted));
    };
    status.ask(request);
    for (let waitedMs = 0; waitedMs < waitMs; waitedMs += lookMs) {
      if (done()) return;
      if (status.count(Count.refusedHolds) !== refused || status.state === State.ended) break;
      await delay(lookMs);
    }
    // It must not happen when nobody expects it any more.
    status.withdraw(request);
    if (done()) return;
    throw new SinewError("command", `that did not come about: the loop is ${this.#situation()}`);
  }

  #situation(): string {
    const { mode, state } = this.#status;
    return state === State.ended ? "at its end" : nameOfMode(mode);
  }
}
