// A robot file that is not yet whole.
import assert from "node:assert/strict";
import { test } from "node:test";
import { SinewError } from "../../src/core/errors.ts";
import { parseRobot } from "../../src/edge/robot.ts";
import { checkUnfinishedRobot } from "../../src/edge/robot-unknown.ts";

const lines = [
  "robot: arm",
  "link:",
  "  feetech:",
  "    path: p",
  "    servos:",
  "      - { id: 1, joint: pan, zeroCounts: unknown, sign: unknown }",
  "      - { id: 2, joint: lift, zeroCounts: 7,",
  "          sign: -1 }",
  "",
];
const whole = lines.join("\n");

function refuses(body: () => unknown, line: RegExp): void {
  assert.throws(body, (error: unknown) => {
    assert.ok(error instanceof SinewError && error.code === "robot-file");
    assert.match(error.message, line);
    return true;
  });
}

test("unknown: a run refuses it, with its place", () => {
  const zero = /^robot\.yaml:6:\d+: "link\.feetech\.servos\.0\.zeroCounts" is unknown: fill it in/;
  refuses(() => parseRobot(whole, "robot.yaml"), zero);
  const sign = /^robot\.yaml:6:\d+: "link\.feetech\.servos\.0\.sign" is unknown: .*give 1 or -1/;
  refuses(() => parseRobot(whole.replace("unknown", "9"), "robot.yaml"), sign);
  assert.doesNotThrow(() => parseRobot(whole.replaceAll("unknown", "1"), "robot.yaml"));
});

test("unknown: what finds it out gets a stand-in for that, and for nothing else", () => {
  const standIns = { zeroCounts: 0, sign: 1 };
  const { file, mistakes } = checkUnfinishedRobot(whole, "robot.yaml", standIns);
  assert.ok(mistakes.none && file !== null);
  const { robot, unknowns, lineOf } = file;
  assert.ok("feetech" in robot.link);
  const [pan, lift] = robot.link.feetech.servos;
  assert.deepEqual([pan.zeroCounts, pan.sign, lift.zeroCounts, lift.sign], [0, 1, 7, -1]);
  const keys = (at: number, name: string) => ["link", "feetech", "servos", at, name];
  assert.deepEqual(unknowns, [keys(0, "zeroCounts"), keys(0, "sign")]);
  assert.equal(lineOf(keys(0, "sign")), "robot.yaml:6");
  assert.equal(lineOf(keys(1, "sign")), "robot.yaml:8");
  // What the file leaves out is where it would be.
  assert.equal(lineOf(keys(1, "maxSpeed")), "robot.yaml:7");
  const told = (text: string, known: Readonly<Record<string, number>>): string[] => {
    const found = checkUnfinishedRobot(text, "robot.yaml", known).mistakes.list();
    return found.map(({ line, column, message }) => `${line}:${column} ${message}`);
  };
  assert.match(told(whole, { sign: 1 }).join("\n"), /^6:\d+ .*zeroCounts" is unknown.*$/);
  const others = whole.replace("id: 1", "id: unknown").replace("robot: arm", "robot: Arm");
  const [name, id, ...more] = told(others, standIns);
  assert.match(name, /^1:8 "robot": give a name/);
  assert.match(id, /^6:\d+ "link\.feetech\.servos\.0\.id" is unknown/);
  assert.deepEqual(more, []);
});
