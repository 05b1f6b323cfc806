import { Mode, Verdict } from "../core/step.ts";
import type { LogFile } from "./reader.ts";

/**
 * Cycles of one log that followed one another without a gap while the policy drove. Rows t and
 * t + 1 make a transition: what was seen, what was done, what was seen next. So `count` rows are
 * `count - 1` transitions, and the last row lends only its observation, as the end of an episode
 * that was cut off, not one that ended by itself.
 */
export interface Segment {
  /** `seq` of the first row. */
  readonly seq: number;
  readonly count: number;
  /** Row-major [count, observation channels], physical units. */
  readonly observation: Float32Array;
  /** Row-major [count, action channels], physical units: what the gate let through. */
  readonly action: Float32Array;
}

/**
 * The segments of `log`, in order. A row belongs to one where the mode was armed, the gate did not
 * refuse, and every observation and action is finite; a segment ends where `seq` does not go on by
 * one. Segments of a single row hold no transition and are left out.
 */
export function* segmentsOf(log: LogFile): Generator<Segment> {
  const rows = new Rows(log.spec.observation.length, log.spec.action.length);
  for (const step of log.steps()) {
    const driven =
      step.mode === Mode.armed &&
      step.verdict !== Verdict.refused &&
      step.observation.every(Number.isFinite) &&
      step.action.every(Number.isFinite);
    if (!driven || step.seq !== rows.seq + rows.count) {
      if (rows.count > 1) yield rows.segment();
      rows.clear(step.seq);
    }
    if (driven) rows.add(step.observation, step.action);
  }
  if (rows.count > 1) yield rows.segment();
}

/** Rows of a segment that grows. */
class Rows {
  seq = 0;
  count = 0;
  readonly #observations: number;
  readonly #actions: number;
  #observation: Float32Array = new Float32Array(0);
  #action: Float32Array = new Float32Array(0);

  constructor(observations: number, actions: number) {
    this.#observations = observations;
    this.#actions = actions;
  }

  clear(seq: number): void {
    this.seq = seq;
    this.count = 0;
  }

  add(observation: Float32Array, action: Float32Array): void {
    const needed = (this.count + 1) * this.#observations;
    if (needed > this.#observation.length) {
      const rows = Math.max(256, this.count * 2);
      this.#observation = grown(this.#observation, rows * this.#observations);
      this.#action = grown(this.#action, rows * this.#actions);
    }
    this.#observation.set(observation, this.count * this.#observations);
    this.#action.set(action, this.count * this.#actions);
    this.count++;
  }

  segment(): Segment {
    const { seq, count } = this;
    return {
      seq,
      count,
      observation: this.#observation.slice(0, count * this.#observations),
      action: this.#action.slice(0, count * this.#actions),
    };
  }
}

function grown(floats: Float32Array, length: number): Float32Array {
  const larger = new Float32Array(length);
  larger.set(floats);
  return larger;
}
