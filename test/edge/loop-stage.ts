import assert from "node:assert/strict";
import type { Clock } from "../../src/core/clock.ts";
import type { Spec } from "../../src/core/spec.ts";
import { type Mode, makeStep, type Step } from "../../src/core/step.ts";
import { Loop, type Rig, shakeHands } from "../../src/edge/loop.ts";
import { type Setpoint, Setpoints, specOfDevice } from "../../src/edge/setpoints.ts";
import { Start, type StartChoice } from "../../src/edge/start.ts";
import { Request, Status } from "../../src/edge/status.ts";
import { BridgeDevice } from "../../src/link/device.ts";
import { memoryPorts } from "../../src/link/memory.ts";
import type { LogEvent } from "../../src/log/event.ts";
import { Guard } from "../../src/safety/guard.ts";
import { Hold } from "../../src/safety/hold.ts";
import { type LimitChoices, limitsOf } from "../../src/safety/limits.ts";
import { Recovery } from "../../src/safety/recovery.ts";
import { Supervisor } from "../../src/safety/supervisor.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { Session } from "../../src/wire/session.ts";
import { DeskDevice } from "../link/desk-device.ts";

const { periodUs } = pendulumSpec;

/**
 * The whole loop and a device in simulated time: a wait moves the clock instead of the hands, so a
 * minute takes a moment and each run is the same.
 */
export class LoopStage {
  nowUs = 1_000_000;
  readonly supervisor: Supervisor = new Supervisor();
  readonly status: Status;
  readonly far: DeskDevice;
  readonly steps: Step[] = [];
  readonly events: LogEvent[] = [];
  /** How often it has slept for a while. */
  naps = 0;
  /** What the host sends is lost on the way. */
  cut: boolean = false;
  /** What is to happen between two cycles, in order. */
  readonly #plan: { readonly atUs: number; readonly act: () => void }[] = [];
  /** Where each step goes beside `steps`. */
  also: (step: Step) => void = () => {};
  /** Called at the end of each cycle with its number. */
  after: (seq: number) => void = () => {};
  act: (observation: Float32Array, action: Float32Array) => void | Promise<void> = (_, action) => {
    action.fill(0.5);
  };
  readonly device: BridgeDevice;
  readonly #rig: Rig;

  constructor(
    spec: Spec = pendulumSpec,
    start?: StartChoice,
    choices: LimitChoices = {},
    setpoints: readonly Setpoint[] = [],
    other: Partial<Rig> = {},
    trusted: boolean = true,
  ) {
    const limits = limitsOf(spec, choices);
    const told = specOfDevice(spec, setpoints);
    this.status = new Status(spec);
    const [near, far] = memoryPorts();
    this.far = new DeskDevice(told, far);
    const port = {
      read: (into: Uint8Array): number => {
        while (this.#plan.length > 0 && this.nowUs >= this.#plan[0].atUs) this.#plan.shift()!.act();
        this.far.turn(this.nowUs);
        return near.read(into);
      },
      write: (bytes: Uint8Array, length: number): boolean => {
        return this.cut || near.write(bytes, length);
      },
      wait: (timeoutUs: number): void => {
        this.naps++;
        this.nowUs += timeoutUs;
      },
      close: (): void => near.close(),
    };
    this.device = new BridgeDevice(told, port, new Session(told), trusted);
    const clock: Clock = {
      now: () => {
        this.nowUs += 1;
        return this.nowUs;
      },
      until: (dueUs) => {
        this.nowUs = Math.max(this.nowUs, dueUs);
      },
    };
    this.#rig = {
      clock,
      device: this.device,
      policy: { act: (observation, action) => this.act(observation, action) },
      setpoints: new Setpoints(spec, setpoints),
      succession: { obey: () => {}, look: () => {} },
      approach: new Start(spec, limits, start),
      hold: new Hold(told, limits, { easeCycles: 2, returnCycles: 4 }),
      recovery: new Recovery({ fallback: "stop", recoverCycles: null, recoverMost: 1 }),
      guard: new Guard(spec, limits),
      supervisor: this.supervisor,
      log: {
        append: (step) => {
          this.steps.push(structuredClone(step));
          this.also(step);
          this.after(step.seq);
          return true;
        },
      },
      ttlUs: 2 * periodUs,
      onMiss: "coast",
      events: { append: (event) => void this.events.push(event) },
      step: makeStep(spec),
      ...other,
    };
  }

  /** Shakes hands and runs `cycles` cycles, with something done after some of them. */
  async run(cycles: number, script: Record<number, () => void>): Promise<void> {
    assert.ok(shakeHands(this.device, this.#rig.clock, 3e6));
    this.after = (seq) => {
      script[seq]?.();
      if (seq >= cycles - 1) this.status.ask(Request.end);
    };
    await new Loop(this.#rig, this.status).run();
  }

  ask(request: number): () => void {
    return () => this.status.ask(request);
  }

  /** Does these things so many microseconds from now, where no cycle sees one without the next. */
  plan(...events: readonly (readonly [delayUs: number, act: () => void])[]): void {
    for (const [delayUs, act] of events) this.#plan.push({ atUs: this.nowUs + delayUs, act });
  }

  modeAt(seq: number): Mode {
    return this.steps.find((step) => step.seq === seq)!.mode;
  }
}
