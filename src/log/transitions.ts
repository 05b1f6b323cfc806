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
  /** Row-major [count, observation channels], physical units; the past among them if asked. */
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
 * For a policy that observes its past, that stands behind each observation, as `specWithHistory`
 * names it: the last `observationHistory` observations with which it was asked, then the last
 * `actionHistory` actions, which are what was proposed, within its limits, last before the policy
 * was asked again. The first rows, whose past is not known, are then left out.
 */
export function* segmentsOf(
  log: LogFile,
  actionHistory: number = 0,
  observationHistory: number = 0,
): Generator<Segment> {
  const past = new Past(log.spec, actionHistory, observationHistory);
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
      // What was seen and asked for goes on across a change of the goal.
      if (!follows) past.clear();
    }
    nextSeq = -1;
    if (!driven || !(asked || follows)) continue;
    nextSeq = step.seq + 1;
    if (asked) {
      past.goOn(step.observation);
      if (past.known) rows.begin(step.seq, past.row);
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

/** What a policy saw and asked for last, newest first, behind what the device observed. */
class Past {
  /** Channels of an observation with them. */
  readonly width: number;
  /** The whole observation, overwritten by the next `goOn`; [width]. */
  readonly row: Float32Array;
  readonly #action: Spec["action"];
  readonly #own: number;
  /** Where the past actions begin. */
  readonly #askedAt: number;
  readonly #count: number;
  /** What was proposed in the newest cycle, within its limits. */
  readonly #newest: Float32Array;
  #taken = false;
  #pushed = 0;

  constructor({ observation, action }: Spec, actions: number, observations: number) {
    this.#own = observation.length;
    this.#askedAt = this.#own * (1 + observations);
    this.width = this.#askedAt + actions * action.length;
    this.row = new Float32Array(this.width);
    this.#action = action;
    this.#count = Math.max(actions, observations);
    this.#newest = new Float32Array(action.length);
  }

  /** Whether it reaches back as far as is asked for. */
  get known(): boolean {
    return this.#pushed >= this.#count;
  }

  clear(): void {
    this.#pushed = 0;
    this.#taken = false;
  }

  /** The policy is asked again, with `observation`: what was the newest is a step ago now. */
  goOn(observation: Float32Array): void {
    if (this.#taken) this.#push();
    this.row.set(observation);
  }

  #push(): void {
    this.#taken = false;
    this.#pushed++;
    this.row.copyWithin(this.#own, 0, this.#askedAt - this.#own);
    if (this.#askedAt === this.width) return;
    this.row.copyWithin(this.#askedAt + this.#newest.length, this.#askedAt);
    // What was proposed in the newest cycle.
    this.row.set(this.#newest, this.#askedAt);
  }

  take(proposed: Float32Array): void {
    this.#taken = true;
    this.#action.forEach(({ low, high }, i) => {
      this.#newest[i] = Math.min(high, Math.max(low, proposed[i]));
    });
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
