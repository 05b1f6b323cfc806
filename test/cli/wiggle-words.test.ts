// What a person is told of a wiggle: what was seen, and which line to change.
import assert from "node:assert/strict";
import { test } from "node:test";
import { adviceOf, ownerOf, planLine, type Seen, seenLine } from "../../src/cli/wiggle-words.ts";
import type { Spec } from "../../src/core/spec.ts";
import { checkUnfinishedRobot } from "../../src/edge/robot-unknown.ts";
import type { WiggleChoice } from "../../src/edge/wiggle.ts";
import type { Follower, WiggleOutcome } from "../../src/edge/wiggle-verdict.ts";
import { motorSpec } from "../link/motor-bench.ts";
import { armSpec } from "../link/servo-bench.ts";

const spec = armSpec(2);
const choice: WiggleChoice = {
  ...{ at: 0, kind: "place", amplitude: 0.05, seconds: 4, low: -1, high: 1 },
  ...{ placesAt: [0, 1], feedbackAt: 0, way: 0.05, watched: [], near: 0.01 },
};

const contradicts = "was told one thing and tells another: see to it with its maker's tool";

function advice(of: Spec, lines: readonly string[], seen: Partial<Seen>): string[] {
  const text = ["robot: arm", ...lines, ""].join("\n");
  const { file } = checkUnfinishedRobot(text, "robot.yaml", { sign: 1 });
  const told: Seen = { outcome: "right", other: null, moved: "", byPerson: true, ...seen };
  return adviceOf(file!, of, choice, told);
}

const servos = [
  ...["link:", "  feetech:", "    path: p", "    servos:"],
  "      - { id: 1, joint: pan, zeroCounts: 7, sign: unknown }",
  "      - { id: 2, joint: lift, zeroCounts: 7 }",
];
const drives = [
  ...["link:", "  odrive:", "    path: p", "    watchdogMs: 100", "    axes:"],
  "      - { axis: 0, joint: a, sign: -1 }",
];
const firmware = ["link: { serial: { path: p } }"];
const tied = [
  ...firmware,
  "joints:",
  ...["pan", "lift"].map((joint) => {
    const seen = `position: ${joint}_position, velocity: ${joint}_velocity`;
    return `  ${joint}_position: { ${seen}, low: -1, high: 1, deceleration: 9 }`;
  }),
];

test("wiggle's words: a servo's sign and id are told with their lines", () => {
  assert.deepEqual(advice(spec, servos, {}), ["robot.yaml:6: give id 1 (pan) sign: 1"]);
  const reversed = advice(spec, servos, { outcome: "reversed" });
  assert.deepEqual(reversed, ["robot.yaml:6: give id 1 (pan) sign: -1"]);
  const other = advice(spec, servos, { outcome: "other", other: "lift_position" });
  const swap = "id 1 is lift, not pan: swap the two, then wiggle both";
  assert.deepEqual(other, [`robot.yaml:6 and robot.yaml:7: ${swap}`]);
  assert.deepEqual(advice(spec, servos, { outcome: "still" }), []);
  const right = advice(motorSpec(["torque"]), drives, {});
  assert.deepEqual(right, [], "its sign is known already");
  const drive = advice(motorSpec(["torque"]), drives, { outcome: "reversed" });
  assert.deepEqual(drive, ["robot.yaml:7: give axis 0 (a) sign: 1"]);
});

test("wiggle's words: what nobody saw, and what cannot be, is told so", () => {
  const [unseen] = advice(spec, servos, { byPerson: false });
  assert.match(unseen, /^id 1 \(pan\) tells its own place, so only who looks at it sees/);
  for (const outcome of ["reversed", "other"] as const) {
    const [line] = advice(motorSpec(["torque"]), drives, { outcome, byPerson: false });
    assert.equal(line, `axis 0 (a) ${contradicts}`);
  }
});

test("wiggle's words: firmware that moves another joint is told, and what ties are wrong", () => {
  const moved = { outcome: "other", moved: "lift_position", byPerson: false } as const;
  const line = "pan_position moves what lift_position tells of, not pan_position";
  assert.deepEqual(advice(spec, tied, moved), [
    `robot.yaml:4: ${line}: give position: lift_position`,
  ]);
  assert.deepEqual(advice(spec, firmware, moved), [
    `robot.yaml:2: ${line}: mend the order in the firmware`,
  ]);
  const [seen] = advice(spec, firmware, { outcome: "other" });
  assert.match(seen, /^robot\.yaml:2: pan_position moves another joint: mend the order/);
  const map = "channels: { action: { m1: pan_position, m2: lift_position } }";
  assert.deepEqual(advice(spec, [...tied, map], moved), [
    `robot.yaml:4: ${line}: mend channels at robot.yaml:6, or give position: lift_position`,
  ]);
  const [mapped] = advice(spec, [...firmware, map], { outcome: "other" });
  assert.match(
    mapped,
    /another joint: mend channels at robot\.yaml:3, or mend the order in the firm/,
  );
  const less = advice(spec, tied, { outcome: "reversed", byPerson: false });
  assert.deepEqual(less, [
    "robot.yaml:4: more of pan_position is less of pan_position: mend the sign in the firmware",
  ]);
  assert.match(advice(spec, firmware, { outcome: "reversed" })[0], /turns the other way: mend/);
  assert.deepEqual(advice(spec, firmware, {}), []);
});

test("wiggle's words: what moves, and what was seen, in degrees", () => {
  const others = "; the others stay as they are";
  const plan = `pan_position moves by 2.86 degrees, there and back in 4 s${others}`;
  assert.equal(planLine(spec, choice), plan);
  const push = planLine(motorSpec(["torque"]), {
    ...{ ...choice, kind: "effort", amplitude: 0.0025 },
    watched: [{ at: 0, farMax: Math.PI / 120, speedMax: 1 }],
  });
  const until = "for 2 s, or until it moved by 1.50 degrees, one way only";
  assert.equal(push, `a_torque is pushed by up to 0.00250 N*m ${until}`);
  const named: Follower = { name: "pan_position", unit: "rad", moved: 0.05, lagUs: 40_000 };
  const most: Follower = { name: "lift_position", unit: "rad", moved: -0.1, lagUs: 0 };
  const told = (outcome: WiggleOutcome): string => {
    const verdict = {
      outcome,
      named,
      most: outcome === "other" ? most : named,
      asked: 0.05,
      up: true,
    };
    return seenLine(spec, choice, verdict);
  };
  const own = "pan_position 2.86 degrees of 2.86 degrees";
  assert.equal(told("right"), `seen  it followed, 40 ms behind: ${own}`);
  assert.equal(told("other"), `seen  lift_position went -5.73 degrees, 0 ms behind; and ${own}`);
  assert.match(told("reversed"), /it went the other way than pan_position: pan_position 2\.86/);
  assert.match(told("still"), /nothing moved: .*; has it power, and is it free to move\?$/);
});

test("wiggle's words: whose an observation is, joints say, or its name", () => {
  const owner = (lines: readonly string[], name: string): string | null => {
    const text = ["robot: arm", ...lines, ""].join("\n");
    return ownerOf(checkUnfinishedRobot(text, "robot.yaml", {}).file!.robot, spec, name);
  };
  assert.equal(owner(firmware, "lift_position"), "lift_position");
  assert.equal(owner(firmware, "wrist_position"), null);
  const swapped = tied.map((line) => line.replace("position: pan_position", "position: roll"));
  assert.equal(owner(swapped, "roll"), "pan_position");
});
