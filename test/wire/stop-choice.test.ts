import assert from "node:assert/strict";
import { test } from "node:test";
import { SinewError } from "../../src/core/errors.ts";
import type { Spec } from "../../src/core/spec.ts";
import { noPosition } from "../../src/wire/device-contract.ts";
import { StopCategory } from "../../src/wire/messages.ts";
import { type StopChoice, stopRulesOf } from "../../src/wire/stop-choice.ts";

const spec: Spec = {
  observation: [
    { name: "speed", unit: "rad/s", low: -4, high: 4 },
    { name: "angle", unit: "rad", low: -4, high: 4 },
  ],
  action: [
    { name: "target", unit: "rad", low: -2, high: 2 },
    { name: "torque", unit: "N*m", low: -2, high: 2 },
    { name: "fan", unit: "1", low: 0, high: 1 },
  ],
  periodUs: 20_000,
};

test("stop choice: an effort that is not named ramps to zero, a place is found by its name", () => {
  assert.deepEqual(stopRulesOf(spec, { fan: "off", target: { hold: "angle" } }), [
    { category: StopCategory.rampAndHold, position: 1 },
    { category: StopCategory.rampToZero, position: noPosition },
    { category: StopCategory.off, position: noPosition },
  ]);
  const rampingAll = stopRulesOf(spec, { target: "ramp_to_zero" });
  assert.ok(rampingAll.every(({ category }) => category === StopCategory.rampToZero));
});

test("stop choice: a zero beyond the limits is nowhere to ramp to", () => {
  const limits = [
    [0.1, 2],
    [-2, -0.1],
  ] as const;
  for (const [low, high] of limits) {
    const action = [{ name: "pump", unit: "N*m", low, high }];
    const pump: Spec = { ...spec, action };
    const line = new RegExp(`"pump" would ramp to 0 N\\*m, beyond its limits ${low} to ${high}: `);
    for (const choices of [{}, { pump: "ramp_to_zero" }] as const) {
      assert.throws(() => stopRulesOf(pump, choices), { code: "robot-file", message: line });
    }
    assert.equal(stopRulesOf(pump, { pump: "off" })[0].category, StopCategory.off);
  }
  const arm: Spec = { ...spec, action: [{ name: "arm", unit: "rad", low: 0.1, high: 2 }] };
  const message = /say how it stops: off or \{ hold: angle \}$/;
  assert.throws(() => stopRulesOf(arm, {}), { code: "robot-file", message });
  const ends = { ...spec, action: [{ name: "pump", unit: "N*m", low: 0, high: 2 }] };
  assert.equal(stopRulesOf(ends, {})[0].category, StopCategory.rampToZero);
});

const wrong: readonly [Record<string, StopChoice>, RegExp][] = [
  [{ tork: "off" }, /"tork" is no action channel: target, torque, fan/],
  [{ fan: "off" }, /"target" is told in rad, which "angle" reads.*\{ hold: angle \}/],
  [{ angle: "off" }, /"angle" is no action channel/],
  [{ target: { hold: "angel" } }, /"target" is to hold "angel", which is no observation/],
  [{ target: { hold: "speed" } }, /"speed", which is in rad\/s and not in rad$/],
];
for (const [choices, line] of wrong) {
  test(`stop choice: ${JSON.stringify(choices)} is refused by name`, () => {
    assert.throws(
      () => stopRulesOf(spec, choices),
      (error) => {
        assert.ok(error instanceof SinewError && error.code === "robot-file");
        assert.match(error.message, line);
        return true;
      },
    );
  });
}
