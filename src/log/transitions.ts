import type { Spec } from "../core/spec.ts";
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
  /** Row-major [count, observation channels], physical units; past actions among them if asked. */
  readonly observation: Float32Array;
  /** Row-major [count, action channels], physical units: what the gate let through. */
  readonly action: Float32Array;
}

/**
 * The segments of `log`, in order. A row belongs to one where the mode was armed, the gate did not
 * refuse, and every observation and action is finite; a segment ends where `seq` does not go on by
 * one, and where one of the log's setpoints changes: the last action was made for the goal before
 * that, and what came of it is observed with the next goal only. Segments of a single row hold no
 * transition and are left out.
 *
 * For a policy that observes its last `actionHistory` actions, those stand behind each observation,
 * as `specWithHistory` names them: what was proposed, within its limits. The first rows, whose past
 * is not known, are then left out.
 */
export function* segmentsOf(log: LogFile, actionHistory: number = 0): Generator<Segment> {
  const past = new PastActions(log.spec, actionHistory);
  const rows = new Rows(past.width, log.spec.action.length);
  const goal = new Goal(log);
  for (const step of log.steps()) {
    const driven =
      step.mode === Mode.armed &&
      step.verdict !== Verdict.refused &&
      step.observation.every(Number.isFinite) &&
      step.action.every(Number.isFinite);
    const follows = driven && step.seq === rows.seq + rows.count;
    const changed = goal.changed(step.observation);
    if (!follows || changed) {
      if (rows.count > 1) yield rows.segment();
      rows.clear(step.seq);
      // What was asked for goes on across a change of the goal.
      if (!follows) past.clear();
    }
    if (!driven) continue;
    if (past.known) rows.add(past.behind(step.observation), step.action);
    else rows.clear(step.seq + 1);
    past.push(step.proposed);
  }
  if (rows.count > 1) yield rows.segment();
}

/** What the host itself put into the observation. */
class Goal {
  /** Places in the observation; none where the log has no setpoints. */
  readonly #at: readonly number[];
  readonly #last: Float32Array;

  constructor({ metadata, spec }: Pick<LogFile, "metadata" | "spec">) {
    const text = metadata.get("setpoints");
    const rows = text === undefined ? [] : (JSON.parse(text) as { values: object }[]);
    const names = rows.flatMap(({ values }) => Object.keys(values));
    this.#at = spec.observation.flatMap(({ name }, at) => (names.includes(name) ? [at] : []));
    this.#last = new Float32Array(this.#at.length);
  }

  /** Whether it is another than in the call before. */
  changed(observation: Float32Array): boolean {
    let changed = false;
    this.#at.forEach((place, at) => {
      if (observation[place] !== this.#last[at]) changed = true;
      this.#last[at] = observation[place];
    });
    return changed;
  }
}

/** The actions that a policy asked for last, newest first, behind what the device observed. */
class PastActions {
  /** Channels of an observation with them. */
  readonly width: number;
  readonly #spec: Spec;
  readonly #count: number;
  readonly #row: Float32Array;
  #pushed = 0;

  constructor(spec: Spec, count: number) {
    this.width = spec.observation.length + count * spec.action.length;
    this.#spec = spec;
    this.#count = count;
    this.#row = new Float32Array(this.width);
  }

  /** Whether there are as many as are asked for. */
  get known(): boolean {
    return this.#pushed >= this.#count;
  }

  clear(): void {
    this.#pushed = 0;
  }

  push(proposed: Float32Array): void {
    this.#pushed++;
    if (this.#count === 0) return;
    const own = this.#spec.observation.length;
    this.#row.copyWithin(own + proposed.length, own);
    this.#spec.action.forEach(({ low, high }, i) => {
      this.#row[own + i] = Math.min(high, Math.max(low, proposed[i]));
    });
  }

  /** The whole observation, overwritten by the next call. */
  behind(observation: Float32Array): Float32Array {
    this.#row.set(observation);
    return this.#row;
  }
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
