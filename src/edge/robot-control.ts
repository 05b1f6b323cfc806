import * as v from "valibot";
import { controlSpecOf, type Decimation } from "../core/decimation.ts";
import { SinewError } from "../core/errors.ts";
import type { Spec } from "../core/spec.ts";

const number = v.pipe(v.number("give a number"), v.finite("give a finite number"));

/** Less than one cycle in ten seconds no policy has, and no loop turns faster than the last. */
const rateHzLeast = 0.1;
const rateHzMost = 10_000;
/** A period is whole microseconds, so a rate is seldom what its owner means to the last digit. */
const shareOff = 1e-3;

/** How often the loop turns, as a robot file says it. */
export interface ControlChoice {
  /** Cycles of the loop per second; absent: as many as the policy's. */
  readonly rateHz?: number | undefined;
  /** What is done between two answers of the policy. */
  readonly between: Decimation["between"];
}

/** `control:` of a robot file. */
export const controlSchema: v.GenericSchema<unknown, ControlChoice> = v.strictObject({
  rateHz: v.optional(v.pipe(number, v.minValue(rateHzLeast), v.maxValue(rateHzMost))),
  between: v.optional(v.picklist(["hold", "interpolate"], "give hold or interpolate"), "hold"),
});

/** So many times the rate of a policy of this period, in Hz, to six digits. */
export function rateHzOf({ periodUs }: Pick<Spec, "periodUs">, times: number = 1): number {
  return Number(((times * 1e6) / periodUs).toPrecision(6));
}

/**
 * How often a robot's loop asks a policy of `spec`. Throws `SinewError("robot-file")` where its
 * rate is no whole multiple of the policy's.
 */
export function decimationOfRobot(
  { control: { rateHz, between } }: { readonly control: ControlChoice },
  spec: Spec,
): Decimation {
  if (rateHz === undefined) return { every: 1, between };
  const times = (rateHz * spec.periodUs) / 1e6;
  const every = Math.max(1, Math.round(times));
  if (Math.abs(times - every) <= shareOff * every) return { every, between };
  const below = Math.max(1, Math.floor(times));
  const near = [below, below + 1]
    .map((one) => rateHzOf(spec, one))
    .filter((one) => one <= rateHzMost)
    .join(" or ");
  const line = `${rateHz} is no whole multiple of the policy's ${rateHzOf(spec)}: give ${near}`;
  throw new SinewError("robot-file", `control.rateHz: ${line}`);
}

/** `spec`, of a policy as a device meets it, in cycles of the robot's loop. Throws as above. */
export function controlSpecOfRobot(robot: { readonly control: ControlChoice }, spec: Spec): Spec {
  return controlSpecOf(spec, decimationOfRobot(robot, spec));
}
