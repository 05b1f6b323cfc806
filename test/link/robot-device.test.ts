// What every device of the loop must do, whatever is behind it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { BridgeDevice, type RobotDevice, StopReason } from "../../src/link/device.ts";
import { memoryPorts } from "../../src/link/memory.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { Session } from "../../src/wire/session.ts";
import { DeskDevice } from "./desk-device.ts";
import { type DeskFamily, deskDynamixel, deskFeetech } from "./desk-servo.ts";
import { MoteusBench, type MotorBench, OdriveBench } from "./motor-bench.ts";
import { ServoBench } from "./servo-bench.ts";

/** A device, and its far end in simulated time. */
interface Rig {
  readonly device: RobotDevice;
  readonly nowUs: number;
  /** Lets some cycles pass, each with `action` where it is given. */
  pass(cycles: number, action?: number): void;
  /** What moves the motors at the far end. */
  driven(): number[];
  unplug(): void;
}

function bridgeRig(): Rig {
  const [near, far] = memoryPorts();
  const device = new BridgeDevice(pendulumSpec, near, new Session(pendulumSpec));
  const desk = new DeskDevice(pendulumSpec, far);
  const observation = new Float32Array(3);
  let nowUs = 5_000_000;
  return {
    device,
    get nowUs() {
      return nowUs;
    },
    pass: (cycles, action) => {
      for (let cycle = 0; cycle < cycles; cycle++) {
        device.read(observation, nowUs);
        if (action !== undefined) device.write(Float32Array.of(action), nowUs + 100_000);
        for (const untilUs = nowUs + 50_000; nowUs < untilUs; nowUs += 500) {
          desk.turn(nowUs);
          device.poll(nowUs);
        }
      }
    },
    driven: () => [...desk.applied],
    unplug: () => far.close(),
  };
}

function servoRig(desk: DeskFamily): Rig {
  const bench = new ServoBench(desk);
  const { bus, device } = bench;
  return {
    device,
    get nowUs() {
      return bus.nowUs;
    },
    pass: (cycles, action) => bench.cycles(cycles, action),
    driven: () => bus.servos.map(({ goal, torque }) => (torque ? goal : 0)),
    unplug: () => bus.close(),
  };
}

function motorRig(bench: MotorBench): Rig {
  const { desk, device } = bench;
  return {
    device,
    get nowUs() {
      return desk.nowUs;
    },
    pass: (cycles, action) => bench.cycles(cycles, action),
    driven: () => desk.motors.map(({ driven, value }) => (driven ? value : 0)),
    unplug: () => desk.close(),
  };
}

for (const [name, makeRig] of [
  ["bridge", bridgeRig],
  ["feetech", () => servoRig(deskFeetech)],
  ["dynamixel", () => servoRig(deskDynamixel)],
  ["odrive", () => motorRig(new OdriveBench({ kinds: ["position", "torque"] }))],
  ["moteus", () => motorRig(new MoteusBench({ kinds: ["position", "torque"] }))],
] as const) {
  const ready = (): Rig => {
    const rig = makeRig();
    rig.pass(30);
    assert.equal(rig.device.phase, "ready");
    return rig;
  };
  /** A device may take some cycles to find out whether it may be driven. */
  const arm = (rig: Rig): void => {
    rig.device.arm(rig.nowUs);
    for (let cycle = 0; cycle < 12 && !rig.device.armed; cycle++) rig.pass(1);
    assert.ok(rig.device.armed);
  };
  const armed = (): Rig => {
    const rig = ready();
    arm(rig);
    return rig;
  };

  test(`${name}: nothing moves before it is known, nor because it is`, () => {
    const rig = makeRig();
    const still = rig.driven();
    rig.device.arm(rig.nowUs);
    rig.pass(30, 0.5);
    assert.ok(rig.device.disarmed && !rig.device.armed && !rig.device.stopped);
    assert.deepEqual(rig.driven(), still);
    assert.equal(rig.device.refusal, null);
  });

  test(`${name}: it is driven once it is armed, and only within its contract`, () => {
    const rig = armed();
    rig.pass(3, 0.5);
    const moved = rig.driven();
    rig.pass(1, 0.5);
    const { device } = rig;
    for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY, 1e6]) {
      const action = new Float32Array(device.spec.action.length).fill(wrong);
      assert.equal(device.write(action, rig.nowUs + 100_000), false, String(wrong));
    }
    assert.ok(moved.some((value) => value !== 0));
    assert.ok(device.armed && device.roundTripUs > 0);
  });

  test(`${name}: a stop latches; it takes reset, then arm`, () => {
    const rig = armed();
    const { device } = rig;
    rig.pass(3, 0.5);
    device.stop(StopReason.fault);
    rig.pass(10, 0.5);
    assert.ok(device.stopped && !device.stopping);
    assert.equal(device.reason, StopReason.fault);
    const held = rig.driven();
    device.arm(rig.nowUs);
    rig.pass(5, -0.5);
    assert.ok(device.stopped);
    assert.deepEqual(rig.driven(), held);
    device.reset();
    rig.pass(2, -0.5);
    assert.ok(device.disarmed && !device.resetting);
    assert.deepEqual(rig.driven(), held);
    arm(rig);
  });

  test(`${name}: a reset of what is not stopped does not wait for a stop`, () => {
    const rig = ready();
    rig.device.reset();
    rig.pass(2);
    assert.ok(rig.device.disarmed && !rig.device.resetting);
    arm(rig);
    rig.device.reset();
    rig.pass(2, 0.5);
    assert.ok(rig.device.armed && !rig.device.resetting);
  });

  test(`${name}: an action that came too late moves nothing`, () => {
    const rig = armed();
    rig.pass(1, 0.5);
    const before = rig.driven();
    const action = new Float32Array(rig.device.spec.action.length).fill(-0.5);
    rig.device.write(action, rig.nowUs - 50_000);
    rig.device.poll(rig.nowUs);
    assert.deepEqual(rig.driven(), before);
  });

  test(`${name}: a lost link is a value`, () => {
    const rig = armed();
    rig.unplug();
    const action = new Float32Array(rig.device.spec.action.length);
    assert.equal(rig.device.write(action, rig.nowUs + 100_000), false);
    rig.pass(1);
    assert.ok(rig.device.lost);
  });
}
