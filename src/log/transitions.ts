import type { Spec } from "../core/spec.ts";
import { betweenAnswers, Mode, Verdict } from "../core/step.ts";
import type { LogFile } from "./reader.ts";

/**
 * Steps of the policy in one log that followed one another without a gap while it drove: cycles, or
 * where it was asked in one of N, those N. Rows t and t + 1 make a transition: what was seen, what
 * was done, what was seen next. So `count` rows are `count - 1` transitions, and the last row lends
 * only its observation, as the end of an episode that was cut off, not one that ended by itself.
 */
export interface Segment {
  /** `seq` of the first row. */
  readonly seq: number;
  readonly count: number;
  /** Row-major [count, observation channels], physical units; past actions among them if asked. */
  readonly observation: Float32Array;
  /**
   * Row-major [count, action channels], physical units: what the gate let through, on average over
   * the cycles of the step.
   */
  readonly action: Float32Array;
}

/**
 * The segments of `log`, in order. A cycle belongs to one where the mode was armed, the gate did
 * not refuse, and every observation and action is finite; a row begins where the policy was asked.
 * A segment ends where `seq` does not go on by one, and where one of the log's setpoints changes:
 * the last action was made for the goal before that, and what came of it is observed with the next
 * goal only. Segments of a single row hold no transition and are left out.
 *
 * For a policy that observes its last `actionHistory` actions, those stand behind each observation,
 * as `specWithHistory` names them: what was proposed, within its limits, last before the policy was
 * asked again. The first rows, whose past is not known, are then left out.
 */
export function* segmentsOf(log: LogFile, actionHistory: number = 0): Generator<Segment> {
  const past = new PastActions(log.spec, actionHistory);
  const rows = new Rows(past.width, log.spec.action.length);
  const goal = new Goal(log);
  let nextSeq = -1;
  for (const step of log.steps()) {
    const driven =
      step.mode === Mode.armed &&
      step.verdict !== Verdict.refused &&
      step.observation.every(Number.isFinite) &&
      step.action.every(Number.isFinite);
    const asked = (step.reasons & betweenAnswers) === 0;
    const changed = goal.changed(step.observation);
    const follows = driven && step.seq === nextSeq;
    if (!follows || changed) {
      if (rows.count > 1) yield rows.segment();
      rows.clear();
      // What was asked for goes on across a change of the goal.
      if (!follows) past.clear();
    }
    nextSeq = -1;
    if (!driven || !(asked || follows)) continue;
    nextSeq = step.seq + 1;
    if (asked) {
      past.goOn();
      if (past.known) rows.begin(step.seq, past.behind(step.observation));
    }
    rows.take(step.action);
    past.take(step.proposed);
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
  /** What was proposed in the newest cycle, within its limits. */
  readonly #newest: Float32Array;
  #taken = false;
  #pushed = 0;

  constructor(spec: Spec, count: number) {
    this.width = spec.observation.length + count * spec.action.length;
    this.#spec = spec;
    this.#count = count;
    this.#row = new Float32Array(this.width);
    this.#newest = new Float32Array(spec.action.length);
  }

  /** Whether there are as many as are asked for. */
  get known(): boolean {
    return this.#pushed >= this.#count;
  }

  clear(): void {
    this.#pushed = 0;
    this.#taken = false;
  }

  /** The policy is asked again: what was proposed in the newest cycle is its newest past action. */
  goOn(): void {
    if (!this.#taken) return;
    this.#taken = false;
    this.#pushed++;
    if (this.#count === 0) return;
    const own = this.#spec.observation.length;
    this.#row.copyWithin(own + this.#newest.length, own);
    this.#row.set(this.#newest, own);
  }

  take(proposed: Float32Array): void {
    this.#taken = true;
    this.#spec.action.forEach(({ low, high }, i) => {
      this.#newest[i] = Math.min(high, Math.max(low, proposed[i]));
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
  count = 0;
  #seq = 0;
  readonly #observations: number;
  readonly #actions: number;
  /** Of the newest row's cycles. */
  #cycles = 0;
  readonly #sum: Float64Array;
  #observation: Float32Array = new Float32Array(0);
  #action: Float32Array = new Float32Array(0);

  constructor(observations: number, actions: number) {
    this.#observations = observations;
    this.#actions = actions;
    this.#sum = new Float64Array(actions);
  }

  clear(): void {
    this.count = 0;
  }

  begin(seq: number, observation: Float32Array): void {
    if (this.count === 0) this.#seq = seq;
    const needed = (this.count + 1) * this.#observations;
    if (needed > this.#observation.length) {
      const rows = Math.max(256, this.count * 2);
      this.#observation = grown(this.#observation, rows * this.#observations);
      this.#action = grown(this.#action, rows * this.#actions);
    }
    this.#observation.set(observation, this.count * this.#observations);
    this.count++;
    this.#cycles = 0;
    this.#sum.fill(0);
  }

  /** What was let through in one more cycle of the newest row. */
  take(action: Float32Array): void {
    if (this.count === 0) return;
    this.#cycles++;
    const at = (this.count - 1) * this.#actions;
    for (let i = 0; i < this.#actions; i++) {
      this.#sum[i] += action[i];
      this.#action[at + i] = this.#sum[i] / this.#cycles;
    }
  }

  segment(): Segment {
    const { count } = this;
    return {
      seq: this.#seq,
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
