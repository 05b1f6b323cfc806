import * as v from "valibot";
import { SinewError } from "../core/errors.ts";
import type { Spec } from "../core/spec.ts";
import { Hold, type HoldTimes } from "../safety/hold.ts";
import type { Limits } from "../safety/limits.ts";
import type { Fallback, FallbackChoice } from "../safety/recovery.ts";
import type { Robot } from "./robot.ts";
import { specOfDevice } from "./setpoints.ts";

const number = v.pipe(v.number("give a number"), v.finite("give a finite number"));
const recoverMostDefault = 3;
/** A goal is not thrown back to where its actuator is seen. */
const easeSeconds = 0.1;

/** What a robot file says of falling back on its hold. */
export interface FallbackWords {
  readonly fallback: Fallback;
  /** After so long a fit policy drives again; undefined: when somebody resumes. */
  readonly recoverSeconds: number | undefined;
  /** So often within a minute; undefined: it does not come back by itself. */
  readonly recoverMost: number | undefined;
}

/** The keys of a robot file for that. */
export const fallbackEntries: {
  readonly fallback: v.GenericSchema<unknown, Fallback>;
  readonly recoverSeconds: v.GenericSchema<unknown, number | null | undefined>;
  readonly recoverMost: v.GenericSchema<unknown, number | undefined>;
} = {
  fallback: v.optional(v.picklist(["stop", "hold"], "give stop or hold"), "stop"),
  recoverSeconds: v.nullish(v.pipe(number, v.minValue(0.5), v.maxValue(600))),
  recoverMost: v.optional(
    v.pipe(number, v.integer("give a whole number"), v.minValue(1), v.maxValue(10)),
  ),
};

/** `output` with its defaults; `fail` is told of a key that needs another. */
export function fallbackOf(
  output: {
    readonly fallback: Fallback;
    readonly recoverSeconds?: number | null | undefined;
    readonly recoverMost?: number | undefined;
  },
  fail: (keys: readonly string[], line: string) => void,
): FallbackWords {
  const { fallback, recoverMost = recoverMostDefault } = output;
  const recoverSeconds = output.recoverSeconds ?? undefined;
  if (recoverSeconds !== undefined && fallback !== "hold") {
    fail(["recoverSeconds"], '"recoverSeconds" is for a robot that is held: give fallback: hold');
  }
  if (recoverSeconds !== undefined) return { fallback, recoverSeconds, recoverMost };
  if (output.recoverMost !== undefined) {
    fail(["recoverMost"], '"recoverMost" needs recoverSeconds: without it nothing recovers');
  }
  return { fallback, recoverSeconds, recoverMost: undefined };
}

/** How a robot is held, in cycles of `spec`. */
export interface HoldTerms {
  readonly times: HoldTimes;
  readonly fallback: FallbackChoice;
}

/** What `robot` says of its hold. */
export function holdTermsOf(robot: Robot, { periodUs }: Spec): HoldTerms {
  const { start, swap, fallback, recoverSeconds, recoverMost = 1 } = robot;
  const cycles = (seconds: number): number => Math.round((seconds * 1e6) / periodUs);
  const atLeastOne = (seconds: number): number => Math.max(1, cycles(seconds));
  return {
    times: {
      easeCycles: atLeastOne(easeSeconds),
      returnCycles: cycles(start?.softSeconds ?? swap.blendSeconds),
    },
    fallback: {
      fallback,
      recoverCycles: recoverSeconds === undefined ? null : atLeastOne(recoverSeconds),
      recoverMost,
    },
  };
}

/**
 * How `robot`, driven by a policy of `spec` within `limits`, is held. Throws
 * `SinewError("robot-file")` where it is to fall back on a hold and cannot be held, or the gains of
 * a joint do not fit it.
 */
export function holdOfRobot(robot: Robot, spec: Spec, limits: Limits): Hold {
  const hold = new Hold(
    // What the host itself observes tells no place.
    specOfDevice(spec, robot.setpoints),
    limits,
    holdTermsOf(robot, spec).times,
  );
  if (robot.fallback !== "hold" || hold.cannot === null) return hold;
  throw new SinewError("robot-file", `fallback: ${hold.cannot}`);
}
