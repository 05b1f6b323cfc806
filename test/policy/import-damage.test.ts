// Files that are cut, flipped, or made to do harm: one clear line, and nothing written.
import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { secondFileOf } from "../../src/cli/second-file.ts";
import { SinewError } from "../../src/core/errors.ts";
import { ProtoWriter } from "../../src/core/protobuf.ts";
import { Rng } from "../../src/core/rng.ts";
import { decodeModel, encodeModel, type Model, type Node } from "../../src/onnx/model.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import { type ImportRequest, importPolicy } from "../../src/policy/import.ts";
import { requestOf, withSpec } from "./import-fixture.ts";
import { randomPolicy } from "./random-policy.ts";

const folder = mkdtempSync(join(tmpdir(), "sinew-import-"));
after(() => rmSync(folder, { recursive: true }));

/** The one line of a refusal, or null where it was imported or judged. */
async function refusalOf(request: ImportRequest): Promise<string | null> {
  try {
    const { file, findings } = await importPolicy(request);
    assert.ok(file !== null || findings.some(({ severity }) => severity === "error"));
    return null;
  } catch (thrown) {
    assert.ok(thrown instanceof SinewError, String((thrown as Error).stack));
    assert.ok(["policy-file", "proof"].includes(thrown.code), thrown.code);
    assert.doesNotMatch(thrown.message, /[\n\p{Cc}]/u);
    return thrown.message;
  }
}

async function refused(request: ImportRequest, message: RegExp): Promise<void> {
  assert.match((await refusalOf(request)) ?? "(nothing)", message);
}

test("a file that is cut short is refused, wherever it is cut", async () => {
  for (const name of ["cleanrl", "d3rlpy", "sb3-td3-dynamo"]) {
    const request = requestOf(name);
    for (let length = 0; length < request.bytes.length; length += 97) {
      await refused({ ...request, bytes: request.bytes.subarray(0, length) }, /not an ONNX file/);
    }
  }
});

test("a flipped bit gives findings, a policy or a refusal, never another error", async () => {
  for (const [seed, name] of ["cleanrl", "residual-dynamo", "mjlab", "sb3-ppo"].entries()) {
    const request = requestOf(name);
    const rng = new Rng(seed, 77);
    for (let round = 0; round < 60; round++) {
      const bytes = Uint8Array.from(request.bytes);
      // Structure more than weights, where a flip is but another number.
      const at = rng.below(bytes.length);
      bytes[at] ^= 1 << rng.below(8);
      await refusalOf({ ...request, bytes });
    }
  }
});

const dynamo = requestOf("cleanrl-dynamo");

/** The export with its weights said to be at `location`, in a folder of its own. */
function at(location: string, more: (path: string) => void = () => {}): ImportRequest {
  const path = mkdtempSync(join(folder, "export-"));
  cpSync("test/golden/import/cleanrl-dynamo/policy.onnx.data", join(path, "weights"));
  more(path);
  return { ...dynamo, bytes: relocated(location), second: secondFileOf(join(path, "policy.onnx")) };
}

/** The ONNX with another location of the same length, which so keeps its structure. */
function relocated(location: string): Uint8Array {
  const bytes = Buffer.from(dynamo.bytes);
  const known = "policy.onnx.data";
  const place = bytes.indexOf(known);
  assert.ok(place > 0);
  const padded = location.padEnd(known.length, "/");
  assert.equal(Buffer.byteLength(padded), known.length);
  bytes.write(padded, place);
  return bytes;
}

test("weights that lie in a second file are read from beside the ONNX", async () => {
  assert.equal(await refusalOf(dynamo), null);
  const inFolder = at("w/a/weights.data", (path) => {
    mkdirSync(join(path, "w/a"), { recursive: true });
    cpSync(join(path, "weights"), join(path, "w/a/weights.data"));
  });
  assert.equal(await refusalOf(inFolder), null);
});

test("a second file that is not there, too short or a folder is refused by name", async () => {
  await refused(at("policy.onnx.data"), /lie in "policy\.onnx\.data", which is not there/);
  const short = at("policy.onnx.data", (path) =>
    writeFileSync(join(path, "policy.onnx.data"), new Uint8Array(1023)),
  );
  await refused(short, /which ends before 1024 bytes/);
  const directory = at("policy.onnx.data", (path) => mkdirSync(join(path, "policy.onnx.data")));
  await refused(directory, /which ends before 1024 bytes/);
});

