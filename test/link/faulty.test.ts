import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import { BridgeDevice, StopReason } from "../../src/link/device.ts";
import { type FaultSchedule, type Faults, FaultyPort } from "../../src/link/faulty.ts";
import { memoryPorts } from "../../src/link/memory.ts";
import type { Port } from "../../src/link/port.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { DeviceMode } from "../../src/wire/messages.ts";
import { Session } from "../../src/wire/session.ts";
import { DeskDevice } from "./desk-device.ts";

const none: Faults = { loss: 0, duplication: 0, reordering: 0, corruption: 0, delayUs: [0, 0] };
const count = 4000;

/** Frames of 6 bytes with the numbers 1 to `count`, none of which is 0 inside, and their times. */
function passed(faults: Partial<Faults>, seed: number, end: number | null = 0): string[] {
  let nowUs = 0;
  const [near, far] = memoryPorts(65_536);
  const clock = { now: () => nowUs };
  const schedule = { seed, toDevice: { ...none, ...faults }, fromDevice: none };
  const port = new FaultyPort(near, clock, schedule, end);
  const bytes = new Uint8Array(65_536);
  const seen: string[] = [];
  const look = (): void => {
    port.wait(0);
    const length = far.read(bytes);
    for (let at = 0, from = 0; at < length; at++) {
      if (bytes[at] !== 0) continue;
      seen.push(`${Buffer.from(bytes.subarray(from, at)).toString("hex")} ${nowUs}`);
      from = at + 1;
    }
  };
  for (let i = 1; i <= count; i++, nowUs += 1000) {
    const high = 1 + (i >> 7);
    assert.ok(port.write(Uint8Array.of(9, high, 1 + (i & 127), 9, 9, 0), 6));
    look();
  }
  for (const endUs = nowUs + 1e6; nowUs < endUs; nowUs += 1000) look();
  return seen;
}

const numbersOf = (seen: readonly string[]): number[] =>
  seen
    .map((text) => /^09(..)(..)0909 /.exec(text))
    .filter((match) => match !== null)
    .map(
      ([, high, low]) => ((Number.parseInt(high, 16) - 1) << 7) | (Number.parseInt(low, 16) - 1),
    );

test("faulty: a schedule without faults changes nothing, and equal ones do the same", () => {
  const whole = passed({}, 1);
  assert.deepEqual(
    numbersOf(whole),
    Array.from({ length: count }, (_, i) => i + 1),
  );
  const all = { loss: 0.1, duplication: 0.1, reordering: 0.1, corruption: 0.1 };
  const faults = { ...all, delayUs: [0, 9000] as const };
  assert.deepEqual(passed(faults, 7), passed(faults, 7));
  assert.notDeepEqual(passed(faults, 7), passed(faults, 8));
});

test("faulty: each fault hits the share that it is given (seed 5)", () => {
  const near = (value: number, share: number): void =>
    assert.ok(Math.abs(value / count - share) < 0.04, `${value} of ${count}, not ${share}`);
  near(numbersOf(passed({ loss: 0.2 }, 5)).length, 0.8);
  near(numbersOf(passed({ duplication: 0.3 }, 5)).length, 1.3);
  // Without a delay a whole frame has the number of its millisecond.
  const falsified = passed({ corruption: 0.4 }, 5);
  const whole = falsified.filter(
    (text) => numbersOf([text])[0] === Number(text.split(" ")[1]) / 1000 + 1,
  );
  near(whole.length, 0.64);
  const mixed = numbersOf(passed({ reordering: 0.25 }, 5));
  near(mixed.filter((number, at) => number < (mixed[at - 1] ?? 0)).length, 0.2);
  assert.ok(mixed.length >= count - 1);
  const late = passed({ delayUs: [20_000, 30_000] }, 5);
  const delaysMs = numbersOf(late).map(
    (number, at) => Number(late[at].split(" ")[1]) / 1000 - (number - 1),
  );
  assert.ok(Math.min(...delaysMs) >= 20 && Math.max(...delaysMs) <= 30);
  assert.ok(
    numbersOf(late).some((number, at, all) => number < (all[at - 1] ?? 0)),
    "scattered",
  );
});

test("faulty: a link without a delimiter is cut by what is written", () => {
  assert.equal(passed({ loss: 1 }, 3, null).length, 0);
  const whole = numbersOf(passed({}, 3, null));
  assert.equal(whole.length, count);
});

test("faulty: who reads little at a time gets all of it, in its order", () => {
  const [near, far] = memoryPorts();
  const port = new FaultyPort(
    near,
    { now: () => 0 },
    { seed: 1, toDevice: none, fromDevice: none },
  );
  far.write(Uint8Array.of(1, 2, 3, 4, 5, 0, 6, 0), 8);
  const into = new Uint8Array(3);
  const got = [0, 1, 2].flatMap(() => [...into.subarray(0, port.read(into))]);
  assert.deepEqual(got, [1, 2, 3, 4, 5, 0, 6, 0]);
  assert.equal(port.read(into), 0);
});

