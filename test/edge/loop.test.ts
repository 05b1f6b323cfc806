import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "../../src/core/clock.ts";
import type { Spec } from "../../src/core/spec.ts";
import { Mode, makeStep, Reason, type Step, Verdict } from "../../src/core/step.ts";
import { Loop, type Rig, shakeHands } from "../../src/edge/loop.ts";
import { Start, type StartChoice } from "../../src/edge/start.ts";
import { Count, Measure, Request, Status } from "../../src/edge/status.ts";
import { BridgeDevice, nameOfDeviceReason } from "../../src/link/device.ts";
import { memoryPorts } from "../../src/link/memory.ts";
import { Guard } from "../../src/safety/guard.ts";
import { limitsOf } from "../../src/safety/limits.ts";
import { Happening, Supervisor } from "../../src/safety/supervisor.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { DeviceMode } from "../../src/wire/messages.ts";
import { Session } from "../../src/wire/session.ts";
import { DeskDevice } from "../link/desk-device.ts";

const periodUs = pendulumSpec.periodUs;

/**
 * The whole loop and a device in simulated time: a wait moves the clock instead of the hands, so a
 * minute takes a moment and each run is the same.
 */
class Stage {
  nowUs = 1_000_000;
  readonly supervisor = new Supervisor();
  readonly status: Status;
  readonly far: DeskDevice;
  readonly steps: Step[] = [];
  /** Called at the end of each cycle with its number. */
  after: (seq: number) => void = () => {};
  act: (observation: Float32Array, action: Float32Array) => void = (_, action) => {
    action.fill(0.5);
  };
  readonly device: BridgeDevice;
  readonly #rig: Rig;

