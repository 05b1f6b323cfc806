// A robot file that is not yet whole.
import assert from "node:assert/strict";
import { test } from "node:test";
import { SinewError } from "../../src/core/errors.ts";
import { parseRobot } from "../../src/edge/robot.ts";
import { parseUnfinishedRobot } from "../../src/edge/robot-unknown.ts";

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
  const { robot, unknowns, lineOf } = parseUnfinishedRobot(whole, "robot.yaml", standIns);
  assert.ok("feetech" in robot.link);
  const [pan, lift] = robot.link.feetech.servos;
  assert.deepEqual([pan.zeroCounts, pan.sign, lift.zeroCounts, lift.sign], [0, 1, 7, -1]);
  const keys = (at: number, name: string) => ["link", "feetech", "servos", at, name];
  assert.deepEqual(unknowns, [keys(0, "zeroCounts"), keys(0, "sign")]);
  assert.equal(lineOf(keys(0, "sign")), "robot.yaml:6");
  assert.equal(lineOf(keys(1, "sign")), "robot.yaml:8");
  // What the file leaves out is where it would be.
  assert.equal(lineOf(keys(1, "maxSpeed")), "robot.yaml:7");
  const signs = (): unknown => parseUnfinishedRobot(whole, "robot.yaml", { sign: 1 });
  refuses(signs, /zeroCounts" is unknown/);
  const id = whole.replace("id: 1", "id: unknown");
  refuses(() => parseUnfinishedRobot(id, "robot.yaml", standIns), /servos\.0\.id" is unknown/);
});
