// The channels of a device in a robot file.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Channel, Spec } from "../../src/core/spec.ts";
import { readYaml } from "../../src/core/yaml.ts";
import { checkRobot, parseRobot } from "../../src/edge/robot.ts";
import { channelsOfRobot } from "../../src/edge/robot-channels.ts";
import { checkWithPolicy } from "../../src/edge/robot-policy.ts";
import { printRobot } from "../../src/edge/robot-print.ts";

const channel = (name: string, unit: string = "N*m"): Channel => ({ name, unit, low: -1, high: 1 });
const spec: Spec = {
  observation: [channel("pan_angle", "rad"), channel("lift_angle", "rad"), channel("target", "m")],
  action: [channel("pan"), channel("lift")],
  periodUs: 20_000,
};
const head = ["robot: a", "link: { serial: { path: p } }"];
const aim = "setpoints: [{ seconds: 0, target: 0.5 }]";

/** All that is wrong in `lines`, as `line:column message`. */
function told(lines: readonly string[], against: Spec | null = spec): string[] {
  const file = readYaml(`${lines.join("\n")}\n`, "robot.yaml");
  const { robot, mistakes } = checkRobot(file, "robot.yaml");
  if (robot !== null && against !== null) checkWithPolicy(robot, against, mistakes);
  return mistakes.list().map(({ line, column, message }) => `${line}:${column} ${message}`);
}

function matches(found: readonly string[], expected: readonly RegExp[]): void {
  assert.equal(found.length, expected.length, found.join("\n"));
  for (const [at, pattern] of expected.entries()) assert.match(found[at], pattern);
}

test("robot: the order of its channels is the device's, in a block or in braces", () => {
  const block = [
    "channels:",
    "  observation:",
    "    elbow: lift_angle",
    "    shoulder: pan_angle",
    "  action:",
    "    m2: lift",
    "    m1: pan",
  ];
  const braces = [
    "channels:",
    "  observation: { elbow: lift_angle, shoulder: pan_angle }",
    "  action: { m2: lift, m1: pan }",
  ];
  for (const lines of [block, braces]) {
    assert.deepEqual(told([...head, aim, ...lines]), []);
    const robot = parseRobot(`${[...head, aim, ...lines].join("\n")}\n`, "robot.yaml");
    for (const one of [robot, parseRobot(printRobot(robot), "robot.yaml")]) {
      const { device } = channelsOfRobot(one, spec);
      // The host itself fills the target: no device has it.
      const names = [...device.observation, ...device.action].map(({ name }) => name);
      assert.deepEqual(names, ["elbow", "shoulder", "m2", "m1"]);
    }
  }
  assert.equal(parseRobot(`${head.join("\n")}\n`, "robot.yaml").channels, undefined);
});

test("robot: every mistake about a channel gives line and column", () => {
  const lines = [
    ...head,
    aim,
    "channels:",
    "  observation: { Elbow: lift_angle, shoulder: lift_angle, eye: target }",
    "  action:",
    "    m1: pann",
    "    m2: unknown",
  ];
  matches(told(lines), [
    /^5:3 channels\.observation: "pan_angle" of the policy is missing: the device tells all of/,
    /^5:18 channels\.observation: "Elbow" is no name of a channel: give a letter/,
    /^5:47 channels\.observation: "lift_angle" is given twice, to Elbow and to shoulder/,
    /^5:64 channels\.observation: "target" is not of what the device tells: pan_angle, lift_angle/,
    /^6:3 channels\.action: "pan" of the policy is missing: the device is told all of them/,
    /^6:3 channels\.action: "lift" of the policy is missing/,
    /^7:9 channels\.action: "pann" is not of what the device is told: is it pan\?/,
    /^8:9 channels\.action: "m2" is unknown: give the policy's name for it/,
  ]);
});

test("robot: what is wrong with the channels by themselves needs no policy", () => {
  matches(
    told(
      [...head, "channels: { action: { m1: pan, m2: pan, 3: tip }, motion: { m1: pan } }"],
      null,
    ),
    [/^3:51 unknown key "channels\.motion": is it action\?/],
  );
  matches(told([...head, "channels: { action: { m1: pan, m2: pan, 3: tip } }"], null), [
    /^3:36 channels\.action: "pan" is given twice, to m1 and to m2/,
    /^3:41 channels\.action: "3" is no name of a channel/,
  ]);
  matches(told([...head, "channels: { action: { m1: pan, m1: lift } }"], null), [
    /^3:32 Map keys must be unique/,
  ]);
  matches(told([...head, "channels: { action: [m1, m2], observation: { a: 3, b: '' } }"], null), [
    /^3:21 "channels\.action": give a map: \{ <the device's name>: <the policy's name> \}/,
    /^3:49 "channels\.observation\.a": give the policy's name of that channel/,
    /^3:55 "channels\.observation\.b": give the policy's name/,
  ]);
  matches(told([...head, "channels: m1"], null), [/^3:11 "channels"/]);
});

test("robot: servos and drives name their channels themselves, and the file says where", () => {
  const motors = "[{ id: 1, joint: pan }]";
  for (const [link, where] of [
    ["feetech: { path: p, servos: [{ id: 1, joint: pan, zeroCounts: 1 }] }", "feetech.servos"],
    ["dynamixel: { path: p, servos: [{ id: 1, joint: pan, zeroCounts: 1 }] }", "dynamixel.servos"],
    ["odrive: { path: p, axes: [{ axis: 0, joint: pan }] }", "odrive.axes"],
    [`moteus: { path: p, adapter: uart, motors: ${motors} }`, "moteus.motors"],
  ]) {
    matches(told(["robot: a", `link: { ${link} }`, "channels: { action: { m1: pan } }"], null), [
      new RegExp(`^3:1 channels: each of link\\.${where} says by its joint .*: leave it out`),
    ]);
  }
  const mqtt = ["robot: a", "link: { mqtt: { url: 'mqtt://h' } }"];
  assert.deepEqual(told([...mqtt, aim, "channels: { action: { m2: lift, m1: pan } }"]), []);
});

test("robot: names that cannot be judged for a setpoint's mistake hide no other mistake", () => {
  const wrong = "setpoints: [{ seconds: 1, target: 0.5 }]";
  matches(told([...head, wrong, "channels: { action: { m1: pan }, observation: { a: x } }"]), [
    /^3:13 setpoints: number 1 is at 1 s/,
    /^4:13 channels\.action: "lift" of the policy is missing/,
  ]);
  const motors = "link: { moteus: { path: p, adapter: uart, motors: [{ id: 1, joint: pan }] } }";
  const drives = told(["robot: a", motors, wrong]);
  assert.match(drives[0], /^3:13 setpoints: number 1 is at 1 s/);
  assert.ok(!drives.some((line) => line.includes("channels:")), drives.join("\n"));
});
