import assert from "node:assert/strict";
import { test } from "node:test";
import { SinewError } from "../../src/core/errors.ts";
import type { Spec } from "../../src/core/spec.ts";
import { type LimitChoices, limitsOf } from "../../src/safety/limits.ts";

const spec: Spec = {
  observation: [{ name: "angle", unit: "rad", low: -4, high: 4 }],
  action: [
    { name: "left", unit: "N*m", low: -2, high: 2 },
    { name: "right", unit: "N*m", low: 0.1, high: 0.7 },
  ],
  periodUs: 10_000,
};

test("limits: may be tightened, never loosened", () => {
  const refuse = (choices: LimitChoices, pattern: RegExp): void => {
    const check = (error: unknown): boolean =>
      error instanceof SinewError && error.code === "robot-file" && pattern.test(error.message);
    assert.throws(() => limitsOf(spec, choices), check);
  };
  refuse({ action: { left: { high: 2.1 } } }, /"left".*stay within \[-2, 2\] N\*m/);
  refuse({ action: { left: { low: Number.NaN } } }, /"left"/);
  refuse({ action: { left: { low: 1, high: 1 } } }, /"left" has the limits \[1, 1\]/);
  refuse({ action: { left: { rateMax: 0 } } }, /rateMax 0/);
  refuse({ action: { left: { rateMax: Number.POSITIVE_INFINITY } } }, /rateMax Infinity/);
  refuse({ action: { middle: {} } }, /"middle" is no action channel: the policy has left, right/);
  for (const ageUsMax of [Number.NaN, 0, -1, 10_000_001]) {
    refuse(
      { ageUsMax },
      new RegExp(`ageUsMax is ${ageUsMax}: give microseconds above 0, at most 1`),
    );
  }
  for (const ageUsMax of [1, 10_000_000])
    assert.equal(limitsOf(spec, { ageUsMax }).ageUsMax, ageUsMax);
  assert.deepEqual(limitsOf(spec, { action: { left: { high: 1 } } }).action[0], {
    low: -2,
    high: 1,
    rateMax: 300,
  });
  assert.deepEqual(
    JSON.parse(JSON.stringify(limitsOf(spec))),
    limitsOf(spec),
    "limits survive JSON",
  );
});

test("limits: an acceleration is one that a float32 can tell", () => {
  // 2^-21 of the greatest number, here 2 and 1.5, in each of two periods of 0.01 s.
  for (const [low, high, greatest, told] of [
    [-2, 1, 2, "0.0095"],
    [-1, 1.5, 1.5, "0.0072"],
    [-2, -1, 2, "0.0095"],
  ] as const) {
    const least = greatest / 2 ** 21 / (0.01 * 0.01);
    for (const [accelerationMax, fits] of [
      [least * 0.999, false],
      [least, true],
      [1e9, true],
      [1.1e9, false],
      [0, false],
      [-1, false],
      [Number.NaN, false],
    ] as const) {
      const limit = { low, high, rateMax: 9, accelerationMax };
      const made = (): unknown => limitsOf(spec, { action: { left: limit } }).action[0];
      if (fits) assert.deepEqual(made(), limit);
      else assert.throws(made, new RegExp(`: give ${told} to 1000000000 N.m/s.2$`));
    }
  }
});
