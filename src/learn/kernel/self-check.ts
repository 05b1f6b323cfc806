// Tries the kernel's addon at the path given: exits 0 where it loads and computes what is known,
// with one thread and with two.
import assert from "node:assert/strict";
import { GraphBuilder } from "../../onnx/graph.ts";
import { fillConstants } from "./constants.ts";
import { openNative } from "./native.ts";
import { plan } from "./plan.ts";

const rows = 40;
const width = 33;
const g = new GraphBuilder();
const x = g.input("x", "float32", [rows, width]);
const weights = g.input("weights", "float32", [width, width]);
const bias = g.input("bias", "float32", [width]);
const y = g.relu(g.gemm(x, weights, bias));
g.output("y", g.add(y, g.mean(y, [1])));
const kept = [{ name: "y", dims: [rows, width] }];
const program = { graph: g, carried: [], shared: [x, weights, bias], each: [], kept };

for (const threads of [1, 2] as const) {
  const planned = plan([program], { staged: false });
  const machine = openNative(planned, threads, process.argv[2]);
  fillConstants(planned, machine.arena);
  const values = (name: string): Float32Array => {
    const { offset, size } = planned.places.find((place) => place.name === name)!;
    return machine.arena.subarray(offset, offset + size);
  };
  // Small whole numbers, so that every order of adding gives the same.
  const number = (i: number): number => ((i * 7919) % 13) - 6;
  for (const name of ["x", "weights", "bias"]) {
    values(name).forEach((_, i, all) => {
      all[i] = number(i + name.length);
    });
  }
  assert.equal(machine.step(0), 0);
  for (let row = 0; row < rows; row++) {
    const line = Array.from({ length: width }, (_, column) => {
      let sum = values("bias")[column];
      for (let k = 0; k < width; k++) {
        sum += values("x")[row * width + k] * values("weights")[k * width + column];
      }
      return Math.max(0, sum);
    });
    const mean = line.reduce((sum, one) => sum + one, 0) / width;
    for (const [column, one] of line.entries()) {
      const error = Math.abs(values("y")[row * width + column] - (one + mean));
      assert(error < 1e-3, `wrong number in row ${row}, column ${column}`);
    }
  }
  machine.close();
}
