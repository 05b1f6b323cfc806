import type { Clock } from "../core/clock.ts";
import {
  betweenAnswers,
  isDriving,
  Mode,
  Reason,
  reasonsOfJoints,
  reasonsOfOneChannel,
  type Step,
  Verdict,
} from "../core/step.ts";
import { type RobotDevice, StopReason } from "../link/device.ts";
import type { LogEvent } from "../log/event.ts";
import type { Hold } from "../safety/hold.ts";
import type { Recovery } from "../safety/recovery.ts";
import { Happening, type Supervisor } from "../safety/supervisor.ts";
import type { Start } from "./start.ts";
import { Count, Measure, Request, State, type Status } from "./status.ts";
import type { Succession } from "./succession.ts";
import { type Cycle, Stage, tick } from "./tick.ts";
import { eventOfTransition } from "./transition-event.ts";

/** What the loop drives: the parts of its cycles, of which some must be able to do more. */
export interface Rig extends Omit<Cycle, "meter"> {
  readonly clock: Clock;
  readonly device: RobotDevice;
  readonly supervisor: Supervisor;
  readonly approach: Start;
  readonly hold: Hold;
  readonly recovery: Recovery;
  /** Which policy follows which. */
  readonly succession: Pick<Succession, "obey" | "look">;
  /** Keeps what happens beside the cycles. */
  readonly events: { append(event: LogEvent): void };
}

const never = Number.NEGATIVE_INFINITY;
// Shorter naps than a millisecond cost more than the bytes that they find are worth.
const napUs = 1000;
// The last stretch before a cycle belongs to the clock, which sleeps and spins to the microsecond.
const lastStretchUs = 300;
const armWithinLeastUs = 1_000_000;
const armRepeatUs = 20_000;
const policyRequests = Request.shadow | Request.swap | Request.back;
const holdRequests = Request.hold | Request.resume;
/** After so many cycles without a rest it takes one: in real time nobody else would get any. */
const breathlessMax = 20;

/** So long a request to arm is good for: also for a cycle that does not drive, and one more. */
export function armWithinUs(periodUs: number): number {
  return Math.max(armWithinLeastUs, 2 * periodUs);
}

/**
 * Waits until the device has accepted the contract and its clock is known. False where it refused,
 * the link was lost, or `timeoutUs` has passed. Blocks this thread.
 */
export function shakeHands(device: RobotDevice, clock: Clock, timeoutUs: number): boolean {
  const untilUs = clock.now() + timeoutUs;
  while (device.phase !== "ready") {
    device.poll(clock.now());
    if (device.phase === "refused" || device.lost) return false;
    if (clock.now() > untilUs) return false;
    device.wait(napUs);
  }
  return true;
}

/**
 * The control loop: an absolute schedule in which a late cycle is skipped, never caught up. Between
 * cycles it keeps the link alive and attends to requests and to what the device reports.
 */
export class Loop {
  readonly #rig: Rig;
  readonly #status: Status;
  readonly #cycle: Cycle;
  readonly #meter: StageMeter;
  readonly #armWithinUs: number;
  #armUntilUs = never;
  #armAgainUs = never;
  #ending = false;
  /** Cycles in a row that were due before the one before was over. */
  #breathless = 0;
  #transitionsShown = 0;
  #roundTripUs = Number.NaN;

  constructor(rig: Rig, status: Status) {
    this.#rig = rig;
    this.#status = status;
    this.#meter = new StageMeter(rig.clock, status, rig.step);
    this.#cycle = { ...rig, meter: this.#meter };
    this.#armWithinUs = armWithinUs(rig.device.spec.periodUs);
  }

