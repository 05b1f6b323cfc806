import type { Decimation } from "../core/decimation.ts";
import { oneNaN } from "../core/one-nan.ts";
import { asksPolicy, betweenAnswers, type Step } from "../core/step.ts";
import type { Policy } from "../policy/policy.ts";
import type { Lineup } from "./lineup.ts";

/**
 * The policies of a run at their own rate, in a loop that turns `every` times as fast. Between two
 * answers it proposes what `Decimation.between` says, and marks the cycle with `betweenAnswers`. A
 * cycle that was skipped though the policy was due is made up for in the next one that runs, and
 * counts from there: it is never asked twice for it. Who begins to drive is asked at once. A past
 * action is what was asked for last before the next answer: so no policy sees the loop's rate.
 */
export class DecimatedPolicy implements Pick<Policy, "act" | "rest" | "recall"> {
  readonly #policy: Pick<Lineup, "act" | "rest" | "recall" | "skip">;
  readonly #every: number;
  readonly #interpolates: boolean;
  /** The cycle's own: it tells which cycle this is, and in which mode. */
  readonly #step: Step;
  readonly #answer: Float32Array;
  /** What was asked for before the newest answer. */
  readonly #from: Float32Array;
  /** What was asked for in the newest cycle. */
  readonly #asked: Float32Array;
  readonly #along: Float32Array;
  #dueSeq = 0;
  #answeredSeq = 0;
  #rested = true;

  constructor(
    policy: Pick<Lineup, "act" | "rest" | "recall" | "skip">,
    { every, between }: Decimation,
    step: Step,
  ) {
    this.#policy = policy;
    this.#every = every;
    this.#interpolates = between === "interpolate";
    this.#step = step;
    const { length } = step.proposed;
    this.#answer = new Float32Array(length).fill(Number.NaN);
    this.#from = new Float32Array(length);
    this.#asked = new Float32Array(length).fill(Number.NaN);
    this.#along = new Float32Array(length);
  }

  act(observation: Float32Array, action: Float32Array): void | Promise<void> {
    if (this.#every === 1) return this.#policy.act(observation, action);
    const { seq, mode } = this.#step;
    // Nobody who drives on is told to rest.
    // One that fails at once is held in that cycle already.
    const begins = this.#rested && asksPolicy(mode);
    this.#rested = false;
    if (begins || seq >= this.#dueSeq) return this.#ask(observation, action, begins);
    this.#step.reasons |= betweenAnswers;
    this.#propose(action);
  }

  rest(): void {
    this.#rested = true;
    this.#policy.rest();
  }

  recall(action: Float32Array): void {
    this.#policy.recall(action);
  }

  /** What `answer`, had it been the newest one, would come to in this cycle; then overwritten. */
  along(answer: Float32Array): Float32Array {
    const share = this.#share;
    if (share === 1) return answer;
    for (let at = 0; at < answer.length; at++) this.#along[at] = this.#between(answer, at, share);
    return this.#along;
  }

  /** What `cycles` more would have done, for a replay of a log without them. */
  skip(cycles: number): void {
    const behind = this.#step.seq + cycles - this.#dueSeq;
    const answers = Math.max(0, Math.floor(behind / this.#every) + 1);
    this.#dueSeq += answers * this.#every;
    this.#policy.skip(this.#every === 1 ? cycles : answers);
  }

  /** Takes over from a log how a cycle went that came out otherwise. */
  correct({ seq, proposed, reasons }: Step): void {
    this.#policy.recall(proposed);
    const answered = (reasons & betweenAnswers) === 0;
    if (answered) this.#dueSeq = seq + this.#every;
    if (proposed.every((value, at) => Object.is(value, this.#step.proposed[at]))) return;
    this.#asked.set(proposed);
    if (answered && !this.#interpolates) this.#answer.set(proposed);
  }

  #ask(observation: Float32Array, action: Float32Array, begins: boolean): void | Promise<void> {
    const { seq } = this.#step;
    this.#dueSeq = seq + this.#every;
    this.#answeredSeq = seq;
    // Who fails has given nothing that could be held.
    this.#answer.fill(Number.NaN);
    const asked = this.#policy.act(observation, action);
    if (asked !== undefined) return asked.then(() => this.#take(action, begins));
    this.#take(action, begins);
  }

  #take(action: Float32Array, begins: boolean): void {
    this.#answer.set(action);
    for (let at = 0; at < action.length; at++) {
      const before = this.#asked[at]!;
      this.#from[at] = begins || !Number.isFinite(before) ? action[at]! : before;
    }
    this.#propose(action);
  }

  #propose(action: Float32Array): void {
    const share = this.#share;
    for (let at = 0; at < action.length; at++) action[at] = this.#between(this.#answer, at, share);
    this.#asked.set(action);
    // Also where something else stood in for it in the cycle before.
    this.#policy.recall(action);
  }

  #between(answer: Float32Array, at: number, share: number): number {
    const from = this.#from[at]!;
    return share === 1 ? answer[at]! : oneNaN(from + share * (answer[at]! - from));
  }

  /** How much of the way to the newest answer is gone in this cycle. */
  get #share(): number {
    if (!this.#interpolates) return 1;
    return Math.min(1, (this.#step.seq - this.#answeredSeq + 1) / this.#every);
  }
}
