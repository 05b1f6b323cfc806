import assert from "node:assert/strict";
import { test } from "node:test";
import { draftText, type RobotDraft } from "../../src/cli/robot-draft.ts";
import { parseRobot } from "../../src/edge/robot.ts";
import { armSpec } from "../link/servo-bench.ts";

const spec = armSpec(2);
const draft: RobotDraft = {
  ...{ robot: "arm-1", policy: "policy.onnx", spec, link: "feetech", series: "sts" },
  ...{ port: "/dev/ttyACM0", baud: 1_000_000, ids: [1, 2], adapter: null, goesHome: false },
  told: spec.observation.map(({ name }) => name),
  channels: null,
};

/** What stands there as unknown, but for what a servo's own line has. */
function filled(text: string): string {
  return text
    .replaceAll("zeroCounts: unknown", "zeroCounts: 512")
    .replaceAll("sign: unknown", "sign: 1");
}

test("robot draft: the span of an SCS's counts is not guessed", () => {
  const scs = filled(draftText({ ...draft, series: "scs" }));
  assert.throws(
    () => parseRobot(scs, "robot.yaml"),
    /"link.feetech.spanDegrees" is unknown: fill it in/,
  );
  const { link } = parseRobot(
    scs.replace("spanDegrees: unknown", "spanDegrees: 300"),
    "robot.yaml",
  );
  assert.ok("feetech" in link && link.feetech.series === "scs");
  for (const series of ["sts", null] as const) {
    const text = filled(draftText({ ...draft, series }));
    assert.ok(!text.includes("spanDegrees"));
    const sts = parseRobot(text, "robot.yaml").link;
    assert.ok("feetech" in sts && sts.feetech.series === undefined);
  }
});
