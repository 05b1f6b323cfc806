import assert from "node:assert/strict";
import { test } from "node:test";
import type { Spec } from "../../src/core/spec.ts";
import { type MotorChoice, motorJoints } from "../../src/link/motor-joints.ts";
import type { StopChoice } from "../../src/wire/stop-choice.ts";
import { deskMotors, motorSpec } from "./motor-bench.ts";

const choice: MotorChoice = { path: "", baud: 1e6, watchdogMs: 100, motors: deskMotors(2) };

function refuses(
  line: RegExp,
  spec: Spec,
  change: Partial<MotorChoice> = {},
  stops: Readonly<Record<string, StopChoice>> = {},
): void {
  assert.throws(() => motorJoints(spec, { ...choice, ...change }, stops), line);
}

test("motor joints: what does not fit is refused by its channel", () => {
  const spec = motorSpec(["position", "torque"]);
  assert.equal(motorJoints(spec, choice).length, 2);
  const [first, ...rest] = spec.action;
  const without = (watchdogMs: number | undefined): Partial<MotorChoice> => ({ watchdogMs });
  refuses(/observation "c_position": no motor/, {
    ...spec,
    observation: [{ ...spec.observation[0], name: "c_position" }],
  });
  refuses(/action "c_torque": no motor/, { ...spec, action: [{ ...first, name: "c_torque" }] });
  refuses(/action "b": give exactly one of b_position, .*has none/, { ...spec, action: [first] });
  const both = { ...first, name: "a_velocity", unit: "rad/s" };
  refuses(/action "a": .*has 2/, { ...spec, action: [first, both, ...rest] });
  const degrees = { ...first, unit: "deg" };
  refuses(/"a_position": a motor drive speaks rad, the policy deg/, {
    ...spec,
    action: [degrees, ...rest],
  });
  refuses(
    /"b_torque": only positions without a watchdog: give watchdogMs/,
    spec,
    without(undefined),
  );
  assert.equal(
    motorJoints(motorSpec(["position", "position"]), { ...choice, ...without(undefined) }).length,
    2,
  );
  refuses(/watchdogMs is 59, and three periods are 60 ms/, spec, without(59));
  const motors = deskMotors(2).map((motor) => ({ ...motor, zeroTurns: 999 }));
  refuses(/"a_position": its range is 997.5 to 1000.5 turns of motor 0/, spec, { motors });
});

test("motor joints: a drive holds a position or lets go, and nothing else", () => {
  const spec = motorSpec(["position", "torque"]);
  const holds = (stops: Readonly<Record<string, StopChoice>>): boolean[] => {
    return motorJoints(spec, choice, stops).map((joint) => joint.holds);
  };
  assert.deepEqual(holds({}), [true, false]);
  assert.deepEqual(holds({ a_position: "off", b_torque: "off" }), [false, false]);
  assert.deepEqual(holds({ a_position: { hold: "a_position" } }), [true, false]);
  refuses(
    /stops: "a_position": give off or \{ hold: a_position \}/,
    spec,
    {},
    {
      a_position: "ramp_to_zero",
    },
  );
  refuses(/stops: "a_position": give off or/, spec, {}, { a_position: { hold: "b_position" } });
  refuses(/stops: "b_torque": give off to/, spec, {}, { b_torque: { hold: "b_torque" } });
  refuses(/stops: "c" is no action channel: a_position, b_torque/, spec, {}, { c: "off" });
});