test("faulty: a lost link is lost, with what was on its way", () => {
  const [near, far] = memoryPorts();
  const later = { ...none, delayUs: [1000, 1001] as const };
  const port = new FaultyPort(
    near,
    { now: () => 0 },
    { seed: 1, toDevice: later, fromDevice: later },
  );
  const into = new Uint8Array(8);
  far.write(Uint8Array.of(1, 0), 2);
  assert.equal(port.read(into), 0);
  far.close();
  assert.equal(port.read(into), -1);
  assert.equal(port.read(into), -1);
  assert.equal(port.write(Uint8Array.of(1, 0), 2), false);
});

/** One host that arms, drives, stops and resets at random, over a link with `schedule`. */
class Walk {
  nowUs = 5_000_000;
  readonly far: DeskDevice;
  readonly device: BridgeDevice;
  readonly #rng: Rng;
  readonly #validUntilUs: number[] = [];
  #armedUs = Number.NEGATIVE_INFINITY;
  #newest = 0;
  #armedBefore = false;
  armings = 0;

  constructor(schedule: FaultSchedule) {
    const ports: [Port, Port] = memoryPorts(16_384);
    const near = new FaultyPort(ports[0], { now: () => this.nowUs }, schedule);
    const session = new Session(pendulumSpec);
    this.device = new BridgeDevice(pendulumSpec, near, session, schedule.seed % 2 === 0);
    this.far = new DeskDevice(pendulumSpec, ports[1]);
    this.#rng = new Rng(schedule.seed, 9);
  }

  /** A millisecond. */
  turn(): void {
    const { device, far } = this;
    this.nowUs += 1000;
    far.turn(this.nowUs);
    this.#judge();
    device.poll(this.nowUs);
    // It arms when its firmware has been tried.
    if (device.arming) this.#armedUs = this.nowUs;
    const act = this.#rng.below(400);
    if (act === 0) device.stop(StopReason.request);
    else if (act === 1 && device.stopped) device.reset();
    else if (act < 20 && device.disarmed) {
      device.arm(this.nowUs);
      this.#armedUs = this.nowUs;
    } else if (this.nowUs % 10_000 === 0) this.#command();
  }

  /** Each command is another number, so that it is known by what it does. */
  #command(): void {
    const validUntilUs = this.nowUs + 100_000;
    const number = this.#validUntilUs.length + 1;
    const value = Math.fround(number / 16_384);
    if (this.device.write(Float32Array.of(value), validUntilUs)) {
      this.#validUntilUs.push(validUntilUs);
    }
  }

  #judge(): void {
    const { applied, mode } = this.far;
    const armed = mode === DeviceMode.armed;
    if (armed && !this.#armedBefore) {
      this.armings++;
      this.#newest = 0;
      assert.ok(this.nowUs <= this.#armedUs + 1_000_000, "nobody asked for that");
    }
    this.#armedBefore = armed;
    if (applied[0] === 0) return;
    assert.ok(armed, "only what is armed is driven");
    const number = applied[0] * 16_384;
    assert.ok(Number.isInteger(number) && number <= this.#validUntilUs.length, "nobody said that");
    assert.ok(this.nowUs <= this.#validUntilUs[number - 1], "its time was over");
    assert.ok(number >= this.#newest, "an older one after a newer one");
    this.#newest = number;
  }
}

test("faulty: whatever a link does, no motor follows what is old, late, false or unasked", () => {
  let [accepted, refused, broken, armings] = [0, 0, 0, 0];
  for (let seed = 1; seed <= 60; seed++) {
    const rng = new Rng(seed, 2);
    const draw = (): Faults => ({
      loss: rng.uniform(0, 0.4),
      duplication: rng.uniform(0, 0.4),
      reordering: rng.uniform(0, 0.4),
      corruption: rng.uniform(0, 0.3),
      delayUs: [0, [0, 2000, 20_000, 60_000, 150_000][rng.below(5)]],
    });
    const walk = new Walk({ seed, toDevice: draw(), fromDevice: draw() });
    try {
      for (let turn = 0; turn < 8000; turn++) walk.turn();
    } catch (error) {
      throw new Error(`seed ${seed}, ${walk.nowUs} us`, { cause: error });
    }
    accepted += walk.far.accepted;
    refused += walk.far.refused;
    armings += walk.armings;
    broken += walk.far.broken;
  }
  // The walks were not idle.
  const told = `${accepted} accepted, ${refused} refused, ${broken} broken, ${armings} armings`;
  assert.ok(accepted > 5000 && refused > 5000 && broken > 5000 && armings > 100, told);
});
