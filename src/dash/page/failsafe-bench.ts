import { makeStep, type Step } from "../../core/step.ts";
import { Loop } from "../../edge/loop.ts";
import { Setpoints } from "../../edge/setpoints.ts";
import { Start } from "../../edge/start.ts";
import { Status, statusBytes } from "../../edge/status.ts";
import type { MissPolicy } from "../../edge/tick.ts";
import type { LogEvent } from "../../log/event.ts";
import { Guard } from "../../safety/guard.ts";
import { Hold } from "../../safety/hold.ts";
import { limitsOf } from "../../safety/limits.ts";
import { type Fallback, Recovery } from "../../safety/recovery.ts";
import { Supervisor } from "../../safety/supervisor.ts";
import type { Faults } from "./failsafe-fault.ts";
import { ServoModel, servoSpec } from "./failsafe-servo.ts";

const slowUs = 60_000;
const hangUs = 600_000;
const lateEvery = 25;
/** So far behind real time it does not run after it. */
const behindUsMax = 200_000;
const limits = limitsOf(servoSpec, { action: { shoulder: { rateMax: 4 } } });
const start = { home: { shoulder: 0 }, speed: 0.8, softSeconds: 1 };
/** 0.1 s and 1 s; it comes back after 2 s, at most twice a minute. */
const holdTimes = { easeCycles: 5, returnCycles: 50 };
const recover = { recoverCycles: 100, recoverMost: 2 };

/** Told what happens on the bench. */
export interface Onlooker {
  /** Overwritten by the next one. */
  step(step: Step): void;
  event(event: LogEvent): void;
}

/**
 * The loop that drives robots (`edge/loop.ts`), with its tick, gate and supervisor, as it is; its
 * policy, its robot and its time are stand-ins. A wait moves the clock, which follows real time.
 */
export class FailsafeBench {
  readonly status: Status = new Status(servoSpec, new ArrayBuffer(statusBytes(servoSpec)));
  readonly servo: ServoModel;
  /** The loop is over, as it is where its link is lost. */
  ended = false;
  nowUs = 1_000_000;
  readonly #faults: Faults;
  #hang = false;
  #cycles = 0;
  #offsetUs = Number.NaN;
  #go: () => void = () => {};

  constructor(faults: Faults, onMiss: MissPolicy, onlooker: Onlooker, fallback: Fallback = "stop") {
    this.#faults = faults;
    this.servo = new ServoModel(faults, this.nowUs, (us) => {
      this.nowUs += us;
    });
    const rig = {
      clock: {
        now: () => this.nowUs,
        until: (dueUs: number) => {
          this.nowUs = Math.max(this.nowUs, dueUs + this.#lateUs());
        },
      },
      device: this.servo,
      policy: {
        act: (observation: Float32Array, action: Float32Array) => this.#act(observation, action),
      },
      setpoints: new Setpoints(servoSpec, []),
      approach: new Start(servoSpec, limits, start),
      hold: new Hold(servoSpec, limits, holdTimes),
      recovery: new Recovery({ fallback, ...recover }),
      guard: new Guard(servoSpec, limits),
      supervisor: new Supervisor(),
      log: {
        append: (step: Step) => {
          onlooker.step(step);
          return true;
        },
      },
      events: { append: (event: LogEvent) => onlooker.event(event) },
      // No other policy is here to follow.
      succession: { obey: () => {}, look: () => {} },
      step: makeStep(servoSpec),
      // With two periods the servo would stop in the first cycle that is skipped.
      ttlUs: 3 * servoSpec.periodUs,
      onMiss,
    };
    void new Loop(rig, this.status).run().then(() => {
      this.ended = true;
    });
  }

  /** Lets it go on to `ms` of real time. */
  turn(ms: number): void {
    const realUs = ms * 1000;
    const behindUs = realUs - this.#offsetUs - this.nowUs;
    if (!(behindUs < behindUsMax)) this.#offsetUs = realUs - this.nowUs;
    if (this.ended) this.nowUs = Math.max(this.nowUs, realUs - this.#offsetUs);
    if (this.ended) this.servo.poll(this.nowUs);
    else if (realUs - this.#offsetUs >= this.nowUs) this.#go();
  }

  /** The program stands still for 0.6 s. */
  hang(): void {
    this.#hang = true;
  }

  /** By how much the next cycle comes late. */
  #lateUs(): number {
    const hung = this.#hang;
    this.#hang = false;
    if (hung) return hangUs;
    const turn = this.#cycles++ % lateEvery;
    return this.#faults.has("loopLate") && turn === 0 ? 1.2 * servoSpec.periodUs : 0;
  }

  async #act(_: Float32Array, action: Float32Array): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#go = resolve;
    });
    if (this.#faults.has("policySlow")) this.nowUs += slowUs;
    if (this.#faults.has("policyThrows")) throw new Error("the policy's runtime failed");
    const swing = Math.sin((2 * Math.PI * 0.3 * this.nowUs) / 1e6);
    action[0] = 0.8 * swing;
    if (this.#faults.has("policyJumps")) action[0] = swing > 0 ? 1 : -1;
    if (this.#faults.has("policyFar")) action[0] = 3 * swing;
    if (this.#faults.has("policyNan")) action[0] = Number.NaN;
  }
}
