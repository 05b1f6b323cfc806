import type { Clock } from "../core/clock.ts";
import {
  allFinite,
  asksPolicy,
  isDriving,
  Mode,
  Reason,
  type Step,
  Verdict,
} from "../core/step.ts";
import { type Device, StopReason } from "../link/device.ts";
import type { Policy } from "../policy/policy.ts";
import type { Guard } from "../safety/guard.ts";
import type { Hold } from "../safety/hold.ts";
import type { Recovery } from "../safety/recovery.ts";
import { Happening, type Supervisor } from "../safety/supervisor.ts";
import type { Setpoints } from "./setpoints.ts";
import type { Start } from "./start.ts";

/** The parts of a cycle whose times are measured, in order. */
export const Stage = { read: 0, decide: 1, guard: 2, write: 3, log: 4 } as const;
export type Stage = (typeof Stage)[keyof typeof Stage];

/**
 * What to do in the first cycle after some that were skipped, while the robot is driven. In those
 * that were skipped nothing is sent: the device goes on with the last command until it expires.
 * `coast`: drive on as in any other cycle. `hold`: send the last permitted action once more in the
 * place of the policy's. `stop`: that is a fault.
 */
export type MissPolicy = "coast" | "hold" | "stop";

/** Everything that one cycle touches. A replay gives other parts, never another tick. */
export interface Cycle {
  readonly clock: Pick<Clock, "now">;
  readonly device: Device;
  readonly policy: Pick<Policy, "act" | "rest" | "recall">;
  readonly setpoints: Pick<Setpoints, "fill">;
  /** How the policy comes to drive. */
  readonly approach: Pick<Start, "ease" | "standsAt">;
  /** What drives while the robot is held. */
  readonly hold: Pick<Hold, "propose">;
  /** Whether a policy that fails is held, and when it drives again by itself. */
  readonly recovery: Pick<Recovery, "mayHold" | "begin" | "look">;
  readonly guard: Guard;
  readonly supervisor: Pick<Supervisor, "mode" | "tell">;
  readonly log: { append(step: Step): boolean };
  /** Told when each stage is over. It keeps its own time, so that a replay needs none. */
  readonly meter: { lap(stage: Stage): void };
  /** How long the device may act on one command, counted from the start of the cycle. */
  readonly ttlUs: number;
  readonly onMiss: MissPolicy;
  readonly step: Step;
}

/**
 * One control cycle, over when this returns, or when its promise is kept where the policy answers
 * later. `late` tells that the schedule skipped a cycle before this one. It does not throw: what
 * goes wrong becomes a reason, a refused verdict and a stop.
 */
export function tick(cycle: Cycle, seq: number, late: boolean): void | Promise<void> {
  begin(cycle, seq, late);
  read(cycle);
  settle(cycle);
  admit(cycle);
  aim(cycle);
  const asked = decide(cycle);
  if (asked !== undefined) return asked.then(() => act(cycle, late));
  act(cycle, late);
}

/** The second half of a cycle: the policy has answered. */
function act(cycle: Cycle, late: boolean): void {
  answer(cycle);
  fallBack(cycle);
  const missed = miss(cycle, late);
  ease(cycle, missed);
  hold(cycle);
  guard(cycle);
  write(cycle);
  recover(cycle);
  log(cycle);
}

function begin({ clock, step }: Cycle, seq: number, late: boolean): void {
  step.seq = seq;
  step.timeUs = clock.now();
  step.validUntilUs = 0;
  step.reasons = late ? Reason.lateCycle : 0;
}

function read({ device, meter, step }: Cycle): void {
  step.ageUs = device.read(step.observation, step.timeUs);
  if (device.lost) step.reasons |= Reason.linkLost;
  meter.lap(Stage.read);
}

/** What nothing drove in the cycle before, whose mode the step still has, begins anew. */
function settle({ approach, guard, policy, supervisor, step }: Cycle): void {
  const { mode } = supervisor;
  if (!asksPolicy(step.mode) || !asksPolicy(mode)) policy.rest?.();
  if (isDriving(step.mode) && isDriving(mode)) return;
  // A device that was not driven stands, so the first action after that is limited from there.
  for (let at = 0; at < step.action.length; at++) {
    step.action[at] = approach.standsAt(step.observation, at);
  }
  guard.reset(step.action);
}

