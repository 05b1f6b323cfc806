// Others' exports, end to end: imported, inspected, proved, and held to what PyTorch answered.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { decodeModel } from "../../src/onnx/model.ts";
import { describePolicy } from "../../src/policy/description.ts";
import { deployed } from "../../src/policy/history-policy.ts";
import { type Import, type ImportRequest, importPolicy } from "../../src/policy/import.ts";
import type { FindingCode } from "../../src/policy/import-finding.ts";
import { loadPolicy } from "../../src/policy/policy.ts";
import { type GoldenStep, golden, requestOf, sideFile, withSpec } from "./import-fixture.ts";

const legged: readonly FindingCode[] = [
  ...(["gains-elsewhere", "observation-unbounded", "previous-action-limited"] as const),
];

/** What each golden export is imported as, and with which warnings. */
const imported: Readonly<Record<string, readonly [Import["source"], readonly FindingCode[]]>> = {
  "sb3-td3": ["bare", []],
  "sb3-td3-dynamo": ["bare", []],
  "sb3-td3-normalised": ["bare", []],
  "sb3-sac": ["bare", []],
  "sb3-ppo": ["bare", ["outputs-dropped"]],
  cleanrl: ["bare", []],
  "cleanrl-dynamo": ["bare", []],
  "cleanrl-batch": ["bare", []],
  "cleanrl-dynamo-batch": ["bare", []],
  "cleanrl-double": ["bare", ["double-precision"]],
  "cleanrl-unbatched": ["bare", []],
  d3rlpy: ["bare", []],
  residual: ["bare", ["limits-cut"]],
  "residual-dynamo": ["bare", ["limits-cut"]],
  mjlab: ["mjlab", [...legged, "convention-assumed", "gain-rounded-away", "rounded", "rounded"]],
  beyondmimic: ["mjlab", [...legged, "convention-assumed", "outputs-dropped"]],
  unitree: ["unitree", [...legged, "rounded", "rounded", "rounded"]],
  microduck: [
    "microduck",
    [
      "convention-assumed",
      "duration-elsewhere",
      "observation-unbounded",
      "previous-action-limited",
    ],
  ],
};

/** And why each of the others is not. */
const refused: Readonly<Record<string, FindingCode>> = {
  "sb3-ppo-stochastic": "output-random",
  recurrent: "recurrent",
  "training-dropout": "training-mode",
  "training-batch-norm": "training-mode",
  twofold: "output-ambiguous",
};

function codesOf({ findings }: Pick<Import, "findings">): FindingCode[] {
  return findings.map(({ code }) => code).sort();
}

/** Runs the steps as a robot would, and gives the largest difference, in shares of the limits. */
async function differenceFrom(file: Uint8Array, steps: readonly GoldenStep[]): Promise<number> {
  const loaded = await loadPolicy(file);
  const policy = deployed(loaded, loaded.contract);
  let largest = 0;
  const action = new Float32Array(policy.spec.action.length);
  for (const { observation, action: expected } of steps) {
    assert.equal(observation.length, policy.spec.observation.length);
    await policy.act(Float32Array.from(observation), action);
    policy.spec.action.forEach(({ low, high }, i) => {
      largest = Math.max(largest, Math.abs(action[i] - expected[i]) / Math.max(1, high - low));
    });
  }
  await loaded.close();
  return largest;
}

test("every golden export is in one of the tables", () => {
  const known = [...Object.keys(imported), ...Object.keys(refused)].sort();
  assert.deepEqual(known, readdirSync("test/golden/import").sort());
});

for (const [name, [source, warnings]] of Object.entries(imported)) {
  test(`${name}: imported, it proves itself and answers what PyTorch answered`, async () => {
    const result = await importPolicy(requestOf(name));
    assert.equal(result.source, source);
    assert.deepEqual(codesOf(result), [...warnings].sort());
    assert.ok(result.file !== null && result.difference !== null);
    const {
      problem,
      contract,
      channels,
      operations,
      imported: record,
    } = describePolicy(result.file);
    assert.equal(problem, null);
    assert.equal(contract?.training["importedFrom"], source);
    assert.ok(channels.length > 0 && operations.at(-1) === "Min");
    assert.deepEqual(record?.findings, result.findings);
    const { steps } = golden(name);
    assert.ok(steps.length >= 24);
    const difference = await differenceFrom(result.file, steps);
    assert.ok(difference <= 1e-6, `${difference} of the limits apart`);
  });
}

for (const [name, code] of Object.entries(refused)) {
  test(`${name}: nothing is written, because of ${code}`, async () => {
    const result = await importPolicy(requestOf(name));
    assert.equal(result.file, null);
    const errors = result.findings.filter(({ severity }) => severity === "error");
    assert.deepEqual(codesOf({ findings: errors }), [code]);
  });
}

test("the same files give the same bytes", async () => {
  const once = await importPolicy(requestOf("mjlab"));
  const again = await importPolicy(requestOf("mjlab"));
  assert.deepEqual(once.file, again.file);
});

test("the graph is IR 8, opset 17, for any batch, whatever the export was", async () => {
  for (const name of ["d3rlpy", "residual-dynamo", "cleanrl-unbatched"]) {
    const { file } = await importPolicy(requestOf(name));
    const { irVersion, opset, graph } = decodeModel(file!);
    assert.deepEqual([irVersion, opset], [8, 17], name);
    assert.equal(typeof graph.inputs[0].dims[0], "string");
    const policy = await loadPolicy(file!);
    const rows = Float32Array.from({ length: 15 }, (_, at) => Math.sin(at));
    const together = await policy.actBatch(rows, 5);
    const action = new Float32Array(2);
    for (let row = 0; row < 5; row++) {
      await policy.act(rows.subarray(3 * row, 3 * row + 3), action);
      for (let j = 0; j < 2; j++) assert.ok(Math.abs(action[j] - together[2 * row + j]) <= 1e-6);
    }
    await policy.close();
  }
});

