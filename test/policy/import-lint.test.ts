// Each thing that the linter knows to say, by a policy that has just that flaw.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { decodeModel, encodeModel, type Model, type Node } from "../../src/onnx/model.ts";
import { describePolicy } from "../../src/policy/description.ts";
import { type ImportRequest, importPolicy } from "../../src/policy/import.ts";
import { type FindingCode, findingSeverity } from "../../src/policy/import-finding.ts";
import { requestOf, withSpec } from "./import-fixture.ts";

/** A policy, and the same with one thing wrong; what the flaw adds is the finding. */
interface Flaw {
  readonly sound: ImportRequest;
  readonly flawed: ImportRequest;
  /** What else is missing then. */
  readonly besides?: readonly FindingCode[];
}

const cleanrl = requestOf("cleanrl");
const physical = withSpec(cleanrl, "graph: {", "graph: { outputIs: physical,");
const td3 = requestOf("sb3-td3");
const ppo = withSpec(requestOf("sb3-ppo"), "low: 0.5", "low: -0.5");
const mjlab = requestOf("mjlab");
const d3rlpy = requestOf("d3rlpy");
const statistics = "normaliser: { mean: [0, 0, 0], variance: [1, 1, 1] }";
const duck = requestOf("microduck");
const unitree = requestOf("unitree");
/** The same with numbers that nobody has rounded. */
const short = deploy(deploy(unitree, /0\.548, 0\.351, 0\.25/, "0.5, 0.3, 0.25"), /0\.302/g, "0.3");
/** The same with a past in an order that is not read. */
const long = deploy(short, "history_length: 1", "history_length: 5");

function flaw(sound: ImportRequest, change: (sound: ImportRequest) => ImportRequest): Flaw {
  return { sound, flawed: change(sound) };
}

function spec(sound: ImportRequest, from: string | RegExp, to: string): Flaw {
  return { sound, flawed: withSpec(sound, from, to) };
}

function deploy(request: ImportRequest, from: string | RegExp, to: string): ImportRequest {
  const text = request.deploy!.text.replace(from, to);
  assert.notEqual(text, request.deploy!.text);
  return { ...request, deploy: { path: "deploy.yaml", text } };
}

function manifest(request: ImportRequest, from: string | RegExp, to: string): ImportRequest {
  const text = request.manifest!.text.replace(from, to);
  assert.notEqual(text, request.manifest!.text);
  return { ...request, manifest: { path: "manifest.json", text } };
}

/** The request with its ONNX changed. */
function model(request: ImportRequest, change: (model: Model) => Model): ImportRequest {
  const bytes = encodeModel(change(decodeModel(request.bytes, request.second)));
  return { ...request, bytes };
}

/** The request with nodes behind its only output, which give the new one. */
function behind(request: ImportRequest, ops: readonly [string, Node["attributes"]?][]) {
  return model(request, ({ graph, ...rest }) => {
    let last = graph.outputs[0].name;
    const nodes = ops.map(([op, attributes = {}], at) => {
      const node = { op, inputs: [last], outputs: [`behind_${at}`], attributes };
      last = `behind_${at}`;
      return node;
    });
    const outputs = [{ ...graph.outputs[0], name: last }];
    return { ...rest, graph: { ...graph, nodes: [...graph.nodes, ...nodes], outputs } };
  });
}

/** Another input, of which `takes` says whether the action depends on it. */
function secondInput(takes: boolean): (request: ImportRequest) => ImportRequest {
  return (request) =>
    model(request, ({ graph, ...rest }) => {
      const [given] = graph.outputs;
      const [x] = graph.inputs;
      const inputs = [x, { ...x, name: "z", dims: [1, 2] }];
      const op = takes ? "Add" : "Identity";
      const from = takes ? [given.name, "z"] : [given.name];
      const node = { op, inputs: from, outputs: ["y"], attributes: {} };
      const outputs = [{ ...given, name: "y" }];
      return { ...rest, graph: { ...graph, inputs, outputs, nodes: [...graph.nodes, node] } };
    });
}

