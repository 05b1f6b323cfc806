// What the files beside and inside an ONNX say, taken apart.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { specOfDevice } from "../../src/edge/setpoints.ts";
import { decodeModel, encodeModel } from "../../src/onnx/model.ts";
import { describePolicy } from "../../src/policy/description.ts";
import { deviceSpecOf } from "../../src/policy/history-policy.ts";
import { importPolicy } from "../../src/policy/import.ts";
import { readManifest } from "../../src/policy/import-microduck.ts";
import { readMjlab } from "../../src/policy/import-mjlab.ts";
import { importKey, recordOf } from "../../src/policy/import-record.ts";
import { halfOfDecimals, halfOfDigits } from "../../src/policy/import-rounding.ts";
import { parseSpec } from "../../src/policy/import-spec.ts";
import { formatSpec } from "../../src/policy/import-template.ts";
import { readDeploy } from "../../src/policy/import-unitree.ts";
import { requestOf, withSpec } from "./import-fixture.ts";

const deploy = requestOf("unitree").deploy!.text;
const manifest = requestOf("microduck").manifest!.text;

function deployed(from: string | RegExp, to: string) {
  const text = deploy.replace(from, to);
  assert.notEqual(text, deploy);
  return readDeploy(text, "deploy.yaml");
}

test("short numbers lost nothing when printed, long ones half of their last digit", () => {
  assert.equal(halfOfDecimals(["0.250", "-1.500", "3.000"]), null);
  assert.equal(halfOfDecimals(["0.250", "0.439"]), 0.0005);
  assert.equal(halfOfDecimals(["0.25", "0.439"]), null);
  assert.equal(halfOfDecimals([]), null);
  assert.equal(halfOfDecimals(["12", "7"]), null);
  assert.equal(halfOfDigits([0.25, 40, 0], 3), null);
  assert.ok(Math.abs(halfOfDigits([0.548, 0.00124], 3)! - 0.0005) < 1e-12);
  assert.ok(Math.abs(halfOfDigits([0.25, 99.1], 3)! - 0.05) < 1e-12);
  // Whoever has four digits has not been rounded to three.
  assert.equal(halfOfDigits([0.5481, 0.351], 3), null);
});

test("a deploy.yaml of some joints moves these, in its order", () => {
  const { draft, gaps } = deployed(
    /scale: \[0\.548, 0\.351, 0\.25\]\n {4}offset: .*\n {4}joint_ids: null/,
    "scale: [0.5, 0.25]\n    offset: [0.1, 0.2]\n    joint_ids: [2, 0]",
  );
  // Its clip is still of three.
  assert.equal(gaps[0].rows, "action");
  assert.equal(draft.action, undefined);
  const some = deployed(
    /clip:\n(?: {4}- .*\n)+ {4}joint_names: .*\n {4}scale: .*\n {4}offset: .*\n {4}joint_ids: null/,
    "clip: null\n    scale: [0.5, 0.25]\n    offset: [0.1, 0.2]\n    joint_ids: [2, 0]",
  );
  assert.deepEqual(
    some.draft.action?.map(({ joint, scale, offset }) => [joint, scale, offset]),
    [
      [2, 0.5, 0.1],
      [0, 0.25, 0.2],
    ],
  );
});

test("of a slice of Python's, all is read and a part is asked for", () => {
  assert.deepEqual(readDeploy(deploy, "deploy.yaml").gaps, []);
  const part = deployed("[null, null, null]", "[0, 2, null]");
  assert.deepEqual(
    part.gaps.map(({ why }) => why.code),
    ["unknown-term"],
  );
  const ids = deployed(
    /joint_ids: !!python\S+ \[null, null, null\]\n {4}clip: null\n {4}scale: .*\n/,
    "joint_ids: [2, 0]\n    clip: null\n    scale: [1.0, 1.0]\n",
  );
  const joints = ids.draft.observation?.filter(({ quantity }) => quantity === "position");
  assert.deepEqual(
    joints?.map(({ joint }) => joint),
    [2, 0],
  );
});

