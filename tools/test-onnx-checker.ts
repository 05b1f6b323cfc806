// Has the ONNX project's own checker judge an exported policy: a second opinion on our writer, from
// Debian's python3-onnx. For CI; `npm test` needs no Python.
// Run: node dist/tools/test-onnx-checker.js
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Rng } from "../src/core/rng.ts";
import type { Layer } from "../src/policy/actor.ts";
import { exportPolicy } from "../src/policy/export.ts";
import { pendulumSpec } from "../src/sim/pendulum.ts";

// Debian's packages are seen by Debian's Python only, which need not be the first one in PATH.
const python = "/usr/bin/python3";

const check = `
import json, sys, onnx
model = onnx.load(sys.argv[1])
onnx.checker.check_model(model, full_check=True)
metadata = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
print(json.dumps({
  "version": onnx.__version__, "ir": model.ir_version, "opset": model.opset_import[0].version,
  "nodes": [node.op_type for node in model.graph.node],
  "channels": [channel["name"] for channel in metadata["sinew.contract"]["spec"]["observation"]],
  "points": metadata["sinew.proof"]["count"]}))
`;

function randomLayers(widths: readonly number[]): Layer[] {
  const rng = new Rng(1);
  const random = (length: number): Float32Array =>
    Float32Array.from({ length }, () => rng.uniform(-0.2, 0.2));
  return widths.slice(1).map((outputs, depth) => {
    const inputs = widths[depth];
    return { inputs, outputs, weights: random(inputs * outputs), bias: random(outputs) };
  });
}

function isInstalled(): boolean {
  try {
    execFileSync(python, ["-c", "import onnx"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

async function main(): Promise<number> {
  if (!isInstalled()) {
    process.stderr.write(`${python} has no module onnx: run apt-get install python3-onnx\n`);
    return 1;
  }
  const file = await exportPolicy({
    contract: {
      format: 1,
      task: "pendulum",
      spec: pendulumSpec,
      algorithm: "random",
      training: { seed: 1 },
    },
    normaliser: { mean: Float32Array.of(0, 0, 0), scale: Float32Array.of(1, 1, 0.125), clip: 5 },
    layers: randomLayers([3, 64, 64, 1]),
    activation: "relu",
  });
  const directory = mkdtempSync(join(tmpdir(), "sinew-onnx-"));
  try {
    const path = join(directory, "policy.onnx");
    writeFileSync(path, file);
    const found = JSON.parse(execFileSync(python, ["-c", check, path], { encoding: "utf8" }));
    const expected = {
      version: found.version,
      ir: 8,
      opset: 17,
      nodes: [
        "Sub",
        "Mul",
        "Clip",
        "Gemm",
        "Relu",
        "Gemm",
        "Relu",
        "Gemm",
        "Tanh",
        "Mul",
        "Add",
        "Max",
        "Min",
      ],
      channels: pendulumSpec.observation.map(({ name }) => name),
      points: 128,
    };
    if (JSON.stringify(found) !== JSON.stringify(expected)) {
      process.stderr.write(`the checker read another model: ${JSON.stringify(found)}\n`);
      return 1;
    }
    process.stdout.write(`onnx ${found.version} accepts the exported policy (full check)\n`);
    return 0;
  } catch (thrown) {
    process.stderr.write(`the ONNX checker refuses the exported policy: ${String(thrown)}\n`);
    return 1;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

process.exitCode = await main();
