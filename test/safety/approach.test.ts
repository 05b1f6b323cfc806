import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import { approachSpeed } from "../../src/safety/approach.ts";

test("approach: what goes on for a time and then brakes stops at its end", () => {
  // v / 2 + v^2 / 4 = 1 has v = -1 + sqrt(5), and v + v^2 / 2 = 4 has v = 2.
  assert.ok(Math.abs(approachSpeed(1, 2, 0.5) - (Math.sqrt(5) - 1)) < 1e-15);
  assert.equal(approachSpeed(4, 1, 1), 2);
  for (let seed = 0; seed < 200; seed++) {
    const rng = new Rng(seed);
    const [distance, braking, seconds] = [-6, -3, -4].map((least) => 10 ** rng.uniform(least, 3));
    const speed = approachSpeed(distance!, braking!, seconds!);
    const needed = speed * seconds! + (speed * speed) / (2 * braking!);
    assert.ok(Math.abs(needed - distance!) <= 1e-12 * distance!, `seed ${seed}: ${needed}`);
  }
});

test("approach: at and beyond its end nothing goes on", () => {
  for (const distance of [0, -0, -1e-30, -1, -3e38]) assert.equal(approachSpeed(distance, 1, 1), 0);
});

test("approach: who keeps it never has to brake harder to keep it", () => {
  for (let seed = 0; seed < 200; seed++) {
    const rng = new Rng(seed);
    const [braking, periodS] = [rng.uniform(0.1, 50), rng.uniform(0.001, 0.1)];
    const seconds = periodS * rng.uniform(0.5, 5);
    let left = rng.uniform(0.01, 5);
    for (let cycle = 0; cycle < 100; cycle++) {
      const speed = approachSpeed(left, braking, seconds) * rng.uniform(0.5, 1);
      left -= speed * periodS;
      const next = approachSpeed(left, braking, seconds);
      assert.ok(next >= speed - braking * periodS - 1e-9, `seed ${seed}: ${speed} to ${next}`);
    }
  }
});