test("exact numbers of a spec stand for those that were rounded, and the warnings go", async () => {
  const request = { ...requestOf("mjlab"), spec: sideFile("mjlab", "exact.yaml") };
  const result = await importPolicy(request);
  assert.ok(!codesOf(result).includes("rounded"));
  assert.ok((await differenceFrom(result.file!, golden("mjlab")["exact"])) <= 1e-6);
  // The two really differ, so that the one cannot pass for the other.
  assert.ok((await differenceFrom(result.file!, golden("mjlab")["steps"])) > 1e-5);
});

test("a policy that observes its last action begins with the network's 0", async () => {
  const { file } = await importPolicy(requestOf("unitree"));
  const { contract } = describePolicy(file!);
  assert.equal(contract!.actionHistory, 1);
  assert.deepEqual(contract!.actionRest, [-0.1, 0.302, 0]);
  const names = contract!.spec.observation.map(({ name }) => name);
  assert.deepEqual(names.slice(-7), [
    ...["waist_velocity", "command_velocity_x", "command_velocity_y", "command_yaw_rate"],
    ...["fl_hip_position_ago_1", "fl_calf_position_ago_1", "waist_position_ago_1"],
  ]);
  assert.deepEqual(
    contract!.spec.observation.find(({ name }) => name === "command_velocity_x"),
    { name: "command_velocity_x", unit: "m/s", low: -0.5, high: 1 },
  );
});

test("a policy that observes past observations is shown them as its columns say", async () => {
  const request = requestOf("d3rlpy");
  const columns = [
    "  - { name: angle, unit: rad, low: -4, high: 4, offset: 0.5, scale: 0.25, clip: [-3, 3] }",
    "  - { seen: 0, ago: 2 }",
    "  - { seen: 0, scale: 2 }",
  ];
  const seen = withSpec(
    request,
    /observation:\n( {2}- .*\n){3}/,
    `observation:\n${columns.join("\n")}\n`,
  );
  const { file, findings } = await importPolicy(seen);
  assert.deepEqual(
    findings.filter(({ severity }) => severity === "error"),
    [],
  );
  const plain = await loadPolicy((await importPolicy(request)).file!);
  const loaded = await loadPolicy(file!);
  assert.equal(loaded.contract.observationHistory, 2);
  assert.equal(loaded.contract.actionHistory, undefined);
  const names = loaded.spec.observation.map(({ name }) => name);
  assert.deepEqual(names, ["angle", "angle_ago_1", "angle_ago_2"]);
  const policy = deployed(loaded, loaded.contract);
  const [action, expected] = [new Float32Array(2), new Float32Array(2)];
  const told = [0.5, 1, -3.75, 2, 3];
  const cut = (at: number): number => Math.min(3, Math.max(-3, told[Math.max(0, at)] - 0.5));
  for (const [t, angle] of told.entries()) {
    await policy.act(Float32Array.of(angle), action);
    await plain.act(Float32Array.of(cut(t) / 4, cut(t - 2) / 4, 2 * cut(t - 1)), expected);
    for (const j of [0, 1]) assert.ok(Math.abs(action[j] - expected[j]) <= 1e-6, `step ${t}`);
  }
  await Promise.all([plain.close(), loaded.close()]);
});

test("a past observation is of a column with a channel, and all fit a contract", async () => {
  const codes = async (row: string): Promise<FindingCode[]> => {
    const request = withSpec(requestOf("d3rlpy"), /- \{ name: angle_rate.*/, `- ${row}`);
    const { findings } = await importPolicy(request);
    return findings.filter(({ severity }) => severity === "error").map(({ code }) => code);
  };
  assert.deepEqual(await codes("{ seen: 1, ago: 31 }"), []);
  assert.deepEqual(await codes("{ seen: 1, ago: 32 }"), ["too-many-channels"]);
  assert.deepEqual(await codes("{ seen: 2 }"), ["width-differs"], "of itself");
  assert.deepEqual(await codes("{ seen: 3 }"), ["width-differs"]);
});

test("what a contract has no place for is kept beside it, with where it is from", async () => {
  const { file } = await importPolicy(requestOf("unitree"));
  const { imported: record, otherMetadata } = describePolicy(file!);
  assert.deepEqual(record?.kept, {
    stiffness: [40, 40.2, 99.1],
    damping: [1, 2.56, 6.31],
    joint_ids_map: [0, 2, 1],
  });
  assert.deepEqual(
    record?.beside.map(({ name }) => name),
    ["spec.yaml", "deploy.yaml"],
  );
  assert.match(record!.file.sha256, /^[0-9a-f]{64}$/);
  assert.deepEqual(otherMetadata, []);
});

test("a file whose weights lie in a second one is told apart by them", async () => {
  const request = requestOf("cleanrl-dynamo");
  const other: ImportRequest = {
    ...request,
    second: (location, offset, length) =>
      request.second(location, offset, length).map((byte, at) => (at === 0 ? byte ^ 1 : byte)),
  };
  const records = [await importPolicy(request), await importPolicy(other)].map(
    ({ file }) => describePolicy(file!).imported!.file,
  );
  assert.equal(records[0].sha256, records[1].sha256);
  assert.notEqual(records[0].weights, records[1].weights);
});
