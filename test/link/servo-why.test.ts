// What a person is told of servos that are not armed, or stopped by themselves, in simulated time.
import assert from "node:assert/strict";
import { StopReason } from "../../src/link/device.ts";
import { Instruction } from "../../src/link/feetech-packet.ts";
import { countsOn } from "./desk-servo.ts";
import { ServoBench, servoTest } from "./servo-bench.ts";

/** What keeps servos from being armed, and what is said of it. */
const reasons: readonly [spoil: (bench: ServoBench) => void, why: RegExp][] = [
  [({ bus }) => (bus.servos[1].plugged = false), /^servo 2 \(lift\) does not answer in time$/],
  [({ bus }) => (bus.servos[2].position = 10), /^servo 3 \(elbow\) is at the end of its encoder/],
  [({ bus }) => (bus.servos[0].error = 0x20), /^servo 1 \(pan\) reports the error 0x20$/],
  [({ bus }) => (bus.full = true), /^servo 1 \(pan\) does not answer in time$/],
  [
    ({ bus }) => (bus.losesPacket = (instruction) => instruction === Instruction.syncWrite),
    /^servo 1 \(pan\) does not say that it (has the goal|watches the line)/,
  ],
  [
    (bench) => {
      const [, second] = bench.bus.servos;
      const set = second.set.bind(second);
      second.set = (address, data) => {
        if (address === second.family.goal.address) second.position += countsOn(bench.desk, 40);
        return set(address, data);
      };
    },
    /^servo 2 \(lift\) moved before it got torque/,
  ],
];

servoTest("why servos are not armed is told", (desk) => {
  for (const [spoil, why] of reasons) {
    const bench = new ServoBench(desk);
    bench.greet();
    bench.cycle();
    assert.equal(bench.device.why, "");
    spoil(bench);
    bench.device.arm(bench.bus.nowUs);
    assert.ok(bench.device.disarmed, String(why));
    assert.match(bench.device.why, why);
  }
  const late = new ServoBench(desk);
  late.greet();
  late.cycle();
  late.device.arm(late.bus.nowUs - 51_000);
  assert.match(late.device.why, /^it took too long/);
});

servoTest("why servos stopped is told, until they are reset", (desk) => {
  const bench = new ServoBench(desk);
  bench.arm();
  assert.equal(bench.device.why, "");
  bench.bus.servos[1].error = 0x20;
  bench.cycle(0.5);
  assert.equal(bench.device.why, "servo 2 (lift) reports the error 0x20");
  bench.bus.servos[1].error = 0;
  bench.cycles(10);
  assert.equal(bench.device.why, "servo 2 (lift) reports the error 0x20");
  bench.device.reset();
  bench.cycles(3);
  assert.ok(bench.device.disarmed);
  assert.equal(bench.device.why, "");
  bench.ask();
  bench.bus.servos[2].torque = false;
  bench.cycles(4, 0.5);
  assert.equal(bench.device.why, "servo 3 (elbow) lost its torque");
  const asked = new ServoBench(desk);
  asked.arm();
  asked.device.stop(StopReason.request);
  asked.cycles(5);
  assert.equal(asked.device.why, "", "who asked for it knows why");
});