test("no file outside of the ONNX's folder is read, by no way", async () => {
  const secret = join(folder, "secret.weights1");
  cpSync("test/golden/import/cleanrl-dynamo/policy.onnx.data", secret);
  await refused(at("../secret.weight"), /which is not beside it/);
  await refused(at("a/../../../x.dat"), /which is not beside it/);
  await refused(at("..\\secret.weigh"), /which is not beside it/);
  await refused(at("/etc/./../passwd".slice(0, 16)), /which is not beside it/);
  const linked = at("policy.onnx.data", (path) =>
    symlinkSync(secret, join(path, "policy.onnx.data")),
  );
  await refused(linked, /which leads out of its folder/);
  const throughFolder = at("out/secret.weigh", (path) => symlinkSync(folder, join(path, "out")));
  cpSync(secret, join(folder, "secret.weigh"));
  await refused(throughFolder, /which leads out of its folder/);
});

/** cleanrl with nodes behind its output; `constants` are int64 lists. */
function behind(nodes: readonly Node[], constants: Readonly<Record<string, number[]>>) {
  const request = requestOf("cleanrl");
  const { graph, ...rest } = decodeModel(request.bytes);
  const initializers = Object.entries(constants).map(([name, values]) => ({
    name,
    type: "int64" as const,
    dims: [values.length],
    data: new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
  }));
  const model: Model = {
    ...rest,
    graph: {
      ...graph,
      nodes: [...graph.nodes, ...nodes],
      initializers: [...graph.initializers, ...initializers],
      outputs: [{ ...graph.outputs[0], name: "y" }],
    },
  };
  return { ...request, bytes: encodeModel(model) };
}

const node = (op: string, inputs: string[], output: string, attributes = {}): Node => {
  return { op, inputs, outputs: [output], attributes };
};

test("sizes that no policy has are refused before anything is made of them", async () => {
  const sizes = { huge: [2 ** 40, 2], wide: [2 ** 30] };
  const cases: Node[][] = [
    [node("ConstantOfShape", ["huge"], "c"), node("Add", ["16", "c"], "y")],
    [node("Expand", ["16", "huge"], "y")],
    [node("Reshape", ["16", "huge"], "y")],
    [node("Gather", ["16", "wide"], "y", { axis: { int: 1 } })],
    [node("Split", ["16", "wide"], "y", { axis: { int: 1 } })],
    [node("Unsqueeze", ["16", "wide"], "y")],
    [node("Transpose", ["16"], "y", { perm: { ints: [0, 0] } })],
    [node("Slice", ["16", "wide", "wide"], "y")],
    [node("Concat", ["16", "16"], "y", { axis: { int: 9 } })],
    [node("Concat", [], "y", { axis: { int: 0 } })],
    [node("Gemm", ["16"], "y")],
  ];
  for (const nodes of cases) {
    const { file, findings } = await importPolicy(behind(nodes, sizes));
    assert.equal(file, null);
    const errors = findings.filter(({ severity }) => severity === "error");
    assert.deepEqual(
      errors.map(({ code }) => code),
      ["operation"],
      nodes[0].op,
    );
  }
});

test("an input of a huge size, and weights of a huge size, are refused by it", async () => {
  const request = requestOf("cleanrl");
  const { graph, ...rest } = decodeModel(request.bytes);
  const inputs = graph.inputs.map((input) => ({ ...input, dims: [1, 2 ** 40] }));
  const { file, findings } = await importPolicy({
    ...request,
    bytes: encodeModel({ ...rest, graph: { ...graph, inputs } }),
  });
  assert.equal(file, null);
  assert.ok(findings.some(({ code }) => code === "operation"));
  const bomb = new ProtoWriter()
    .varint(1, 8)
    .message(8, (opset) => opset.varint(2, 17))
    .message(7, (out) =>
      out.message(5, (tensor) =>
        tensor
          .varint(1, 2 ** 45)
          .varint(2, 1)
          .string(8, "w")
          .message(13, (entry) => entry.string(1, "location").string(2, "policy.onnx.data"))
          .varint(14, 1),
      ),
    )
    .finish();
  await refused({ ...dynamo, bytes: bomb }, /which ends before \d+ bytes/);
});