/** Takes over the mode in which this whole cycle is judged. */
function admit({ supervisor, step }: Cycle): void {
  step.mode = supervisor.mode;
}

/** What the host itself observes: where the policy is to go. */
function aim({ setpoints, step }: Cycle): void {
  setpoints.fill(step);
}

/** A promise only where the policy makes one: who answers at once costs none. */
function decide({ policy, step }: Cycle): void | Promise<void> {
  try {
    return policy.act(step.observation, step.proposed)?.catch(() => fail(step));
  } catch {
    fail(step);
  }
}

function fail(step: Step): void {
  step.proposed.fill(Number.NaN);
  step.reasons |= Reason.policyFailed;
}

function answer({ clock, meter, step }: Cycle): void {
  step.decidedUs = clock.now();
  meter.lap(Stage.decide);
}

/**
 * A policy that fails is held from this cycle on, where robot.yaml says so and nothing else is
 * wrong. While it is held its failing refuses nothing: what it asks for is not done.
 */
function fallBack(cycle: Cycle): void {
  const { step } = cycle;
  const failed = failureOf(step);
  if (failed === 0) return;
  if (step.mode === Mode.armed && mayHold(cycle, failed)) {
    step.mode = Mode.holding;
    cycle.recovery.begin(true);
  }
  if (step.mode !== Mode.holding) return;
  step.reasons = (step.reasons & ~Reason.policyFailed) | Reason.policyUnfit;
}

/** The bits of what is wrong with the policy's answer; 0: nothing. */
function failureOf({ proposed, reasons }: Step): number {
  return (reasons & Reason.policyFailed) | (allFinite(proposed) ? 0 : Reason.nonFiniteAction);
}

function mayHold({ guard, recovery, step, supervisor }: Cycle, failed: number): boolean {
  if (!recovery.mayHold(step.decidedUs) || guard.refusesAny(step)) return false;
  return supervisor.tell(Happening.fallBack, step.decidedUs, failed);
}

/** Says whether it put the last permitted action in the place of what the policy asked for. */
function miss({ onMiss, step }: Cycle, late: boolean): boolean {
  if (!late || !isDriving(step.mode)) return false;
  if (onMiss === "stop") step.reasons |= Reason.missStopped;
  // On the way home the policy's answer is not asked for anyway.
  if (onMiss !== "hold" || step.mode !== Mode.armed) return false;
  step.reasons |= Reason.missHeld;
  for (let at = 0; at < step.proposed.length; at++) {
    // What is no number stays so, for the gate to refuse.
    if (Number.isFinite(step.proposed[at])) step.proposed[at] = step.action[at];
  }
  return true;
}

/** On the way home and as the policy takes over, something gentler is proposed. */
function ease({ approach, policy, step }: Cycle, missed: boolean): void {
  if (approach.ease(step) || missed) policy.recall?.(step.proposed);
}

/** While the robot is held, and as the policy takes over from that, the hold proposes. */
function hold({ hold, policy, step }: Cycle): void {
  if (hold.propose(step)) policy.recall?.(step.proposed);
}

function guard({ guard, meter, step }: Cycle): void {
  guard.filter(step);
  meter.lap(Stage.guard);
}

function write(cycle: Cycle): void {
  const { meter, step } = cycle;
  if (isDriving(step.mode) && step.verdict === Verdict.refused) stop(cycle);
  else if (isDriving(step.mode)) send(cycle);
  meter.lap(Stage.write);
}

function stop({ device, supervisor, step }: Cycle): void {
  supervisor.tell(Happening.fault, step.decidedUs, step.reasons);
  device.stop(StopReason.fault);
}

/** The only place where an action goes to a device. */
function send({ device, step, ttlUs }: Cycle): void {
  step.validUntilUs = step.timeUs + ttlUs;
  device.write(step.action, step.validUntilUs);
}

/** A policy that failed drives again in the next cycle, once it was fit for long enough. */
function recover({ recovery, step, supervisor }: Cycle): void {
  if (step.mode !== Mode.holding) return;
  const isFit = (step.reasons & Reason.policyUnfit) === 0;
  if (recovery.look(isFit, step.decidedUs)) supervisor.tell(Happening.recover, step.decidedUs);
}

function log({ log, meter, step }: Cycle): void {
  log.append(step);
  meter.lap(Stage.log);
}
