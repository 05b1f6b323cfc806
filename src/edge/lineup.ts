import { allFinite, Mode, type Step, Verdict } from "../core/step.ts";
import type { RollbackCause } from "../log/event.ts";
import type { Policy } from "../policy/policy.ts";
import type { Watched } from "./policy-record.ts";

/** How one policy takes over from another. */
export interface SwapChoice {
  /** Over so many answers what is asked for goes from the one to the other; 0: at once. */
  readonly blendCycles: number;
  /** For so many armed cycles the one before stands by. */
  readonly watchCycles: number;
  /** Where the gate has bounded more of those cycles than this, it drives again. */
  readonly limitedMax: number;
}

/** How a second policy stands: there is none, it is looked at, or it drove until it was swapped. */
export const Second = { none: 0, shadow: 1, standby: 2 } as const;
export type Second = (typeof Second)[keyof typeof Second];

/** The word for it. */
export function nameOfSecond(second: Second): string {
  return Object.keys(Second)[second]!;
}

/** A policy of a run, and its place in the order in which the run was given them. */
export interface Member {
  readonly index: number;
  readonly policy: Policy;
  /** The id of the key that signed its file; absent where no signature is asked for. */
  readonly signedBy?: string;
}

/**
 * The policies of a run as one: who drives, and who is asked beside it. A second one sees all that
 * the first sees and remembers what was asked for in its place. After a swap the one that drove
 * stands by: an answer that is no number or a failure is replaced by its answer in the same cycle,
 * and then it drives again. One call at a time.
 */
export class Lineup implements Pick<Policy, "act" | "rest" | "recall"> {
  readonly #choice: SwapChoice;
  #driver: Member;
  #second: Member | null = null;
  #as: Second = Second.none;
  /** Who drove before, and no longer stands by. */
  #before: Member | null = null;
  readonly #answer: Float32Array;
  /** Answers of the blend that are over. */
  #blended: number;
  /** How far the watch has come. */
  readonly watched: Watched = { cycles: 0, limited: 0 };
  #rescued = false;
  /** The second one was asked beside the first one's newest answer, or came after it. */
  #asked = false;
  /** `answer` is of who is second now. */
  #answered = false;

  /** `first` is what is known of the one that drives first, beside its place. */
  constructor(policy: Policy, choice: SwapChoice, first: Pick<Member, "signedBy"> = {}) {
    this.#driver = { ...first, index: 0, policy };
    this.#choice = choice;
    this.#answer = new Float32Array(policy.spec.action.length);
    this.#blended = choice.blendCycles;
  }

  get driver(): Member {
    return this.#driver;
  }

  get second(): Member | null {
    return this.#second;
  }

  /** Whether some other one drove before. */
  get canGoBack(): boolean {
    return this.#as === Second.standby || this.#before !== null;
  }

  get secondAs(): Second {
    return this.#as;
  }

  /** The second one's newest answer, NaN where it failed; [action channels]. */
  get answer(): Float32Array {
    return this.#answer;
  }

  /** Whether it has answered since it is the second. */
  get answered(): boolean {
    return this.#answered;
  }

