// Graphs that nobody would write: reading them ends, and with a reason.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import type { AttributeValue } from "../../src/onnx/model.ts";
import { evaluateFormula } from "../../src/policy/formula-value.ts";
import { arithmetic } from "../../src/policy/import-arithmetic.ts";
import { layers } from "../../src/policy/import-layer.ts";
import { readNetwork } from "../../src/policy/import-network.ts";
import { rearrangements } from "../../src/policy/import-rearrangement.ts";
import { type Constant, f, floats, i, integers, modelOf, type NodeText } from "./graph-text.ts";

test("whatever a graph says, reading it gives a value or a reason", () => {
  const rng = new Rng(5, 9);
  const pick = <T>(list: readonly T[]): T => list[rng.below(list.length)];
  const ops = Object.keys({ ...arithmetic, ...layers, ...rearrangements });
  const sizes = [0, 1, 1, 2, 3, 4, -1, 7];
  const dims = () => Array.from({ length: rng.below(4) }, () => Math.max(0, pick(sizes)));
  const attributes = [
    "axis",
    "axes",
    "perm",
    "keepdims",
    "transA",
    "transB",
    "to",
    "split",
    "alpha",
  ];
  for (let round = 0; round < 20_000; round++) {
    const constant = (): Constant => {
      const shape = dims();
      const count = shape.reduce((product, size) => product * size, 1);
      const values = Array.from({ length: count }, () => pick(sizes));
      return rng.below(2) === 0 ? floats(values, shape) : integers(values, shape);
    };
    const constants = { c: constant(), d: constant(), e: constant() };
    const names = ["x", "c", "d", "e", "_", "nobody"];
    const nodes = Array.from({ length: 4 }, (_, at): NodeText => {
      const inputs = Array.from({ length: rng.below(5) }, () => pick(names));
      const output = at === 3 ? "y" : `v${at}`;
      names.push(output, output);
      const chosen = Array.from({ length: rng.below(3) }, () => [
        pick(attributes),
        pick<AttributeValue>([i(pick(sizes)), f(0.5), { ints: dims() }, { string: "" }]),
      ]);
      const more = rng.below(4) === 0 ? ` ${output}b` : "";
      return [pick(ops), inputs.join(" "), output + more, Object.fromEntries(chosen)];
    });
    const model = modelOf({ nodes, constants, opset: pick([10, 11, 13, 17, 20]) });
    const what = `round ${round}: ${JSON.stringify(nodes)}`;
    assert.doesNotThrow(() => {
      const [{ formula, cause }] = readNetwork(model, model.graph.inputs[0]).outputs;
      assert.notEqual(formula === null, cause === null);
      if (formula !== null) evaluateFormula(formula, [1, 2, 3, 4]);
    }, what);
  }
});
