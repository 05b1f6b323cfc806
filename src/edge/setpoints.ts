import { SinewError } from "../core/errors.ts";
import type { Spec } from "../core/spec.ts";
import { Mode, type Step } from "../core/step.ts";

/** What the host itself puts into the observation, from so many seconds after arming on. */
export interface Setpoint {
  readonly seconds: number;
  /** By channel, in the channel's unit. */
  readonly values: Readonly<Record<string, number>>;
}

/**
 * What a device of `spec` tells when the host supplies the channels of `setpoints`, which are the
 * last ones. Throws `SinewError("robot-file")` that names the channel: one that is not among the
 * last, one beyond its limits, one that a later setpoint leaves out or adds, a time that does not
 * go on.
 */
export function specOfDevice(spec: Spec, setpoints: readonly Setpoint[]): Spec {
  for (const { line } of faultsOfSetpoints(spec, setpoints)) {
    throw new SinewError("robot-file", `setpoints: ${line}`);
  }
  const { length } = Object.keys(setpoints[0]?.values ?? {});
  return { ...spec, observation: spec.observation.slice(0, spec.observation.length - length) };
}

/** All that is wrong with `setpoints`: in which of them, from 0, and what. */
export function* faultsOfSetpoints(
  spec: Spec,
  setpoints: readonly Setpoint[],
): Generator<{ readonly at: number; readonly line: string }> {
  const names = Object.keys(setpoints[0]?.values ?? {});
  const own = spec.observation.length - names.length;
  if (own < 1) {
    yield { at: 0, line: "they leave the device nothing to tell" };
    return;
  }
  const supplied = spec.observation.slice(own);
  const last = supplied.map(({ name }) => name);
  for (const name of names) {
    if (last.includes(name)) continue;
    const place = spec.observation.findIndex((channel) => channel.name === name);
    const end = place < 0 ? last : spec.observation.slice(place).map((channel) => channel.name);
    const all = names.length === 1 ? "the last channel" : `one of the last ${names.length}`;
    const ends = `The observation ends with ${end.join(", ")}: give all of these`;
    yield { at: 0, line: `"${name}" is not ${all}. ${ends}` };
  }
  for (const [at, { seconds, values }] of setpoints.entries()) {
    if (at === 0 ? seconds !== 0 : !(seconds > setpoints[at - 1].seconds)) {
      yield { at, line: `number ${at + 1} is at ${seconds} s: begin at 0 and go on in time` };
    }
    if (Object.keys(values).length !== names.length) {
      yield { at, line: `number ${at + 1} gives other channels than the first` };
    }
    for (const { name, unit, low, high } of supplied) {
      // Written so that what is left out fails too.
      if (values[name] >= low && values[name] <= high) continue;
      yield { at, line: `"${name}" is ${values[name]}: give ${low} to ${high} ${unit} in each` };
    }
  }
}

/**
 * Setpoints in motion. Their time counts cycles from the first in which the policy drives, so that
 * it is in the log; before that the first holds. The last one holds for good. While the robot is
 * held it stands still.
 */
export class Setpoints {
  readonly #own: number;
  readonly #periodUs: number;
  readonly #startsUs: Float64Array;
  readonly #values: readonly Float32Array[];
  #begunSeq = -1;
  #lastSeq = -1;
  #at = 0;

  /** Throws as `specOfDevice`. */
  constructor(spec: Spec, setpoints: readonly Setpoint[]) {
    const own = specOfDevice(spec, setpoints).observation.length;
    const supplied = spec.observation.slice(own);
    this.#own = own;
    this.#periodUs = spec.periodUs;
    this.#startsUs = Float64Array.from(setpoints, ({ seconds }) => Math.round(seconds * 1e6));
    this.#values = setpoints.map(({ values }) => {
      return Float32Array.from(supplied, ({ name }) => values[name]);
    });
  }

  /** Writes those of this cycle behind what the device told. */
  fill(step: Step): void {
    if (this.#values.length === 0) return;
    const passed = step.seq - this.#lastSeq;
    this.#lastSeq = step.seq;
    if (step.mode === Mode.holding && this.#begunSeq >= 0) {
      this.#begunSeq += passed;
    } else if (step.mode !== Mode.armed) {
      this.#begunSeq = -1;
      this.#at = 0;
    } else if (this.#begunSeq < 0) {
      this.#begunSeq = step.seq;
    } else {
      const sinceUs = (step.seq - this.#begunSeq) * this.#periodUs;
      while (this.#startsUs[this.#at + 1] <= sinceUs) this.#at++;
    }
    step.observation.set(this.#values[this.#at], this.#own);
  }
}