test("a velocity or an effort is in its own unit; an empty range of commands is none", () => {
  for (const [kind, unit] of [
    ["JointVelocityAction", "rad/s"],
    ["JointEffortAction", "N*m"],
  ]) {
    const { draft } = deployed("JointPositionAction", kind);
    assert.equal(draft.action?.[0].unit, unit);
  }
  const { draft } = readDeploy(deploy, "deploy.yaml");
  const yaw = draft.observation?.find(({ name }) => name === "command_yaw_rate");
  assert.deepEqual([yaw?.low, yaw?.high], [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]);
});

test("metadata with a list in a list, one scale for all, and another count of joints", () => {
  const metadata = new Map([
    ["joint_names", "a_joint,b_joint"],
    ["default_joint_pos", "0.100,0.200"],
    ["observation_names", "joint_pos,joint_vel"],
    ["observation_terms_scale", "[0.5, 0.25],2.000"],
    ["observation_term_clip", "[-inf, inf],[-9, 9]"],
    ["action_scale", "0.25"],
  ]);
  const { draft, gaps } = readMjlab(metadata);
  assert.deepEqual(gaps, []);
  assert.deepEqual(
    draft.observation?.map(({ scale, clip }) => [scale, clip]),
    [
      [0.5, undefined],
      [0.25, undefined],
      [2, [-9, 9]],
      [2, [-9, 9]],
    ],
  );
  assert.deepEqual(
    draft.action?.map(({ scale }) => scale),
    [0.25, 0.25],
  );
  const fewer = readMjlab(new Map(metadata).set("joint_names", "a,b,c"));
  assert.ok(fewer.findings.some(({ code }) => code === "contradiction"));
  const unlike = readMjlab(new Map(metadata).set("action_scale", "0.25,0.25,0.25"));
  assert.deepEqual(
    unlike.gaps.map(({ rows }) => rows),
    ["action"],
  );
  const term = readMjlab(new Map(metadata).set("observation_names", "joint_pos,smell"));
  assert.match(term.gaps[0].why.message, /"smell"/);
});

test("of a set of policies the manifest's entry of the file counts", () => {
  const set = JSON.stringify({
    ...{ obs_len: 61, action_len: 14, robot: { model: "microduck", control_hz: 50 } },
    policies: [
      { file: "walk.onnx", action_scale: 0.5, name: "walk" },
      { file: "sit.onnx", action_scale: 0.3, command: { encoding: "posture_flag" } },
    ],
  });
  const walk = readManifest(set, "manifest.json", "walk.onnx");
  assert.equal(walk.draft.task, "walk");
  assert.equal(walk.draft.action?.[3].scale, 0.5);
  const sit = readManifest(set, "manifest.json", "sit.onnx");
  assert.ok(sit.findings.some(({ code }) => code === "time-input"));
  const memory = manifest.replace('"model_api": 1', '"model_api": 2');
  const { findings } = readManifest(memory, "manifest.json", "policy.onnx");
  assert.ok(findings.some(({ code }) => code === "recurrent"));
});

test("units, scales and shapes that a spec says otherwise stop it; names do not", async () => {
  const unitree = requestOf("unitree");
  const rows = (row: string): string => `action:\n  - { ${row} }\n  - {}\n  - {}\n`;
  const codesWith = async (row: string): Promise<string[]> => {
    const { findings } = await importPolicy(withSpec(unitree, /$/, rows(row)));
    return findings.filter(({ severity }) => severity === "error").map(({ code }) => code);
  };
  assert.deepEqual(await codesWith("unit: deg"), ["contradiction"]);
  assert.deepEqual(await codesWith("scale: 0.5"), ["contradiction"]);
  // Within what three digits left open.
  assert.deepEqual(await codesWith("scale: 0.5483"), []);
  assert.deepEqual(await codesWith("name: hip_target, low: -1, high: 1"), []);
  const two = withSpec(unitree, /$/, "action:\n  - {}\n  - {}\n");
  const { findings } = await importPolicy(two);
  assert.ok(findings.some(({ code }) => code === "contradiction"));
});

