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
  const names = Object.keys(setpoints[0]?.values ?? {});
  const own = spec.observation.length - names.length;
  if (own < 1) refuse("they leave the device nothing to tell");
  const last = spec.observation.slice(own).map(({ name }) => name);
  for (const name of names) {
    if (last.includes(name)) continue;
    const at = spec.observation.findIndex((channel) => channel.name === name);
    const end = at < 0 ? last : spec.observation.slice(at).map((channel) => channel.name);
    const all = names.length === 1 ? "the last channel" : `one of the last ${names.length}`;
    refuse(
      `"${name}" is not ${all}. The observation ends with ${end.join(", ")}: give all of these`,
    );
  }
  setpoints.forEach(({ seconds, values }, at) => {
    if (at === 0 ? seconds !== 0 : !(seconds > setpoints[at - 1].seconds)) {
      refuse(`number ${at + 1} is at ${seconds} s: begin at 0 and go on in time`);
    }
    if (Object.keys(values).length !== names.length) {
      refuse(`number ${at + 1} gives other channels than the first`);
    }
    for (const { name, unit, low, high } of spec.observation.slice(own)) {
      // Written so that what is left out fails too.
      if (values[name] >= low && values[name] <= high) continue;
      refuse(`"${name}" is ${values[name]}: give ${low} to ${high} ${unit} in each`);
    }
  });
  return { ...spec, observation: spec.observation.slice(0, own) };
}

function refuse(line: string): never {
  throw new SinewError("robot-file", `setpoints: ${line}`);
}

/**
 * Setpoints in motion. Their time counts cycles from the first in which the policy drives, so that
 * it is in the log; before that the first holds. The last one holds for good.
 */
export class Setpoints {
  readonly #own: number;
  readonly #periodUs: number;
  readonly #startsUs: Float64Array;
  readonly #values: readonly Float32Array[];
  #begunSeq = -1;
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
    if (step.mode !== Mode.armed) {
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