  constructor(spec: Spec = pendulumSpec, start?: StartChoice) {
    this.status = new Status(spec);
    const [near, far] = memoryPorts();
    this.far = new DeskDevice(spec, far);
    const port = {
      read: (into: Uint8Array): number => {
        this.far.turn(this.nowUs);
        return near.read(into);
      },
      write: (bytes: Uint8Array, length: number): boolean => near.write(bytes, length),
      wait: (timeoutUs: number): void => {
        this.nowUs += timeoutUs;
      },
      close: (): void => near.close(),
    };
    this.device = new BridgeDevice(spec, port, new Session(spec));
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
      setpoints: { fill: () => {} },
      start: new Start(spec, limitsOf(spec), start),
      guard: new Guard(spec, limitsOf(spec)),
      supervisor: this.supervisor,
      log: {
        append: (step) => {
          this.steps.push(structuredClone(step));
          this.after(step.seq);
          return true;
        },
      },
      ttlUs: 2 * periodUs,
      step: makeStep(spec),
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

  modeAt(seq: number): Mode {
    return this.steps.find((step) => step.seq === seq)!.mode;
  }
}

test("loop: whoever reads that arming was refused can read what the device was", async () => {
  const stage = new Stage();
  stage.far.mode = DeviceMode.stopped;
  const { status } = stage;
  const modes: number[] = [];
  const add = status.add.bind(status);
  status.add = (count, number) => {
    if (count === Count.refusedRequests) modes.push(status.deviceMode);
    add(count, number);
  };
  status.ask(Request.arm);
  await stage.run(2, {});
  assert.deepEqual(modes, [DeviceMode.stopped]);
});

test("loop: starts disarmed, drives when armed, stops at the end", async () => {
  const stage = new Stage();
  const seen: number[] = [];
  await stage.run(40, {
    9: () => {
      assert.equal(stage.far.mode, DeviceMode.disarmed);
      assert.equal(stage.far.accepted + stage.far.refused, 0);
      stage.status.ask(Request.arm);
    },
    30: () => seen.push(stage.far.applied[0]),
  });
  assert.equal(stage.modeAt(9), Mode.disarmed);
  assert.equal(stage.modeAt(11), Mode.armed);
  assert.deepEqual(seen, [0.5]);
  assert.equal(stage.far.refused, 0);
  stage.far.turn(stage.nowUs);
  assert.equal(stage.far.mode, DeviceMode.stopped, "it leaves no armed device behind");
  assert.equal(stage.far.applied[0], 0);
  assert.equal(stage.status.count(Count.cycles), 40);
  assert.equal(stage.status.count(Count.missed), 0);
  assert.equal(stage.status.percentiles(Measure.roundTrip).count > 0, true);
  assert.ok(stage.steps.every(({ timeUs }, at) => at === 0 || timeUs > stage.steps[at - 1].timeUs));
});

test("loop: a device that stops by itself stops the loop, with its reason", async () => {
  const stage = new Stage();
  await stage.run(30, {
    5: stage.ask(Request.arm),
    15: () => {
      stage.far.mode = DeviceMode.stopped;
      stage.far.reason = 6;
    },
  });
  const last = stage.status.transitions().at(-1)!;
  assert.equal(last.happening, Happening.deviceStopped);
  assert.equal(nameOfDeviceReason(last.reason), "fault");
  assert.equal(stage.modeAt(29), Mode.stopped);
});

test("loop: a device that started anew is not driven on", async () => {
  const stage = new Stage();
  await stage.run(60, {
    5: stage.ask(Request.arm),
    15: () => {
      stage.far.bootId++;
      stage.far.mode = DeviceMode.disarmed;
    },
  });
  assert.equal(stage.modeAt(59), Mode.stopped);
  assert.equal(stage.far.mode === DeviceMode.armed, false);
});

test("loop: after a fault it takes reset, then arm", async () => {
  const stage = new Stage();
  stage.act = (_, action) => void action.fill(Number.NaN);
  const arm = stage.ask(Request.arm);
  await stage.run(80, {
    5: arm,
    // A policy that would be refused cannot even be armed.
    35: () => {
      assert.equal(stage.status.mode, Mode.disarmed);
      assert.equal(stage.status.count(Count.refusedRequests), 1);
      stage.act = (_, action) => void action.fill(0.5);
      stage.status.ask(Request.arm);
    },
    40: () => {
      assert.equal(stage.status.mode, Mode.armed);
      stage.act = (_, action) => void action.fill(Number.NaN);
    },
    42: () => {
      assert.equal(stage.status.mode, Mode.stopped);
      assert.equal(nameOfDeviceReason(stage.far.reason), "gate");
      stage.act = (_, action) => void action.fill(0.5);
      stage.status.ask(Request.arm);
    },
    45: () => {
      assert.equal(stage.status.mode, Mode.stopped, "arming alone does not leave a stop");
      stage.status.ask(Request.reset);
    },
    50: () => {
      assert.equal(stage.status.mode, Mode.disarmed, "and reset alone does not arm");
      stage.status.ask(Request.arm);
    },
    55: () => assert.equal(stage.status.mode, Mode.armed),
  });
  assert.equal(stage.steps[41].verdict, Verdict.refused);
  assert.equal(stage.steps[41].reasons, Reason.nonFiniteAction);
});

test("loop: late cycles are skipped and counted, never caught up", async () => {
  const stage = new Stage();
  const slow = 3 * periodUs + 100;
  stage.act = (_, action) => {
    action.fill(0);
    if (stage.steps.length === 10) stage.nowUs += slow;
  };
  await stage.run(30, {});
  const seqs = stage.steps.map(({ seq }) => seq);
  assert.deepEqual(seqs.slice(8, 14), [8, 9, 10, 13, 14, 15]);
  assert.equal(stage.status.count(Count.skipped), 2);
  assert.equal(stage.status.count(Count.missed), 3);
  assert.equal(stage.steps[11].reasons, Reason.lateCycle);
  const [start] = stage.steps;
  for (const { seq, timeUs } of stage.steps.filter((_, at) => at !== 11)) {
    const lateUs = timeUs - start.timeUs - (seq - start.seq) * periodUs;
    assert.ok(Math.abs(lateUs) < 200, `cycle ${seq} is ${lateUs} us late`);
  }
});

test("loop: a device that somebody else armed is stopped", async () => {
  const stage = new Stage();
  await stage.run(20, {
    5: () => {
      stage.far.mode = DeviceMode.armed;
    },
  });
  assert.equal(stage.far.mode, DeviceMode.stopped);
  assert.equal(stage.supervisor.mode, Mode.disarmed);
});

test("loop: a stop wins over an arm that was asked for with it", async () => {
  const stage = new Stage();
  await stage.run(20, { 5: stage.ask(Request.arm | Request.stop) });
  assert.equal(stage.modeAt(19), Mode.stopped);
  assert.equal(stage.far.mode, DeviceMode.stopped);
});

const jointSpec: Spec = {
  observation: [{ name: "joint_position", unit: "rad", low: -3, high: 3 }],
  action: [{ name: "joint_position", unit: "rad", low: -2, high: 2 }],
  periodUs,
};
const jointStart: StartChoice = { home: { joint_position: 1 }, speed: 2, softSeconds: 0.5 };

test("loop: who asks to arm is brought home first, then the policy takes over", async () => {
  const stage = new Stage(jointSpec, jointStart);
  await stage.run(80, {
    5: stage.ask(Request.arm),
    ...Object.fromEntries(
      Array.from({ length: 70 }, (_, at) => [
        at + 6,
        () => void stage.far.observation.set(stage.far.applied),
      ]),
    ),
  });
  const happenings = stage.status.transitions().map(({ happening }) => happening);
  assert.deepEqual(happenings, [Happening.home, Happening.homed, Happening.arm]);
  const driven = stage.steps.filter(({ mode }) => mode !== Mode.disarmed);
  const first = driven.findIndex(({ mode }) => mode === Mode.armed);
  const written = driven.map(({ action }) => action[0]);
  // 2 rad/s in cycles of 50 ms, then half a second from 1 rad to the policy's 0.5.
  for (let i = 0; i < 10; i++) assert.ok(Math.abs(written[i] - 0.1 * (i + 1)) < 1e-6);
  assert.ok(Math.abs(written[first - 1] - 1) < 1e-6, `${written}`);
  const taking = written.slice(first, first + 10);
  for (let i = 0; i < 10; i++) {
    assert.ok(Math.abs(taking[i] - (1 - 0.05 * (i + 1))) < 1e-6, `${taking}`);
  }
  assert.equal(written[first + 20], 0.5);
  assert.equal(stage.far.refused, 0);
  assert.ok(driven.every(({ verdict }) => verdict === Verdict.pass));
});

test("loop: an arm that does not come home is stopped before the policy drives", async () => {
  const stage = new Stage(jointSpec, jointStart);
  // It needs half a second, may take a second, and has two more.
  await stage.run(100, { 5: stage.ask(Request.arm) });
  const last = stage.status.transitions().at(-1)!;
  assert.equal(last.happening, Happening.fault);
  assert.equal(last.reason, Reason.homeMissed);
  assert.equal(stage.far.mode, DeviceMode.stopped);
  assert.ok(stage.steps.every(({ mode }) => mode !== Mode.armed));
  const homing = stage.steps.filter(({ mode }) => mode === Mode.homing).length;
  assert.ok(homing > 55 && homing <= 61, `${homing} cycles`);
});

test("loop: a device that stops on the way home is not driven on", async () => {
  const stage = new Stage(jointSpec, jointStart);
  await stage.run(30, {
    5: stage.ask(Request.arm),
    10: () => {
      assert.equal(stage.status.mode, Mode.homing);
      stage.far.mode = DeviceMode.stopped;
    },
  });
  assert.equal(stage.modeAt(29), Mode.stopped);
});