test("degrees that look like radians are told as well", async () => {
  const request = withSpec(requestOf("cleanrl"), /angle_sin, unit: "1"/, "angle_sin, unit: deg");
  const { findings } = await importPolicy(request);
  assert.match(findings[0].message, /angle_sin in deg stay within 6\.28/);
});

test("the commands are what robot.yaml's setpoints give", async () => {
  const { file } = await importPolicy(requestOf("unitree"));
  const { contract } = describePolicy(file!);
  const values = { command_velocity_x: 0.5, command_velocity_y: 0, command_yaw_rate: 0.1 };
  const device = specOfDevice(deviceSpecOf(contract!), [{ seconds: 0, values }]);
  assert.equal(device.observation.length, 12);
  assert.equal(device.observation.at(-1)?.name, "waist_velocity");
});

test("a file of mjlab without its metadata is a bare one, with a warning of the rest", async () => {
  const request = requestOf("mjlab");
  const model = decodeModel(request.bytes);
  const metadata = new Map([["run_path", model.metadata.get("run_path")!]]);
  const { source, findings } = await importPolicy({
    ...request,
    bytes: encodeModel({ ...model, metadata }),
  });
  assert.equal(source, "bare");
  assert.ok(findings.some(({ code }) => code === "key-unread"));
});

test("docs/import.md: its spec is one, and says all of what a spec can", () => {
  const [, text] = readFileSync("docs/import.md", "utf8").match(/```yaml\n([\s\S]*?)```/) ?? [];
  const { observation, normaliser, outputIs, periodUs } = parseSpec(text, "docs/import.md");
  assert.deepEqual([normaliser, outputIs, periodUs], ["none", "unit", 50_000]);
  assert.deepEqual(observation?.[2].clip, [0.1, 0.9]);
  assert.equal(observation?.[4].previous, 0);
  const statistics = text.replace("normaliser: none", "#").replace("# normaliser:", "normaliser:");
  const { normaliser: given } = parseSpec(statistics, "docs/import.md");
  assert.deepEqual(given, { mean: [0, 0, 1.5], variance: [1, 1, 9], epsilon: 1e-8, clip: 10 });
});

test("a record of an import that was forged is none, or told without terminal codes", () => {
  const record = {
    format: 1,
    kind: "bare",
    file: { name: "a\u001b[2Jb" },
    findings: [{ code: "rounded", message: "x\ny" }],
  };
  const read = (value: unknown) => recordOf(new Map([[importKey, JSON.stringify(value)]]));
  assert.equal(read(record)?.file.name, "a?[2Jb");
  assert.equal(read(record)?.findings[0].message, "x?y");
  for (const bad of [{ format: 2 }, { kind: 7 }, { file: null }, { findings: [{}] }]) {
    assert.equal(read({ ...record, ...bad }), null);
  }
  assert.equal(recordOf(new Map([[importKey, "{"]])), null);
  assert.equal(recordOf(new Map()), null);
});

test("a template says again what it was made of", async () => {
  for (const name of ["sb3-td3-normalised", "unitree", "microduck", "mjlab", "beyondmimic"]) {
    const request = requestOf(name);
    const { draft, file } = await importPolicy(request);
    const spec = { path: "spec.yaml", text: formatSpec(draft) };
    const again = await importPolicy({ ...request, spec });
    const contracts = [file, again.file].map((bytes) => describePolicy(bytes!).contract);
    assert.deepEqual(contracts[0], contracts[1], name);
    const parsed = parseSpec(spec.text, spec.path);
    assert.equal(parsed.periodUs, draft.periodUs);
    assert.equal(parsed.observation?.length, draft.observation?.length);
  }
});
