// What rows of a spec say, by themselves and over those of a file.
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeModel, encodeModel } from "../../src/onnx/model.ts";
import { deployed } from "../../src/policy/history-policy.ts";
import { type ImportRequest, importPolicy } from "../../src/policy/import.ts";
import { loadPolicy } from "../../src/policy/policy.ts";
import { requestOf, withSpec } from "./import-fixture.ts";

/** The errors, with what they say. */
async function errorsOf(request: ImportRequest): Promise<string[]> {
  const { file, findings } = await importPolicy(request);
  const errors = findings.filter(({ severity }) => severity === "error");
  assert.equal(file === null, errors.length > 0);
  return errors.map(({ code, message }) => `${code}: ${message}`);
}

/** A bare policy of three columns, the last of which is said to be `row`. */
function bareWith(row: string): ImportRequest {
  const request = withSpec(requestOf("d3rlpy"), "low: 0.5", "low: -0.5");
  return withSpec(request, /- \{ name: angle_rate.*/, `- ${row}`);
}

/** A policy with a file that names its columns, one of which the spec says to be `row`. */
function namedWith(at: number, row: string): ImportRequest {
  const rows = Array.from({ length: 18 }, (_, each) => `  - ${each === at ? row : "{}"}\n`);
  return withSpec(requestOf("unitree"), /$/, `observation:\n${rows.join("")}`);
}

test("a row is one thing: a channel, a last action, what was seen, or a constant", async () => {
  const kinds = {
    name: "{ name: rate, unit: rad/s, low: -8, high: 8 }",
    ...{ previous: "{ previous: 0 }", seen: "{ seen: 1 }", constant: "{ constant: 0 }" },
  };
  const rows = Object.values(kinds);
  for (const [at, one] of rows.entries()) {
    assert.deepEqual(await errorsOf(bareWith(one)), [], one);
    for (const other of rows.slice(at + 1)) {
      const both = `${one.slice(0, -2)}, ${other.slice(2)}`;
      const [error, ...more] = await errorsOf(bareWith(both));
      assert.match(error, /^contradiction: observation\[2\] is \w+: \w+ and \w+: \w+$/, both);
      assert.deepEqual(more, [], both);
    }
  }
});

test("ago is of what was seen or put out before, and a last action has no offset", async () => {
  const ago = "contradiction: observation[2] is ago: 1 and neither previous nor seen";
  for (const row of ["{ name: rate, unit: rad/s, low: -8, ago: 1 }", "{ constant: 0, ago: 1 }"]) {
    assert.deepEqual(await errorsOf(bareWith(row)), [ago]);
  }
  const offset = "contradiction: observation[2] is previous and has an offset";
  assert.deepEqual(await errorsOf(bareWith("{ previous: 0, offset: 0.5 }")), [offset]);
  for (const row of ["{ previous: 0, ago: 2, scale: 2 }", "{ seen: 1, ago: 2, offset: 0.5 }"]) {
    assert.deepEqual(await errorsOf(bareWith(row)), [], row);
  }
});

test("what a file names is not made something else, what it cannot name is", async () => {
  const said = async (at: number, row: string): Promise<string[]> => errorsOf(namedWith(at, row));
  assert.deepEqual(await said(1, "{}"), []);
  assert.deepEqual(await said(1, "{ seen: 0 }"), [
    "contradiction: observation[1] is name: base_ang_vel_y and seen: 0",
  ]);
  assert.deepEqual(await said(15, "{ seen: 0, ago: 1 }"), [
    "contradiction: observation[15] is previous: 0 and seen: 0",
  ]);
  // A joint is a channel even where nobody says how it is called.
  const unnamed = withSpec(namedWith(9, "{ seen: 0 }"), /joints: .*\n/, "");
  const errors = await errorsOf(unnamed);
  assert.ok(errors.includes("contradiction: observation[9] is joint: 0 and seen: 0"), `${errors}`);
  const tracking = requestOf("beyondmimic");
  for (const row of ["{ seen: 0 }", "{ constant: 0.5 }"]) {
    const request = withSpec(tracking, "{ name: anchor_x, unit: m }", row);
    assert.deepEqual(await errorsOf(request), [], row);
  }
});

/** mjlab's export, which says that its joint_pos has two steps where joint_vel was. */
const long: ImportRequest = (() => {
  const request = requestOf("mjlab");
  const model = decodeModel(request.bytes);
  const metadata = new Map(model.metadata)
    .set("observation_names", "base_ang_vel,projected_gravity,joint_pos,actions,command")
    .set("observation_terms_scale", "0.250,1.000,1.000,1.000,1.000")
    .set("observation_terms_history_length", "0.000,0.000,2.000,0.000,0.000");
  metadata.delete("observation_terms_clip");
  metadata.delete("observation_terms_flatten_history_dim");
  return { ...request, bytes: encodeModel({ ...model, metadata }) };
})();

/** The columns of it, the older positions first. */
const rows = `observation:
  - { name: rate_x, unit: rad/s, scale: 0.25 }
  - { name: rate_y, unit: rad/s, scale: 0.25 }
  - { name: rate_z, unit: rad/s, scale: 0.25 }
  - { name: gravity_x, unit: "1" }
  - { name: gravity_y, unit: "1" }
  - { name: gravity_z, unit: "1" }
  - { seen: 8 }
  - { seen: 9 }
  - { name: hip_position, unit: rad, offset: -0.312 }
  - { name: knee_position, unit: rad, offset: 0.669 }
  - { previous: 0 }
  - { previous: 1 }
  - { name: command_x, unit: m/s, setpoint: true }
  - { name: command_y, unit: m/s, setpoint: true }
  - { name: command_yaw, unit: rad/s, setpoint: true }
`;

/** The network alone: 15 numbers in, what it puts out. */
async function networkOf({ bytes, ...request }: ImportRequest): Promise<ImportRequest> {
  const { draft } = await importPolicy({ ...request, bytes });
  const columns = draft.observation!.map((_, at) => `  - { name: c${at}, unit: "1" }\n`);
  const text = `rateHz: 50
graph: { outputIs: physical, normaliser: none }
observation:
${columns.join("")}action:
  - { name: a, unit: "1", low: -99, high: 99 }
  - { name: b, unit: "1", low: -99, high: 99 }
`;
  const model = decodeModel(bytes);
  const bare = encodeModel({ ...model, metadata: new Map() });
  return { ...request, bytes: bare, spec: { path: "network.yaml", text } };
}

test("a past in an unknown order is refused, until a spec gives all rows of it", async () => {
  const alone = await errorsOf(long);
  assert.deepEqual(
    alone.map((error) => error.split(":")[0]),
    ["observation-history", "names-missing", "units-missing"],
  );
  assert.match(alone[0], /the past of joint_pos, in an order that is not read$/);
  const { file, findings } = await importPolicy(withSpec(long, /$/, rows));
  assert.ok(file !== null, JSON.stringify(findings));
  const [unread] = findings.filter(({ code }) => code === "columns-unread");
  assert.match(
    unread.message,
    /^the file's observation is not read: its offsets, scales and clips/,
  );
  const loaded = await loadPolicy(file);
  const { observationHistory, actionHistory, actionRest } = loaded.contract;
  assert.deepEqual([observationHistory, actionHistory], [1, 1]);
  // Pose and scale are the file's still.
  const [pose, scale] = [
    [-0.312, 0.669],
    [0.439, 0.548],
  ];
  assert.deepEqual(actionRest, pose);
  const policy = deployed(loaded, loaded.contract);
  const network = await loadPolicy((await importPolicy(await networkOf(long))).file!);
  const [action, out] = [new Float32Array(2), new Float32Array(2)];
  let [before, last] = [
    [0, 0],
    [0, 0],
  ];
  for (let t = 0; t < 4; t++) {
    const sensed = Array.from({ length: 6 }, (_, at) => Math.sin(6 * t + at));
    const places = [0.1 * t - 0.4, 0.7 - 0.2 * t];
    const command = [0.3, -0.2, 0.1 * t];
    const relative = places.map((place, joint) => place - pose[joint]);
    if (t === 0) before = relative;
    await policy.act(Float32Array.of(...sensed, ...places, ...command), action);
    const rates = sensed.slice(0, 3).map((rate) => rate / 4);
    const columns = [...rates, ...sensed.slice(3), ...before, ...relative, ...last, ...command];
    await network.act(Float32Array.from(columns), out);
    for (const joint of [0, 1]) {
      const expected = out[joint] * scale[joint] + pose[joint];
      assert.ok(Math.abs(action[joint] - expected) <= 1e-5, `step ${t}, joint ${joint}`);
    }
    [before, last] = [relative, [...out]];
  }
  await Promise.all([loaded.close(), network.close()]);
});
