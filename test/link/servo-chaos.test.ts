// Whatever happens on the line, and whatever is asked of the driver: what reaches a servo is safe.
import assert from "node:assert/strict";
import { Rng } from "../../src/core/rng.ts";
import { StopReason } from "../../src/link/device.ts";
import { type DeskFamily, type DeskServo, placeOn } from "./desk-servo.ts";
import { armSpec, ServoBench, servoTest } from "./servo-bench.ts";

/** What a servo moves by between being seen and hearing of it, in ms. */
const seenAgo = 20;

/** Watches what one servo is told. */
class Watch {
  cycle = 0;
  torques = 0;
  goals = 0;
  #goalAtCycle = 0;

  constructor(servo: DeskServo, armed: () => boolean, seed: number) {
    const set = servo.set.bind(servo);
    const { counts, radPerCount } = servo.family.scale;
    const step = Math.floor(0.02 / radPerCount);
    const moves = Math.ceil(seenAgo * servo.slewPerMs);
    servo.set = (address, data) => {
      const { goal, position, torque } = servo;
      const error = set(address, data);
      if (servo.torque && !torque) {
        this.torques++;
        const off = Math.abs(servo.goal - position);
        assert.ok(off <= 1, `seed ${seed}: torque ${off} counts from where it is`);
      }
      if (error === 0 && address === servo.family.goal.address) {
        this.goals++;
        const free = Math.max(1, this.cycle - this.#goalAtCycle) * step;
        const far = Math.abs(servo.goal - goal);
        const held = !armed() && Math.abs(servo.goal - position) <= moves;
        const safe = !servo.torque || far <= free || held;
        assert.ok(safe, `seed ${seed}: ${goal} to ${servo.goal} at ${position}, ${free} free`);
        assert.ok(servo.goal < counts, `seed ${seed}: ${servo.goal}`);
        this.#goalAtCycle = this.cycle;
      }
      return error;
    };
  }
}

function disturb(bench: ServoBench, rng: Rng): void {
  const { bus } = bench;
  const bad = rng.below(4) === 0;
  bus.losesPacket = () => bad && rng.below(3) === 0;
  bus.losesAnswer = () => bad && rng.below(3) === 0;
  bus.mangle = (answer) => {
    if (!bad || rng.below(3) > 0) return answer;
    const mangled = Uint8Array.from(answer);
    mangled[rng.below(mangled.length)] ^= 1 << rng.below(8);
    return rng.below(2) === 0 ? mangled : mangled.subarray(0, rng.below(mangled.length));
  };
  bus.full = rng.below(30) === 0;
  bus.answerUs = rng.below(20) === 0 ? rng.below(15_000) : 200;
  if (rng.below(20) === 0) bus.say(Uint8Array.from({ length: 9 }, () => rng.below(256)));
  for (const servo of bus.servos) {
    if (rng.below(servo.plugged ? 150 : 10) === 0) servo.plugged = !servo.plugged;
    // A servo that starts anew is limp and has no goal.
    if (rng.below(800) === 0) {
      servo.torque = false;
      servo.goal = 0;
    }
  }
}

servoTest("chaos: no torque away from the place, no wide step, whatever happens", (desk) => {
  let torques = 0;
  let goals = 0;
  let armed = 0;
  for (let seed = 0; seed < 60; seed++) {
    const rng = new Rng(seed);
    const bench = new ServoBench(desk);
    const { device, bus } = bench;
    for (const servo of bus.servos) servo.position = placeOn(desk, 1200 + rng.below(1700));
    const watches = bus.servos.map((servo) => new Watch(servo, () => device.armed, seed));
    bench.greet();
    for (let cycle = 1; cycle <= 400; cycle++) {
      for (const watch of watches) watch.cycle = cycle;
      disturb(bench, rng);
      bench.cycle(watches.map(() => rng.uniform(-1.5, 1.5)));
      if (device.armed) armed++;
      // As the loop and its gate would.
      if (device.armed && bench.ageUs > 40_000) device.stop(StopReason.fault);
      if (rng.below(50) === 0) device.stop(StopReason.request);
      if (rng.below(5) === 0) device.reset();
      if (device.disarmed) device.arm(bus.nowUs);
    }
    torques += watches.reduce((sum, watch) => sum + watch.torques, 0);
    goals += watches.reduce((sum, watch) => sum + watch.goals, 0);
  }
  // Arming takes longer where servos watch the line, and fails where it is bad.
  const armedMin = desk.family.watchdog === null ? 1000 : 250;
  assert.ok(torques > 100 && goals > 5000 && armed > armedMin, `${torques} ${goals} ${armed}`);
});

/** How late answers may be, in thousands of microseconds: up to 40 periods. */
const latencies = [1, 1, 5, 30, 100, 400, 800];

const clockFrom = 60;

/** After so many ms the places of a desk's servos that tell them begin anew. */
function clockTurnOf({ family }: DeskFamily): number {
  return family.scale.turns ? 3000 : 900;
}

/** A servo that tells by its place when it was asked, in ms. */
function makeClocks(bench: ServoBench): void {
  const turn = clockTurnOf(bench.desk);
  for (const servo of bench.bus.servos) {
    servo.move = () => {};
    Object.defineProperty(servo, "position", {
      get: () => clockFrom + (Math.floor(bench.bus.nowUs / 1000) % turn),
    });
  }
}

servoTest("chaos: an observation is never older than it is said to be", (desk) => {
  let fresh = 0;
  let said = 0;
  for (let seed = 0; seed < 300; seed++) {
    const rng = new Rng(seed);
    const spec = { ...armSpec(1), observation: [armSpec(1).observation[0]] };
    const bench = new ServoBench(desk, 1, {}, spec);
    bench.greet();
    makeClocks(bench);
    const { bus } = bench;
    let cycleStartUs = 0;
    for (let cycle = 0; cycle < 360; cycle++) {
      if (cycle % 60 === 0) bus.answerUs = latencies[rng.below(latencies.length)] * rng.below(1000);
      bus.losesAnswer = () => rng.below(10) === 0;
      cycleStartUs = bus.nowUs;
      bench.cycle();
      if (bench.ageUs === Number.POSITIVE_INFINITY) continue;
      said++;
      if (bench.ageUs === 0) fresh++;
      const counts = Math.round(bench.observation[0] / bench.radPerCount) + bench.middle;
      const turn = clockTurnOf(desk);
      const nowMs = Math.floor(cycleStartUs / 1000) % turn;
      const trueMs = ((nowMs - (counts - clockFrom) + 1.5 * turn) % turn) - turn / 2;
      const line = `seed ${seed} cycle ${cycle}: ${trueMs} ms old, said ${bench.ageUs / 1000}`;
      assert.ok(trueMs * 1000 <= bench.ageUs + 1000, line);
    }
  }
  assert.ok(fresh > 5000 && said > fresh, `${fresh} ${said}`);
});
