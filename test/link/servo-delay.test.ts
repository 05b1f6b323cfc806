// Servos as they leave the factory answer late, until they are told not to; in simulated time.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Register, scs } from "../../src/link/feetech-registers.ts";
import { servoAnswerUs } from "../../src/link/servo-time.ts";
import { deskScs } from "./desk-servo.ts";
import { armSpec, names, ServoBench, servoTest } from "./servo-bench.ts";

const baud = 1_000_000;
const writing = 3;

test("scs: servos that answer late are greeted at the shortest period, and set once each", () => {
  const { family } = deskScs;
  const count = names.length;
  const spec = { ...armSpec(), periodUs: 12_180 };
  servoAnswerUs(spec, family, count, baud);
  assert.throws(() => servoAnswerUs({ ...spec, periodUs: 12_179 }, family, count, baud));
  // 80 us ask and 60 us answer, and an adapter takes what a period leaves it, from its 870 us.
  for (const adapterUs of [60, 260, 460, 700]) {
    const bench = new ServoBench(deskScs, count, {}, spec);
    bench.bus.answerUs = 80 + 60 + adapterUs;
    bench.greet();
    assert.equal(bench.device.phase, "ready", `${adapterUs} us: ${bench.device.refusal}`);
    for (const { registers } of bench.bus.servos) {
      assert.deepEqual([registers[Register.returnDelay], registers[scs.lock]], [0, 1]);
    }
    // None was taken for silent: the lock is opened, the delay is set, the lock is shut.
    const written = bench.bus.told.filter((told) => Number(told.split(" ")[1]) === writing);
    assert.equal(written.length, 3 * count, `${adapterUs} us: ${written}`);
  }
});

servoTest("an answer that a long period has time for is awaited as long for a setting", (desk) => {
  const bench = new ServoBench(desk, 1, {}, { ...armSpec(1), periodUs: 160_000 });
  bench.bus.answerUs = 16_000;
  bench.greet();
  assert.equal(bench.device.phase, "ready", bench.device.refusal ?? "silent");
  const written = bench.bus.told.filter((told) => Number(told.split(" ")[1]) === writing);
  assert.equal(written.length, desk.family.name === "feetech" ? 3 : 1);
});

servoTest("a servo that falls silent as it is set holds up nobody for long", (desk) => {
  const bench = new ServoBench(desk, 1);
  const { bus } = bench;
  let asked = 0;
  bus.losesAnswer = () => bus.told.at(-1)!.split(" ")[1] === `${writing}` && ++asked > 0;
  const startUs = bus.nowUs;
  bench.device.poll(bus.nowUs);
  assert.ok(asked > 0 && bus.nowUs - startUs < 20_000, `${bus.nowUs - startUs} us`);
});
