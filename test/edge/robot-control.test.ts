import assert from "node:assert/strict";
import { test } from "node:test";
import { controlSpecOf } from "../../src/core/decimation.ts";
import { Rng } from "../../src/core/rng.ts";
import { checkSpec, type Spec } from "../../src/core/spec.ts";
import { readYaml } from "../../src/core/yaml.ts";
import {
  checkRobot,
  commandTtlUs,
  limitsOfRobot,
  parseRobot,
  type Robot,
  swapOfRobot,
} from "../../src/edge/robot.ts";
import { controlSpecOfRobot, decimationOfRobot, rateHzOf } from "../../src/edge/robot-control.ts";
import { checkWithPolicy } from "../../src/edge/robot-policy.ts";
import { effectiveRobot, printRobot } from "../../src/edge/robot-print.ts";

const spec: Spec = {
  observation: [{ name: "angle", unit: "rad", low: -4, high: 4 }],
  action: [{ name: "torque", unit: "N*m", low: -2, high: 2 }],
  periodUs: 20_000,
};

function robotWith(control: string): Robot {
  const text = `robot: a\nlink: { serial: { path: p } }\n${control}\n`;
  return parseRobot(text, "robot.yaml");
}

const everyOf = (rateHz: number, periodUs: number): number => {
  return decimationOfRobot({ control: { rateHz, between: "hold" } }, { ...spec, periodUs }).every;
};

test("control: the loop has the policy's rate, or is so many times as fast", () => {
  assert.deepEqual(decimationOfRobot(robotWith(""), spec), { every: 1, between: "hold" });
  const robot = robotWith("control: { rateHz: 250, between: interpolate }");
  assert.deepEqual(decimationOfRobot(robot, spec), { every: 5, between: "interpolate" });
  assert.equal(controlSpecOfRobot(robotWith(""), spec), spec);
  const control = controlSpecOfRobot(robot, spec);
  assert.deepEqual(control, { ...spec, periodUs: 4000 });
  assert.deepEqual([everyOf(50, 20_000), everyOf(500, 20_000)], [1, 10]);
  // What is of the loop's cycles, and a blend, which is of the policy's answers.
  const limits = limitsOfRobot(robot, spec);
  assert.equal(limits.action[0].rateMax, 4 / 0.004);
  // A faster loop makes no computer faster.
  assert.deepEqual([commandTtlUs(robot, spec), limits.ageUsMax], [40_000, 40_000]);
  const { blendCycles, watchCycles } = swapOfRobot(robot, spec);
  assert.deepEqual([blendCycles, watchCycles], [25, 2500]);
});

test("control: a period is whole microseconds, and what people mean is understood", () => {
  // 30, 60 and 90 Hz have no such periods.
  const thirty = 33_333;
  assert.deepEqual(
    [60, 90, 120, 300].map((rate) => everyOf(rate, thirty)),
    [2, 3, 4, 10],
  );
  for (let seed = 0; seed < 2000; seed++) {
    const rng = new Rng(seed);
    const periodUs = 2_000 + rng.below(200_000);
    const every = 1 + rng.below(20);
    const made = controlSpecOf({ ...spec, periodUs }, { every });
    checkSpec(made);
    // What is printed is read as the same.
    const rateHz = rateHzOf({ periodUs }, every);
    assert.equal(everyOf(rateHz, periodUs), every, `seed ${seed}: ${periodUs} us, ${every} times`);
  }
});

test("control: what is no whole multiple is refused, with those that are near", () => {
  for (const [rateHz, near] of [
    [120, "100 or 150"],
    [251, "250 or 300"],
    [49, "50 or 100"],
    [10, "50 or 100"],
  ] as const) {
    const robot = robotWith(`control: { rateHz: ${rateHz} }`);
    assert.throws(() => decimationOfRobot(robot, spec), {
      code: "robot-file",
      message: `control.rateHz: ${rateHz} is no whole multiple of the policy's 50: give ${near}`,
    });
  }
  assert.throws(() => everyOf(9_925, 20_000), /give 9900 or 9950$/);
  assert.throws(() => everyOf(9_999, 150), /a multiple|give 6666\.67$/);
});

/** All that is wrong, as `line:column message`. */
function told(lines: readonly string[]): string[] {
  const file = readYaml(`${lines.join("\n")}\n`, "robot.yaml");
  const { robot, mistakes } = checkRobot(file, "robot.yaml");
  if (robot !== null) checkWithPolicy(robot, spec, mistakes);
  return mistakes.list().map(({ line, column, message }) => `${line}:${column} ${message}`);
}

test("control: a mistake is told with its line and column, and hides no other", () => {
  const head = ["robot: a", "link: { serial: { path: p } }"];
  const limits = "limits: { torque: { high: 9 } }";
  const [rate, high, ...others] = told([...head, "control:", "  rateHz: 120", limits]);
  assert.match(
    rate,
    /^4:11 control\.rateHz: 120 is no whole multiple of the policy's 50: give 100/,
  );
  assert.match(high, /^5:\d+ limits: "torque" has the limits \[-2, 9\]/);
  assert.deepEqual(others, []);
  for (const [line, expected] of [
    ["control: { rateHz: 0 }", /^3:20 "control\.rateHz"/],
    ["control: { rateHz: 20000 }", /^3:20 "control\.rateHz"/],
    ["control: { rateHz: fast }", /^3:20 "control\.rateHz": give a number/],
    ["control: { rateHz: 100, between: jump }", /^3:34 "control\.between": give hold or interp/],
    ["control: { ratehz: 100 }", /^3:12 unknown key "control\.ratehz": is it rateHz\?$/],
  ] as const) {
    const found = told([...head, line]);
    assert.equal(found.length, 1, found.join("\n"));
    assert.match(found[0], expected);
  }
});

test("control: what a file leaves out is filled in by the loop's cycles", () => {
  const robot = robotWith("control: { rateHz: 250 }");
  const filled = effectiveRobot(robot, spec, "p.onnx");
  assert.deepEqual(filled.control, { rateHz: 250, between: "hold" });
  assert.deepEqual([filled.commandTtlMs, filled.observationAgeMs], [40, 40]);
  assert.deepEqual(filled.limits, { torque: { low: -2, high: 2, rateMax: 1000 } });
  const again = parseRobot(printRobot(filled), "robot.yaml");
  assert.deepEqual(again, filled);
  assert.deepEqual(effectiveRobot(again, spec, "p.onnx"), filled);
  const plain = effectiveRobot(robotWith(""), spec, "p.onnx");
  assert.deepEqual(plain.control, { rateHz: 50, between: "hold" });
});
