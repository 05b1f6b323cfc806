import type { Spec } from "./spec.ts";

/** What the gate said of a proposed action. */
export const Verdict = { pass: 0, limited: 1, refused: 2 } as const;
export type Verdict = (typeof Verdict)[keyof typeof Verdict];

/** Why the gate changed or refused an action: bits, so that several can hold at once. */
export const Reason = {
  staleObservation: 1,
  nonFiniteObservation: 2,
  nonFiniteAction: 4,
  range: 8,
  rate: 16,
  policyFailed: 32,
  linkLost: 64,
  lateCycle: 128,
  /** The device did not come home in time. */
  homeMissed: 256,
  /** An actuator that is to be driven stands further beyond its limits than what is near. */
  beyondLimits: 512,
  /** The action changed faster and faster, or could not have come to rest before its bounds. */
  acceleration: 1024,
  /** The joint could not have stopped before its end. */
  barrier: 2048,
  /** A joint is seen further beyond its end than it may be. */
  jointPosition: 4096,
  /** A joint is seen to move faster than it may. */
  jointVelocity: 8192,
  /** A joint is seen to push harder than it may. */
  jointEffort: 16384,
  /** Cycles were skipped, and the last permitted action stands in for the policy's answer. */
  missHeld: 65_536,
  /** Cycles were skipped, and robot.yaml asks for a stop then. */
  missStopped: 131_072,
  /** Held meanwhile: the policy failed, or its answer was no number. */
  policyUnfit: 262_144,
} as const;

/**
 * A bit of `Step.reasons` that is no reason of the gate: the policy was not asked in this cycle, in
 * which its newest answer is held or gone towards. Words of reasons leave it out.
 */
export const betweenAnswers: number = 2 ** 30;

/** Reasons that lie in what is seen of a joint. */
export const reasonsOfJoints: number =
  Reason.jointPosition | Reason.jointVelocity | Reason.jointEffort;

/** Reasons of which it is worth telling which channel gave them. */
export const reasonsOfOneChannel: number =
  Reason.homeMissed | Reason.beyondLimits | reasonsOfJoints;

/** The bits of `reasons` as words, in the order of the bits. */
export function namesOfReasons(reasons: number): string[] {
  return Object.entries(Reason)
    .filter(([, bit]) => (reasons & bit) !== 0)
    .map(([name]) => name);
}

/** The supervisor's modes. Nothing moves in any of them but homing, armed and holding. */
export const Mode = { disarmed: 0, homing: 1, armed: 2, holding: 3, stopped: 4 } as const;
export type Mode = (typeof Mode)[keyof typeof Mode];

/** Actions go to the device in this mode. */
export function isDriving(mode: Mode): boolean {
  return mode === Mode.armed || mode === Mode.homing || mode === Mode.holding;
}

/** The policy drives in this mode, or is asked on beside the hold that stands in for it. */
export function asksPolicy(mode: Mode): boolean {
  return mode === Mode.armed || mode === Mode.holding;
}

/** Every one of `values` is a number; NaN and the infinities are none. */
export function allFinite(values: Float32Array): boolean {
  for (let at = 0; at < values.length; at++) {
    if (!Number.isFinite(values[at]!)) return false;
  }
  return true;
}

/** The word for a mode. */
export function nameOfMode(mode: Mode): string {
  return Object.keys(Mode)[mode]!;
}

/**
 * One control cycle. Allocated once and overwritten each cycle: the log copies it, nobody keeps it.
 * Times are microseconds of the host's monotonic clock.
 */
export interface Step {
  /** Counts cycles from 0; a gap is a cycle that was skipped because it would have been late. */
  seq: number;
  /** Start of the cycle. */
  timeUs: number;
  /** Age of the observation at `timeUs`; Infinity before the first one. */
  ageUs: number;
  /** When the policy had answered. */
  decidedUs: number;
  /** Until when the device may act on `action`. */
  validUntilUs: number;
  mode: Mode;
  observation: Float32Array;
  /** What the policy asked for, or what was put in its place before the gate. */
  proposed: Float32Array;
  /** What the gate permitted; what the device is told when the verdict is not `refused`. */
  action: Float32Array;
  verdict: Verdict;
  /** `Reason` bits, and `betweenAnswers`. */
  reasons: number;
}

/** A blank step with the shapes of `spec`. */
export function makeStep(spec: Spec): Step {
  return {
    seq: -1,
    timeUs: 0,
    ageUs: Number.POSITIVE_INFINITY,
    decidedUs: 0,
    validUntilUs: 0,
    mode: Mode.disarmed,
    observation: new Float32Array(spec.observation.length),
    proposed: new Float32Array(spec.action.length),
    action: new Float32Array(spec.action.length),
    verdict: Verdict.refused,
    reasons: 0,
  };
}