/** A network of so many inputs and one output, and a spec of it. */
function wide(inputs: number): ImportRequest {
  const floats = (name: string, dims: readonly number[]) => {
    const count = dims.reduce((product, size) => product * size, 1);
    const data = new Uint8Array(new Float32Array(count).fill(0.01).buffer);
    return { name, type: "float32" as const, dims, data };
  };
  const bytes = encodeModel({
    ...{ irVersion: 8, opset: 17, producer: "test", metadata: new Map() },
    graph: {
      name: "wide",
      nodes: [
        { op: "Gemm", inputs: ["x", "w", "b"], outputs: ["s"], attributes: {} },
        { op: "Tanh", inputs: ["s"], outputs: ["y"], attributes: {} },
      ],
      initializers: [floats("w", [inputs, 1]), floats("b", [1])],
      inputs: [{ name: "x", type: "float32", dims: [1, inputs] }],
      outputs: [{ name: "y", type: "float32", dims: [1, 1] }],
    },
  });
  const rows = Array.from({ length: inputs }, (_, at) => {
    return `  - { name: c${at}, unit: m, low: -1, high: 1 }\n`;
  });
  const head = "task: t\nalgorithm: a\nrateHz: 50\ngraph: { outputIs: unit, normaliser: none }\n";
  const action = "action:\n  - { name: f, unit: N, low: -1, high: 1 }\n";
  const text = `${head}observation:\n${rows.join("")}${action}`;
  return { ...cleanrl, bytes, spec: { path: "spec.yaml", text } };
}

const withGains = /stiffness: .*\ndamping: .*\n/;
const past = /\{ name: angle_sin.*\}/;

const legs = `action:\n${[0, 1, 2]
  .map((at) => `  - { name: leg_${at}, unit: m, low: -1, high: 1, scale: 0.5 }\n`)
  .join("")}`;

const flaws: Readonly<Record<FindingCode, Flaw>> = {
  "input-ambiguous": flaw(cleanrl, secondInput(false)),
  "input-shape": flaw(cleanrl, (request) =>
    model(request, ({ graph, ...rest }) => {
      const inputs = graph.inputs.map((input) => ({ ...input, dims: [2, 3] }));
      return { ...rest, graph: { ...graph, inputs } };
    }),
  ),
  "output-ambiguous": {
    sound: withSpec(requestOf("twofold"), "graph: {", "graph: { output: mean,"),
    flawed: requestOf("twofold"),
  },
  "output-unknown": spec(cleanrl, "graph: {", "graph: { output: nothing,"),
  "output-random": flaw(cleanrl, (request) => behind(request, [["RandomNormalLike"]])),
  "several-inputs": {
    sound: withSpec(secondInput(false)(cleanrl), "graph: {", 'graph: { input: "onnx::Gemm_0",'),
    flawed: withSpec(secondInput(true)(cleanrl), "graph: {", 'graph: { input: "onnx::Gemm_0",'),
  },
  recurrent: flaw(cleanrl, (request) => behind(request, [["GRU"]])),
  "training-mode": { sound: td3, flawed: requestOf("training-dropout") },
  "batch-coupled": flaw(cleanrl, (request) =>
    behind(request, [["ReduceMean", { axes: { ints: [0] } }]]),
  ),
  operation: flaw(cleanrl, (request) => behind(request, [["Softmax"]])),
  "outputs-dropped": flaw(cleanrl, (request) =>
    model(request, ({ graph, ...rest }) => {
      const value = { ...graph.outputs[0], name: graph.nodes[0].outputs[0], dims: [1, 16] };
      return { ...rest, graph: { ...graph, outputs: [...graph.outputs, value] } };
    }),
  ),
  "double-precision": { sound: cleanrl, flawed: requestOf("cleanrl-double") },
  "width-differs": spec(cleanrl, /.*name: angle_cos.*\n/, ""),
  "names-missing": spec(cleanrl, "name: angle_cos", "name: null"),
  "units-missing": spec(cleanrl, "unit: rad/s", "unit: null"),
  "action-limits-missing": spec(td3, "low: -2, high: 2", "low: -2"),
  "observation-unbounded": spec(cleanrl, ", low: -8, high: 8", ""),
  "rate-missing": spec(cleanrl, "rateHz: 20\n", ""),
  "normaliser-unknown": spec(cleanrl, "normaliser: none", ""),
  "output-meaning-unknown": spec(td3, "outputIs: unit, ", ""),
  "action-scale-missing": spec(cleanrl, "graph: {", "graph: { outputIs: scaled,"),
  "pose-missing": spec(duck, /pose: .*\n/, ""),
  "origin-missing": spec(cleanrl, "task: pole\n", ""),
  contradiction: spec(unitree, "task:", "rateHz: 100\ntask:"),
  "normalised-twice": spec(d3rlpy, "outputIs: physical", `outputIs: physical, ${statistics}`),
  "normaliser-not-seen": spec(cleanrl, "normaliser: none", "normaliser: inside"),
  "output-unbounded": spec(ppo, "outputIs: physical", "outputIs: unit"),
  "scale-suspected": spec(td3, "outputIs: unit", "outputIs: physical"),
  "limits-cut": spec(physical, "low: -2, high: 2", "low: -1, high: 2"),
  "limits-unreached": spec(physical, "low: -2, high: 2", "low: -3, high: 2"),
  "angle-unit": spec(
    cleanrl,
    'angle_sin, unit: "1", low: -1, high: 1',
    "angle_sin, unit: rad, low: -180, high: 180",
  ),
  "convention-assumed": { sound: deploy(unitree, "[1.0, 2.56", "[0.0, 2.56"), flawed: mjlab },
  rounded: flaw(short, (request) => deploy(request, "scale: [0.5,", "scale: [0.548,")),
  "limits-rounded": spec(physical, "high: 1.25", "high: 1.2503"),
  "rate-rounded": flaw(short, (request) => deploy(request, "step_dt: 0.02", "step_dt: 0.0167")),
  "gain-rounded-away": flaw(short, (request) => deploy(request, "[1.0, 2.56,", "[0.0, 2.56,")),
  "scale-not-invertible": flaw(short, (request) =>
    deploy(request, "scale: [0.5,", "scale: [0.00001,"),
  ),
  "channel-invalid": spec(cleanrl, "name: angle_cos", "name: Angle"),
  "too-many-channels": { sound: wide(64), flawed: wide(65) },
  "observation-history": {
    sound: withSpec(long, /$/, allRows(18)),
    flawed: long,
    besides: ["names-missing", "units-missing"],
  },
  "time-input": flaw(duck, (request) => manifest(request, '"constant"', '"phase"')),
  "unknown-term": flaw(short, (request) => deploy(request, "projected_gravity", "mystery")),
  "motion-reference": spec(requestOf("beyondmimic"), /name: reference_hip, /, ""),
  "action-kind": {
    sound: withSpec(deploy(short, "JointPositionAction", "Legs"), /$/, legs),
    flawed: deploy(short, "JointPositionAction", "Legs"),
    besides: [
      ...(["names-missing", "units-missing", "action-limits-missing"] as const),
      "action-scale-missing",
    ],
  },
  "rest-beyond-limits": {
    sound: withSpec(short, /$/, threeActions("low: -2, high: 2")),
    flawed: withSpec(short, /$/, threeActions("low: 0, high: 2")),
  },
  "previous-action-limited": spec(ppo, past, "{ previous: 0, ago: 1 }"),
  "columns-unread": { sound: long, flawed: withSpec(long, /$/, allRows(18)) },
  "gains-elsewhere": { sound: deploy(short, withGains, ""), flawed: short },
  "duration-elsewhere": {
    sound: manifest(duck, /"duration_s": 4\.0,/, ""),
    flawed: duck,
  },
  "key-unread": flaw(cleanrl, (request) =>
    model(request, (whole) => ({ ...whole, metadata: new Map([["note", "hello"]]) })),
  ),
};