  /**
   * Runs cycles until it is asked to end or the link is lost. Blocks this thread but for the
   * policy's own waiting.
   */
  async run(): Promise<void> {
    const { clock, device } = this.#rig;
    const periodUs = device.spec.periodUs;
    let seq = 0;
    let dueUs = clock.now() + periodUs;
    // A link that was lost while idle still gets its last cycle, which logs the loss.
    for (let lost = false; !lost; lost = device.lost) {
      this.#idleUntil(dueUs);
      if (this.#ending) break;
      const behind = Math.max(0, Math.floor((clock.now() - dueUs) / periodUs));
      seq += behind;
      dueUs += behind * periodUs;
      this.#meter.start(dueUs);
      // Who waits for nothing makes no promise either: a cycle allocates none.
      const ticked = tick(this.#cycle, seq, behind > 0);
      if (ticked !== undefined) await ticked;
      const overUs = clock.now();
      const looked = this.#rig.succession.look(this.#rig.step, overUs);
      if (looked !== undefined) await looked;
      this.#account(behind, overUs > dueUs + periodUs);
      seq++;
      dueUs += periodUs;
    }
    // What was asked to arm may do so when nobody is here any more.
    if (device.armed || this.#armUntilUs !== never) device.stop(StopReason.request);
    this.#armUntilUs = never;
    this.#ending = true;
    this.#attend(clock.now());
    this.#status.setState(State.ended);
  }

  #idleUntil(dueUs: number): void {
    const { clock, device } = this.#rig;
    if (clock.now() < dueUs) this.#breathless = 0;
    else if (++this.#breathless > breathlessMax) {
      device.wait(napUs);
      this.#breathless = 0;
    }
    for (;;) {
      const nowUs = clock.now();
      device.poll(nowUs);
      this.#attend(nowUs);
      const leftUs = dueUs - nowUs - lastStretchUs;
      if (leftUs < napUs || device.lost) break;
      device.wait(napUs);
    }
    clock.until(dueUs);
  }

  #attend(nowUs: number): void {
    const { device, supervisor } = this.#rig;
    // Before a request is refused: who reads the refusal wants to know what the device was then.
    this.#showModes();
    this.#obey(this.#status.takeRequests(), nowUs);
    if (this.#armUntilUs !== never) this.#arm(nowUs);
    if (isDriving(supervisor.mode) && !device.armed) {
      this.#status.setWhy(device.why);
      supervisor.tell(Happening.deviceStopped, nowUs, device.reason);
    }
    // Who asked to arm asked for the policy; home was on the way.
    if (supervisor.mode === Mode.homing && this.#rig.approach.arrived) {
      supervisor.tell(Happening.homed, nowUs);
      supervisor.tell(Happening.arm, nowUs);
    }
    const unasked = !isDriving(supervisor.mode) && this.#armUntilUs === never;
    if ((device.armed || device.arming) && unasked && !device.stopping)
      device.stop(StopReason.request);
    this.#showModes();
    while (this.#transitionsShown < supervisor.transitionCount) {
      const transition = supervisor.transition(this.#transitionsShown);
      this.#status.addTransition(this.#transitionsShown++, transition);
      this.#rig.events.append(eventOfTransition(transition, device.why));
    }
  }

  #showModes(): void {
    const { device, supervisor } = this.#rig;
    this.#status.setModes(supervisor.mode, device.mode, device.reason, device.stopLine);
  }

  #obey(requests: number, nowUs: number): void {
    const { device, step, succession, supervisor } = this.#rig;
    if ((requests & Request.end) !== 0) this.#ending = true;
    // A stop wins over what was asked for with it.
    if ((requests & Request.stop) !== 0) {
      // Who waits for an arm learns that there will be none.
      if (this.#armUntilUs !== never || (requests & Request.arm) !== 0) {
        this.#status.add(Count.refusedRequests, 1);
      }
      this.#armUntilUs = never;
      supervisor.tell(Happening.stop, nowUs);
      device.stop(StopReason.request);
      if ((requests & holdRequests) !== 0) this.#status.add(Count.refusedHolds, 1);
      // A policy that came with it has to wait.
      this.#status.ask(requests & policyRequests);
      return;
    }
    if ((requests & policyRequests) !== 0) succession.obey(requests, nowUs, step);
    if ((requests & holdRequests) !== 0) this.#holdOrResume(requests, nowUs);
    if ((requests & Request.reset) !== 0) this.#reset(nowUs);
    if ((requests & Request.arm) !== 0 && !this.#ending) {
      this.#armUntilUs = nowUs + this.#armWithinUs;
      this.#armAgainUs = nowUs;
    }
  }

  /** A hold wins over a resume that came with it, and goes on until somebody resumes. */
  #holdOrResume(requests: number, nowUs: number): void {
    const { hold, recovery, step, supervisor } = this.#rig;
    if ((requests & Request.hold) !== 0) {
      if (hold.cannot === null && supervisor.tell(Happening.hold, nowUs)) recovery.begin(false);
      else this.#status.add(Count.refusedHolds, 1);
    }
    if ((requests & Request.resume) === 0) return;
    // Who failed just now is no one to go on with.
    const isFit = (step.reasons & Reason.policyUnfit) === 0;
    const alone = (requests & Request.hold) === 0;
    if (alone && isFit && supervisor.tell(Happening.resume, nowUs)) return;
    this.#status.add(Count.refusedHolds, 1);
  }