  /** Asks `member` beside the one that drives. False while another stands by, or a blend runs. */
  shadow(member: Member): boolean {
    if (this.#as === Second.standby || this.#blends) return false;
    this.#second = member;
    this.#as = Second.shadow;
    this.#await();
    // It was not asked before, so there is nothing to blend with.
    this.#blended = this.#choice.blendCycles;
    return true;
  }

  /** Lets the one in the shadow drive; the other stands by. False where there is none. */
  swap(): boolean {
    if (this.#as !== Second.shadow) return false;
    this.#exchange(Second.standby);
    this.watched.cycles = 0;
    this.watched.limited = 0;
    this.#rescued = false;
    return true;
  }

  /** Lets the one drive that drove before; the other is in its shadow then. False without one. */
  back(): boolean {
    if (this.#as !== Second.standby) {
      if (this.#before === null) return false;
      this.#second = this.#before;
      // It has not seen what was done meanwhile.
      this.#second.policy.rest?.();
    }
    this.#exchange(Second.shadow);
    // Who answered no number is not blended with: a good answer of it may be followed by another.
    if (this.#rescued) this.#blended = this.#choice.blendCycles;
    this.#rescued = false;
    this.#before = null;
    return true;
  }

  /** What drives stays, and nobody stands by any more. */
  keep(): void {
    this.#before = this.#second;
    this.#second = null;
    this.#as = Second.none;
  }

  /** Why, after a cycle that is over, it is time to go back; or to `keep`; null: for neither. */
  judge(step: Step): RollbackCause | "keep" | null {
    // On the way home no policy drives.
    if (this.#as !== Second.standby || step.mode !== Mode.armed) return null;
    const { watched } = this;
    const { limitedMax, watchCycles } = this.#choice;
    watched.cycles++;
    if (step.verdict === Verdict.limited) watched.limited++;
    if (this.#rescued) return "unfit";
    if (step.verdict === Verdict.refused) return "refused";
    if (watched.limited > limitedMax * watchCycles) return "limited";
    return watched.cycles >= watchCycles && !this.#blends ? "keep" : null;
  }

  /** What `answers` more would have done, for a replay of a log without them. */
  skip(answers: number): void {
    if (this.#second === null) return;
    this.#blended = Math.min(this.#choice.blendCycles, this.#blended + answers);
  }

  act(observation: Float32Array, action: Float32Array): void | Promise<void> {
    this.#asked = false;
    if (this.#second !== null && (this.#as === Second.standby || this.#blends)) {
      return this.#actBoth(observation, action);
    }
    return this.#driver.policy.act(observation, action);
  }

  /**
   * After a cycle, so that it costs what drives nothing: asks the one in the shadow what it would
   * have answered, where the one that drives was asked, and tells it what was asked for.
   */
  askShadow({ observation, proposed }: Step): void | Promise<void> {
    if (this.#second === null || this.#asked) return;
    this.#asked = true;
    const asked = this.#askSecond(observation);
    if (asked !== undefined) return asked.then(() => this.#second!.policy.recall?.(proposed));
    this.#second.policy.recall?.(proposed);
  }

  #actBoth(observation: Float32Array, action: Float32Array): void | Promise<void> {
    this.#asked = true;
    try {
      const asked = this.#driver.policy.act(observation, action);
      if (asked !== undefined) {
        return asked
          .catch((thrown) => this.#miss(action, thrown))
          .then(() => this.#actSecond(observation, action));
      }
    } catch (thrown) {
      this.#miss(action, thrown);
    }
    return this.#actSecond(observation, action);
  }

  /** The one that drives has failed; throws that on where nobody stands by. */
  #miss(action: Float32Array, thrown: unknown): void {
    this.#answer.fill(Number.NaN);
    if (this.#as === Second.shadow) throw thrown;
    action.fill(Number.NaN);
  }

  #actSecond(observation: Float32Array, action: Float32Array): void | Promise<void> {
    const asked = this.#askSecond(observation);
    if (asked !== undefined) return asked.then(() => this.#join(action));
    this.#join(action);
  }

  /** Never throws: one that fails has answered no number. */
  #askSecond(observation: Float32Array): void | Promise<void> {
    this.#answered = true;
    try {
      const asked = this.#second!.policy.act(observation, this.#answer);
      return asked?.catch(() => void this.#answer.fill(Number.NaN));
    } catch {
      this.#answer.fill(Number.NaN);
    }
  }

  get #blends(): boolean {
    return this.#second !== null && this.#blended < this.#choice.blendCycles;
  }

  /** While nothing drives there is nothing to blend with. */
  rest(): void {
    this.#blended = this.#choice.blendCycles;
    this.#driver.policy.rest?.();
    this.#second?.policy.rest?.();
  }

  recall(action: Float32Array): void {
    this.#driver.policy.recall?.(action);
    // Who is still to be asked remembers the one before as the newest.
    if (this.#asked) this.#second?.policy.recall?.(action);
  }

  /** Makes one of two answers, of which the first is in `action`, and tells the second of it. */
  #join(action: Float32Array): void {
    this.#mix(action);
    this.#second!.policy.recall?.(action);
  }

  #mix(action: Float32Array): void {
    const { blendCycles } = this.#choice;
    const share = this.#blended < blendCycles ? ++this.#blended / blendCycles : 1;
    if (!allFinite(this.#answer)) return;
    if (!allFinite(action)) {
      // In the shadow stands who failed before: it is not asked to help.
      if (this.#as === Second.standby) this.#rescue(action);
      return;
    }
    if (share === 1) return;
    for (let at = 0; at < action.length; at++) {
      action[at] = this.#answer[at]! + share * (action[at]! - this.#answer[at]!);
    }
    this.#driver.policy.recall?.(action);
  }

  #rescue(action: Float32Array): void {
    action.set(this.#answer);
    this.#rescued = true;
    this.#driver.policy.recall?.(action);
  }

  #exchange(as: Second): void {
    [this.#driver, this.#second] = [this.#second!, this.#driver];
    this.#as = as;
    this.#blended = 0;
    this.#await();
  }

  /** Who is second now is asked with the next answer of the first, and not before. */
  #await(): void {
    this.#asked = true;
    this.#answered = false;
  }
}
