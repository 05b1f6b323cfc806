import assert from "node:assert/strict";
import { test } from "node:test";
import { DeviceRecord } from "../../src/hil/device-record.ts";
import { driven } from "../../src/hil/driven.ts";
import { drivenFaults } from "../../src/hil/driven-faults.ts";
import { DeviceMode } from "../../src/wire/messages.ts";
import { type StopChoice, stopRulesOf } from "../../src/wire/stop-choice.ts";

const { disarmed, armed, stopping, stopped } = DeviceMode;
const spec = driven["pd-servo"];
const hold: StopChoice = { hold: "joint_angle" };

/** One STATE: its mode, whether it acknowledges a command or an ARM, and what it drives. */
type Told = readonly [mode: number, acknowledged: "command" | "arm" | "unknown", driven: number];

function faultsOf(choice: StopChoice, ...story: readonly Told[]): string {
  const record = new DeviceRecord();
  const said = { command: [1], arm: [], unknown: undefined };
  const words = story.map(([, acknowledged]) => acknowledged);
  record.sentFor = ({ acknowledged }) => said[words[acknowledged]];
  const seen = story.map(([mode, , count], at) => ({
    ...{ hostUs: at, deviceUs: at, saidUs: at, reason: 0, observation: [0, 0], applied: [0] },
    ...{ mode, acknowledged: at, driven: count },
  }));
  const rules = stopRulesOf(spec, { joint_target: choice });
  return [...drivenFaults(seen, { spec, rules, record })].join();
}

test("driven: nothing before the first command, and by commands everything", () => {
  const late: Told = [armed, "arm", 0];
  assert.equal(faultsOf("off", [disarmed, "unknown", 0], late, [armed, "command", 1]), "");
  assert.match(faultsOf("off", [disarmed, "unknown", 1]), /^disarmed, it drives 1 .* not 0 to 0$/);
  assert.match(faultsOf("off", [armed, "arm", 1]), /^armed, it drives 1 .* not 0 to 0$/);
  assert.match(faultsOf("off", late, [armed, "command", 0]), /at 1 us, not 1 to 1$/);
  assert.match(faultsOf("off", late, [stopping, "arm", 1]), /^stopping, .* not 0 to 0$/);
  // Of what the rig did not see nothing is said.
  assert.equal(faultsOf("off", [armed, "unknown", 1]), "");
});

test("driven: each way to stop lets go in its own time", () => {
  const story = (choice: StopChoice, during: number, after: number): string =>
    faultsOf(
      choice,
      [armed, "command", 1],
      [stopping, "command", during],
      [stopped, "command", after],
    );
  for (const [choice, during, after] of [
    ["off", 0, 0],
    ["ramp_to_zero", 1, 0],
    ["ramp_to_zero", 0, 0],
    [hold, 1, 1],
  ] as const) {
    assert.equal(story(choice, during, after), "");
  }
  assert.match(story("off", 1, 0), /^stopping, it drives 1 .* not 0 to 0$/);
  assert.match(story("ramp_to_zero", 1, 1), /^stopped, it drives 1 .* not 0 to 0$/);
  assert.match(story(hold, 0, 1), /^stopping, it drives 0 .* not 1 to 1$/);
  assert.match(story(hold, 1, 0), /^stopped, it drives 0 .* not 1 to 1$/);
});

test("driven: what is held is held through reset and arming, and need not be", () => {
  for (const held of [0, 1]) {
    const after: Told = [armed, "arm", held];
    assert.equal(faultsOf(hold, [armed, "command", 1], [disarmed, "command", held], after), "");
  }
  assert.match(faultsOf("off", [armed, "command", 1], [disarmed, "command", 1]), /^disarmed, /);
});