function threeActions(row: string): string {
  return `action:\n${`  - { ${row} }\n`.repeat(3)}`;
}

function allRows(count: number): string {
  const rows = Array.from({ length: count }, (_, at) => `  - { name: c${at}, unit: m }\n`);
  return `observation:\n${rows.join("")}`;
}

/** The codes of `flawed` that `sound` has not, each once for each time more. */
async function addedBy({ sound, flawed }: Flaw): Promise<FindingCode[]> {
  const before = (await importPolicy(sound)).findings.map(({ code }) => code);
  const after = (await importPolicy(flawed)).findings.map(({ code }) => code);
  return after.filter((code) => {
    const at = before.indexOf(code);
    if (at >= 0) before.splice(at, 1);
    return at < 0;
  });
}

for (const [code, each] of Object.entries(flaws)) {
  test(`the linter says ${code} of what has that flaw, and nothing besides`, async () => {
    const added = new Set(await addedBy(each));
    assert.deepEqual([...added], [code, ...(each.besides ?? [])]);
    const { file, findings } = await importPolicy(each.flawed);
    const isError = findingSeverity[code as FindingCode] === "error";
    assert.equal(file === null, isError);
    for (const { message, advice } of findings) {
      assert.match(message, /^\S.*\S$/);
      assert.match(advice, /^\S.*\S$/);
    }
    if (file === null) return;
    // What was told is in the file too.
    const kept = describePolicy(file).imported!.findings;
    assert.ok(kept.some((one) => one.code === code));
  });
}

test("docs/import.md explains each finding, with its severity", () => {
  const text = readFileSync("docs/import.md", "utf8");
  for (const [code, severity] of Object.entries(findingSeverity)) {
    assert.match(text, new RegExp(`^\\| \`${code}\` \\| ${severity} \\|`, "m"), code);
  }
});
