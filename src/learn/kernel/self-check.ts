// Tries the kernel's addon at the path given: says so where it loads and computes what is known, a
// product and rounds of learning, with one thread and with two.
import assert from "node:assert/strict";
import { GraphBuilder } from "../../onnx/graph.ts";
import { type Kernel, kernelsOn } from "../engine-kernel.ts";
import type { Program } from "../program.ts";
import { openNative, selfCheckPassed } from "./native.ts";
import { plan } from "./plan.ts";
import * as learning from "./self-check-case.ts";

/** Share of a vector by which its fingerprint may be off: float32 is off by 1e-7. */
const tolerance = 1e-5;

const rows = 40;
const width = 33;

for (const threads of [1, 2] as const) {
  onKernel(product(), threads, checkProduct);
  onKernel(learning.program, threads, checkLearning);
}
process.stdout.write(selfCheckPassed);

function onKernel(program: Program, threads: 1 | 2, check: (kernel: Kernel) => void): void {
  const planned = plan([program], { staged: false });
  const machine = openNative(planned, threads, process.argv[2]);
  const [kernel] = kernelsOn([program], planned, machine);
  check(kernel);
  kernel.close();
}

/** y = relu(x weights + bias) and its mean in each row: larger than a tile, and not a whole one. */
function product(): Program {
  const g = new GraphBuilder();
  const x = g.input("x", "float32", [rows, width]);
  const weights = g.input("weights", "float32", [width, width]);
  const bias = g.input("bias", "float32", [width]);
  const y = g.relu(g.gemm(x, weights, bias));
  g.output("y", g.add(y, g.mean(y, [1])));
  const kept = [{ name: "y", dims: [rows, width] }];
  return { graph: g, carried: [], shared: [x, weights, bias], each: [], kept };
}

function checkProduct(kernel: Kernel): void {
  // Small whole numbers, so that every order of adding gives the same.
  const numbers = (name: string, size: number): Float32Array =>
    Float32Array.from({ length: size }, (_, i) => (((i + name.length) * 7919) % 13) - 6);
  const x = numbers("x", rows * width);
  const weights = numbers("weights", width * width);
  const bias = numbers("bias", width);
  const { y } = kernel.run(1, { x, weights, bias });
  for (let row = 0; row < rows; row++) {
    const line = Array.from({ length: width }, (_, column) => {
      let sum = bias[column];
      for (let k = 0; k < width; k++) sum += x[row * width + k] * weights[k * width + column];
      return Math.max(0, sum);
    });
    const mean = line.reduce((sum, one) => sum + one, 0) / width;
    for (const [column, one] of line.entries()) {
      const error = Math.abs(y[row * width + column] - (one + mean));
      assert(error < 1e-3, `wrong number in row ${row}, column ${column}`);
    }
  }
}

function checkLearning(kernel: Kernel): void {
  const { start, rounds, inputs, expected, fingerprint } = learning;
  for (const [name, values] of Object.entries(start)) kernel.setCarried(name, values);
  const kept = kernel.run(rounds, inputs);
  for (const [name, known] of Object.entries(expected)) {
    const { sum, size } = fingerprint(kept[name] ?? kernel.carried(name));
    // NaN fails too.
    assert(Math.abs(sum - known) <= tolerance * size, `wrong numbers in ${name} after learning`);
  }
}
