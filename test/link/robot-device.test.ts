// What every device of the loop must do, whatever is behind it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ChannelMap } from "../../src/core/channel-map.ts";
import { Rng } from "../../src/core/rng.ts";
import { BridgeDevice, type RobotDevice, StopReason } from "../../src/link/device.ts";
import { type Faults, FaultyPort, type PieceEnd } from "../../src/link/faulty.ts";
import { memoryPorts } from "../../src/link/memory.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { Session } from "../../src/wire/session.ts";
import { DeskDevice } from "./desk-device.ts";
import { type DeskFamily, deskDynamixel, deskFeetech, deskScs } from "./desk-servo.ts";
import { MoteusBench, type MotorBench, OdriveBench } from "./motor-bench.ts";
import { armSpec, ServoBench, straight, type Through } from "./servo-bench.ts";

const newline = 10;

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

/** What a device calls the pendulum's channels, in an order of its own. */
const otherwise = new ChannelMap(pendulumSpec, {
  observation: { gyro: "pole_velocity", x: "pole_cos", y: "pole_sin" },
  action: { m1: "pole_torque" },
});

function bridgeRig(through: Through, channels: ChannelMap = new ChannelMap(pendulumSpec)): Rig {
  const [near, far] = memoryPorts();
  let nowUs = 5_000_000;
  const port = through(near, { now: () => nowUs });
  const session = new Session(pendulumSpec, null, channels);
  const device = new BridgeDevice(pendulumSpec, port, session, true);
  const desk = new DeskDevice(channels.device, far);
  const observation = new Float32Array(3);
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

function servoRig(desk: DeskFamily, through: Through): Rig {
  const bench = new ServoBench(desk, 3, {}, armSpec(3), through);
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

const kinds = ["position", "torque"] as const;
/** Each kind of device by what is between it and its far end, and where its pieces end. */
const makers: readonly (readonly [string, PieceEnd, (through: Through) => Rig])[] = [
  ["bridge", 0, (through) => bridgeRig(through)],
  ["bridge with other names", 0, (through) => bridgeRig(through, otherwise)],
  ["feetech", null, (through) => servoRig(deskFeetech, through)],
  ["scs", null, (through) => servoRig(deskScs, through)],
  ["dynamixel", null, (through) => servoRig(deskDynamixel, through)],
  ["odrive", newline, (through) => motorRig(new OdriveBench({ kinds, through }))],
  ["moteus", newline, (through) => motorRig(new MoteusBench({ kinds, through }))],
];

const noFaults: Faults = {
  ...{ loss: 0, duplication: 0, reordering: 0, corruption: 0 },
  delayUs: [0, 0],
};

/** A device of the bridge protocol keeps the whole contract behind such a line. */
const bad: Faults = {
  ...{ loss: 0.02, duplication: 0.02, reordering: 0.02, corruption: 0.02 },
  delayUs: [0, 300],
};

function behind(faults: Faults, seed: number, end: PieceEnd): Through {
  const schedule = { seed, toDevice: faults, fromDevice: faults };
  return (port, clock) => new FaultyPort(port, clock, schedule, end);
}

const cases = [
  ...makers.map(([name, , make]) => ({ name, late: false, makeRig: () => make(straight) })),
  ...[1, 2, 3].map((seed) => ({
    name: `bridge behind faults of seed ${seed}`,
    late: true,
    makeRig: () => bridgeRig(behind(bad, seed, 0)),
  })),
];

for (const { name, late, makeRig } of cases) {
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
    const taken = rig.device.write(action, rig.nowUs + 100_000);
    rig.pass(1);
    assert.ok(rig.device.lost);
    assert.equal(rig.device.write(action, rig.nowUs + 100_000), false);
    // A line that is late takes what it will lose.
    if (!late) assert.equal(taken, false);
  });
}

/** Arms, drives, stops and resets at random; what the device says must follow from that alone. */
class Walk {
  armings = 0;
  readonly #rig: Rig;
  readonly #rng: Rng;
  readonly #still: readonly number[];
  #everAsked = false;
  #askedToArm = false;
  #askedToReset = false;
  #armed = false;
  #stopped = false;

  constructor(rig: Rig, seed: number) {
    this.#rig = rig;
    this.#rng = new Rng(seed, 3);
    this.#still = rig.driven();
  }

  cycle(): void {
    const { device, nowUs } = this.#rig;
    const act = this.#rng.below(40);
    if (act < 8 && device.disarmed) {
      this.#everAsked = true;
      this.#askedToArm = true;
      device.arm(nowUs);
    } else if (act === 8) {
      this.#askedToArm = false;
      this.#askedToReset = false;
      device.stop(StopReason.request);
    } else if (act < 16 && device.stopped) {
      this.#askedToReset = true;
      device.reset();
    }
    this.#rig.pass(1, this.#rng.uniform(-1, 1));
    this.#judge();
  }

  #judge(): void {
    const { armed, stopped } = this.#rig.device;
    assert.ok(!(armed && stopped));
    if (armed && !this.#armed) {
      assert.ok(this.#askedToArm, "armed, and nobody asked for it");
      this.armings++;
    }
    if (this.#stopped && !stopped) {
      assert.ok(this.#askedToReset, "left its stop, and nobody asked for it");
      this.#askedToReset = false;
    }
    if (stopped) this.#askedToArm = false;
    this.#armed = armed;
    this.#stopped = stopped;
    if (!this.#everAsked) assert.deepEqual(this.#rig.driven(), this.#still);
  }
}

const worse: Faults = {
  ...{ loss: 0.03, duplication: 0.03, reordering: 0.03, corruption: 0.03 },
  delayUs: [0, 500],
};

for (const [name, end, make] of makers) {
  test(`${name}: behind faults nothing is armed, and no stop left, that nobody asked for`, () => {
    let armings = 0;
    for (let seed = 1; seed <= 16; seed++) {
      const faults = seed % 2 === 0 ? worse : { ...noFaults, loss: 0.02, corruption: 0.02 };
      const rig = make(behind(faults, seed, end));
      const walk = new Walk(rig, seed);
      try {
        for (let cycle = 0; cycle < 300; cycle++) walk.cycle();
      } catch (error) {
        throw new Error(`seed ${seed}, ${rig.nowUs} us`, { cause: error });
      }
      armings += walk.armings;
    }
    assert.ok(armings > 10, `${armings} armings: the walks were idle`);
  });
}
