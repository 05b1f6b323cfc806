// Whatever happens on the line, and whatever is asked of the driver: what reaches a motor is safe.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import { StopReason } from "../../src/link/device.ts";
import { benches, type MotorBench, OdriveBench, watchdogMs } from "./motor-bench.ts";

const step = 0.02;
const others = ["torque", "velocity", "position"] as const;
const cycleMs = 20;
/** A drive that sees no order for longer than this has no power any more. */
const silentMsMax = watchdogMs + 2;

/** Watches what one motor is made to do, each millisecond. */
class Watch {
  powers = 0;
  drivenMs = 0;
  #driven = false;
  #value = 0;

  /** What it was told before is forgotten. */
  startsAnew(): void {
    this.#driven = false;
  }

  constructor(bench: MotorBench, at: number, seed: number) {
    const motor = bench.desk.motors[at];
    const tick = motor.tick.bind(motor);
    let atMs = 0;
    let changedMs = 0;
    motor.tick = () => {
      atMs++;
      const { driven, order, value, turns } = motor;
      const line = `seed ${seed} at ${atMs} ms: ${order} ${this.#value} to ${value} at ${turns}`;
      if (driven && !this.#driven) {
        this.powers++;
        // It is given power where it is, or with nothing to do.
        const off = order === "position" ? Math.abs(value - turns) : Math.abs(value);
        assert.ok(off <= 0.03, line);
        changedMs = atMs;
      } else if (driven && order === "position" && value !== this.#value) {
        const free = (1 + Math.ceil((atMs - changedMs) / cycleMs)) * step;
        const held = !bench.device.armed && Math.abs(value - turns) <= 0.06;
        assert.ok(Math.abs(value - this.#value) <= free + 1e-6 || held, line);
        changedMs = atMs;
      }
      if (driven) {
        this.drivenMs++;
        assert.ok(Number.isFinite(value) && Math.abs(value) <= 1.6, line);
      }
      this.#driven = driven;
      this.#value = value;
      tick();
    };
  }
}

function disturb(bench: MotorBench, watches: readonly Watch[], rng: Rng): void {
  const { desk } = bench;
  const bad = rng.below(4) === 0;
  desk.losesLine = () => bad && rng.below(3) === 0;
  desk.losesAnswer = () => bad && rng.below(3) === 0;
  desk.mangle = (answer) => {
    if (!bad || rng.below(3) > 0) return answer;
    const mangled = Uint8Array.from(answer);
    mangled[rng.below(mangled.length)] ^= 1 << rng.below(8);
    return rng.below(2) === 0 ? mangled : mangled.subarray(0, rng.below(mangled.length));
  };
  desk.full = rng.below(30) === 0;
  desk.answerUs = rng.below(20) === 0 ? rng.below(15_000) : 200;
  if (rng.below(20) === 0) desk.say(Uint8Array.from({ length: 9 }, () => rng.below(256)));
  if (rng.below(60) === 0) desk.dead = !desk.dead;
  if (rng.below(100) === 0) bench.fail(rng.below(2));
  if (rng.below(250) === 0) bench.restart(rng.below(2));
  if (rng.below(250) === 0) startPowered(bench, watches[0], rng);
}

/** As an ODrive that gives itself power when it starts, with other turns. */
function startPowered(bench: MotorBench, watch: Watch, rng: Rng): void {
  if (!(bench instanceof OdriveBench)) return;
  bench.restart(0);
  bench.desk.motors[0].turns = rng.uniform(-1, 1);
  bench.driveFromElsewhere(0);
  watch.startsAnew();
}

for (const [name, make] of benches) {
  test(`${name} chaos: no power away from the place, no wide step (seeds 0 to 39)`, () => {
    let powers = 0;
    let drivenMs = 0;
    let armed = 0;
    for (let seed = 0; seed < 40; seed++) {
      const rng = new Rng(seed);
      const bench = make({ kinds: ["position", others[seed % 3]] });
      const { device, desk } = bench;
      for (const motor of desk.motors) motor.turns = rng.uniform(-1, 1);
      // What turns freely for long would leave the range in which a place is told well.
      const watches = desk.motors.map((_, at) => new Watch(bench, at, seed));
      bench.greet();
      for (let cycle = 1; cycle <= 400; cycle++) {
        disturb(bench, watches, rng);
        bench.cycle([rng.uniform(-1.5, 1.5), rng.uniform(-1.5, 1.5)]);
        if (device.armed) armed++;
        // As the loop and its gate would.
        if (device.armed && bench.ageUs > 40_000) device.stop(StopReason.fault);
        if (rng.below(50) === 0) device.stop(StopReason.request);
        if (rng.below(5) === 0) device.reset();
        if (device.disarmed) device.arm(desk.nowUs);
      }
      powers += watches.reduce((sum, watch) => sum + watch.powers, 0);
      drivenMs += watches.reduce((sum, watch) => sum + watch.drivenMs, 0);
    }
    assert.ok(powers > 50 && drivenMs > 20_000 && armed > 500, `${powers} ${drivenMs} ${armed}`);
  });

  test(`${name} chaos: a drive that hears nothing is without power (seeds 0 to 39)`, () => {
    for (let seed = 0; seed < 40; seed++) {
      const rng = new Rng(seed);
      const bench = make({ kinds: ["position", "torque"] });
      bench.arm();
      bench.cycles(1 + rng.below(20), rng.uniform(-1, 1));
      if (rng.below(2) === 0) bench.device.stop(StopReason.request);
      const { desk } = bench;
      desk.dead = true;
      desk.until(desk.nowUs + silentMsMax * 1000);
      assert.ok(
        desk.motors.every(({ driven }) => !driven),
        `seed ${seed}`,
      );
    }
  });

  test(`${name} chaos: an observation is never older than it is said to be (seeds 0 to 99)`, () => {
    let fresh = 0;
    let said = 0;
    for (let seed = 0; seed < 100; seed++) {
      const rng = new Rng(seed);
      const bench = make({ kinds: ["position"] });
      bench.greet();
      const { desk } = bench;
      // A motor that tells by its place when it was asked, in ms.
      desk.motors[0].tick = () => {};
      Object.defineProperty(desk.motors[0], "turns", {
        get: () => Math.floor(desk.nowUs / 1000) / 1000,
      });
      for (let cycle = 0; cycle < 300; cycle++) {
        if (cycle % 60 === 0) desk.answerUs = [1, 5, 30, 100, 400][rng.below(5)] * rng.below(1000);
        desk.losesAnswer = () => rng.below(20) === 0;
        const startUs = desk.nowUs;
        bench.cycle();
        if (bench.ageUs === Number.POSITIVE_INFINITY) continue;
        said++;
        if (bench.ageUs === 0) fresh++;
        const ageUs = startUs - bench.observation[0] * 1e6;
        const line = `seed ${seed} cycle ${cycle}: ${ageUs} us old, said ${bench.ageUs}`;
        assert.ok(ageUs <= bench.ageUs + 1500, line);
      }
    }
    assert.ok(fresh > 3000 && said > fresh, `${fresh} ${said}`);
  });
}