test("a policy file of ours needs no import, and no other file passes for an ONNX", async () => {
  const ours = await exportPolicy(randomPolicy(51));
  await refused({ ...requestOf("cleanrl"), bytes: ours }, /is a policy file of Sinew's already/);
  const text = new TextEncoder().encode("observation: []\n");
  await refused({ ...requestOf("cleanrl"), bytes: text }, /not an ONNX file/);
  const newer = decodeModel(requestOf("cleanrl").bytes);
  const bytes = encodeModel({ ...newer, opset: 27 });
  await refused({ ...requestOf("cleanrl"), bytes }, /operator set 27/);
});

test("what float32 cannot hold is found by running the file itself", async () => {
  const request = requestOf("cleanrl-double");
  const { graph, ...rest } = decodeModel(request.bytes);
  // In double precision these three cancel; in single the first is 0.
  const factors = [1e-46, 1e38, 1e8];
  const nodes = factors.map((_, step) =>
    node("Mul", [step === 0 ? "16" : `y${step - 1}`, `k${step}`], `y${step}`),
  );
  const initializers = factors.map((factor, step) => ({
    name: `k${step}`,
    type: "float64" as const,
    dims: [],
    data: new Uint8Array(Float64Array.of(factor).buffer),
  }));
  const bytes = encodeModel({
    ...rest,
    graph: {
      ...graph,
      nodes: [...graph.nodes, ...nodes],
      initializers: [...graph.initializers, ...initializers],
      outputs: [{ ...graph.outputs[0], name: "y2" }],
    },
  });
  // What is cut to its limits is the same everywhere: the valve's 0 is below its limits.
  const physical = withSpec({ ...request, bytes }, "graph: {", "graph: { outputIs: physical,");
  await refused(physical, /the file gives \S+ N\*m for "pole_torque" in ONNX Runtime, and 0 as/);
});

test("weights that are no numbers are refused", async () => {
  const request = requestOf("cleanrl");
  const model = decodeModel(request.bytes);
  const weights = model.graph.initializers.find(({ name }) => name === "first.weight")!;
  new DataView(weights.data.buffer).setFloat32(8, Number.NaN, true);
  await refused({ ...request, bytes: encodeModel(model) }, /weights are not all finite/);
});

const side = (text: string) => ({ path: "side", text });

test("a spec, a deploy.yaml and a manifest that are none are refused at their line", async () => {
  const bare = requestOf("cleanrl");
  const duck = requestOf("microduck");
  const legs = requestOf("unitree");
  const deploy = legs.deploy!.text;
  const manifest = duck.manifest!.text;
  const cases: [request: ImportRequest, message: RegExp][] = [
    [{ ...bare, spec: side("a: [") }, /^side:\d+:\d+: /],
    [{ ...bare, spec: side("task: x\nrate: 5\n") }, /^side:2:\d+: unknown key "rate"/],
    [withSpec(bare, "low: -8", "low: soon"), /"observation\.2\.low": give a number/],
    [withSpec(bare, "unit: rad/s", "unit: rad/s, scale: 0"), /scale of 0 forgets/],
    [{ ...bare, spec: side(`a: &a [1]\nb: ${"[*a, *a]".repeat(1)}\n`) }, /unknown key "a"/],
    [{ ...bare, spec: side(bombYaml()) }, /alias|unknown key/],
    [{ ...bare, spec: side("[1, 2]") }, /^side:/],
    [{ ...legs, deploy: side("step_dt: 0.02\n") }, /"joint_ids_map"/],
    [{ ...legs, deploy: side(deploy.replace("0.02", "soon")) }, /^side:2:\d+: "step_dt"/],
    [{ ...legs, deploy: side(deploy.replace("[-2.0, 2.0]", "[-2.0]")) }, /^side:\d+:\d+: .*clip/],
    [{ ...duck, manifest: side("{") }, /side is not JSON/],
    [{ ...duck, manifest: side("[]") }, /^side: /],
    [{ ...duck, manifest: side(manifest.replace("50", '"fast"')) }, /"robot\.control_hz"/],
    [{ ...duck, manifest: side(manifest.replace('"microduck"', '"goose"')) }, /of a "goose"/],
    [{ ...duck, manifest: side(manifest.replace("61", "51")) }, /51 observations/],
    [{ ...duck, manifest: side('{ "policies": [{ "file": "x.onnx" }] }') }, /without policy\.onnx/],
  ];
  for (const [request, message] of cases) await refused(request, message);
});

/** Aliases of aliases: a few lines that stand for millions. */
function bombYaml(): string {
  const lines = Array.from({ length: 12 }, (_, at) => {
    const all = at === 0 ? "x" : new Array(9).fill(`*a${at - 1}`).join(", ");
    return `k${at}: &a${at} [${all}]`;
  });
  return `${lines.join("\n")}\n`;
}

test("metadata that are no lists of numbers are refused by their key", async () => {
  const request = requestOf("mjlab");
  const model = decodeModel(request.bytes);
  for (const [key, value] of [
    ["action_scale", "0.4,{'hip': 0.5}"],
    ["default_joint_pos", "0.1,\u001b[2Jx"],
    ["observation_terms_clip", "[-inf, high],1,1,1,1,1"],
  ]) {
    const metadata = new Map(model.metadata).set(key, value);
    await refused(
      { ...request, bytes: encodeModel({ ...model, metadata }) },
      /metadata's \w+ holds/,
    );
  }
});