  #reset(nowUs: number): void {
    const { device, supervisor } = this.#rig;
    if (device.barred) {
      this.#status.setWhy(device.why);
      this.#status.add(Count.refusedRequests, 1);
      return;
    }
    // The device may be stopped from an earlier run, of which this supervisor knows nothing.
    if (supervisor.mode !== Mode.disarmed) supervisor.tell(Happening.reset, nowUs);
    if (supervisor.mode === Mode.disarmed) device.reset();
    else this.#status.add(Count.refusedRequests, 1);
  }

  /**
   * Asks the device to arm until it says that it did; only then is this side armed too. A stop, a
   * reset and this can come within one period, which the tick would take for driving on: gate,
   * start, setpoints and policy begin anew only in a cycle that does not drive. So one is awaited.
   */
  #arm(nowUs: number): void {
    const { approach, device, step, supervisor } = this.#rig;
    const settled = !isDriving(step.mode) && !device.stopping;
    const first = approach.homes ? Happening.home : Happening.arm;
    if (settled && device.armed && supervisor.tell(first, nowUs)) {
      this.#armUntilUs = never;
      return;
    }
    // Its trial of itself does not count: after that it has its time to be armed.
    if (device.arming) this.#armUntilUs = nowUs + this.#armWithinUs;
    const latched = supervisor.mode !== Mode.disarmed || (device.stopped && !device.resetting);
    // What is on its way to be armed says itself how that ends.
    if (latched || device.barred || (nowUs > this.#armUntilUs && !device.arming)) {
      this.#armUntilUs = never;
      this.#status.setWhy(device.why);
      this.#status.add(Count.refusedRequests, 1);
      return;
    }
    if (!settled || nowUs < this.#armAgainUs) return;
    // What would be refused when armed is a reason not to arm.
    if (step.verdict === Verdict.refused) return;
    if (!device.disarmed) return;
    device.arm(nowUs);
    this.#armAgainUs = nowUs + armRepeatUs;
  }

  #account(behind: number, overran: boolean): void {
    const { device, step } = this.#rig;
    const status = this.#status;
    status.add(Count.cycles, 1);
    if ((step.reasons & betweenAnswers) === 0) status.add(Count.policyCalls, 1);
    if (behind > 0) status.add(Count.missed, behind);
    if (overran) status.add(Count.late, 1);
    if (isDriving(step.mode)) countVerdict(status, step);
    status.setCount(Count.droppedCommands, device.droppedCount);
    status.setCount(Count.failedReads, device.failedReads);
    if (device.roundTripUs !== this.#roundTripUs) {
      this.#roundTripUs = device.roundTripUs;
      status.measure(Measure.roundTrip, this.#roundTripUs);
    }
    // Before the reasons: who reads those wants to know which joint.
    if ((step.reasons & reasonsOfOneChannel) !== 0) this.#showFurthest();
    status.show(step);
  }

  #showFurthest(): void {
    const { approach, guard, step } = this.#rig;
    if ((step.reasons & reasonsOfJoints) === 0) {
      this.#status.showFurthest(approach.furthestAt, approach.furthestBy);
    } else this.#status.showFurthest(step.action.length + guard.worstAt, guard.worstBy);
  }
}

function countVerdict(status: Status, step: Step): void {
  if (step.verdict === Verdict.refused) status.add(Count.refused, 1);
  if (step.verdict !== Verdict.limited) return;
  status.add(Count.limited, 1);
  if ((step.reasons & Reason.range) !== 0) status.add(Count.limitedRange, 1);
  if ((step.reasons & Reason.rate) !== 0) status.add(Count.limitedRate, 1);
  if ((step.reasons & Reason.acceleration) !== 0) status.add(Count.limitedAcceleration, 1);
  if ((step.reasons & Reason.barrier) !== 0) status.add(Count.limitedBarrier, 1);
}

/** Measures the stages of a cycle on the loop's own clock. */
class StageMeter {
  readonly #clock: Pick<Clock, "now">;
  readonly #status: Status;
  readonly #step: Pick<Step, "ageUs" | "reasons" | "timeUs">;
  #startUs = 0;
  #lapUs = 0;

  constructor(clock: Pick<Clock, "now">, status: Status, step: Step) {
    this.#clock = clock;
    this.#status = status;
    this.#step = step;
  }

  start(dueUs: number): void {
    this.#startUs = this.#clock.now();
    this.#lapUs = this.#startUs;
    this.#status.measure(Measure.lateness, this.#startUs - dueUs);
  }

  lap(stage: Stage): void {
    const nowUs = this.#clock.now();
    // A cycle that asks no policy says nothing of how long one takes.
    const idle = stage === Stage.decide && (this.#step.reasons & betweenAnswers) !== 0;
    if (!idle) this.#status.measure(stage, nowUs - this.#lapUs);
    if (stage === Stage.write) {
      this.#status.measure(Measure.total, nowUs - this.#startUs);
      this.#status.measure(Measure.age, this.#step.ageUs + (nowUs - this.#step.timeUs));
    }
    this.#lapUs = nowUs;
  }
}
