import assert from "node:assert/strict";
import { createRequire } from "node:module";
import util from "node:util";
import type * as TensorFlow from "@tensorflow/tfjs";
import { messageOf, SinewError } from "../core/errors.ts";
import { elementsOf } from "../onnx/dims.ts";
import type { GraphBuilder, Operation, Value } from "../onnx/graph.ts";
import type { ElementType } from "../onnx/model.ts";
import type { Carried, Engine, Kept } from "./engine.ts";
import type { Arrays, Program } from "./program.ts";

type Tf = typeof TensorFlow;
type Tensor = TensorFlow.Tensor;
type Matrix = TensorFlow.Tensor2D;

/** What the tfjs engine offers beside `Engine`. */
export interface TfjsEngine extends Engine {
  /** Tensors that TensorFlow.js holds now, of this engine and of anyone else in the process. */
  tensorCount(): number;
}

/**
 * The program run operation by operation by TensorFlow.js, on any of its backends. Uses
 * `@tensorflow/tfjs-node` where it is installed and loads, else `@tensorflow/tfjs` with its plain
 * JavaScript backend. Throws `SinewError("engine")` where neither is there.
 *
 * `importer` is the path or URL of the file from which the two packages are looked up: this one,
 * unless they are installed in another folder.
 */
export async function openTfjsEngine(
  program: Program,
  start: Carried,
  importer: string = import.meta.url,
): Promise<TfjsEngine> {
  const { tf, name } = await loadTensorFlow(importer);
  return new TfjsEngineOnTensors(tf, name, program, start);
}

async function loadTensorFlow(importer: string): Promise<{ tf: Tf; name: string }> {
  const require = createRequire(importer);
  try {
    require.resolve("@tensorflow/tfjs-node");
    mendNode23();
    const tf = require("@tensorflow/tfjs-node") as Tf;
    await tf.setBackend("tensorflow");
    return { tf, name: `tfjs-node ${tf.version["tfjs-core"]}` };
  } catch {
    // Not installed, or installed without its native part: the plain package does the same slowly.
  }
  try {
    const tf = require("@tensorflow/tfjs") as Tf;
    // Production mode is also what keeps its greeting off the terminal.
    tf.enableProdMode();
    await tf.setBackend("cpu");
    return { tf, name: `tfjs ${tf.version["tfjs-core"]}` };
  } catch (thrown) {
    const why = messageOf(thrown).split(" Require stack")[0];
    throw new SinewError(
      "engine",
      `the tfjs engine needs TensorFlow.js: run "npm i @tensorflow/tfjs" (${why})`,
      { cause: thrown },
    );
  }
}

/** tfjs-node 4.22 calls two functions of node:util that Node 23 removed. */
function mendNode23(): void {
  const old: { isNullOrUndefined?: unknown; isArray?: unknown } = util;
  old.isNullOrUndefined ??= (value: unknown): boolean => value === null || value === undefined;
  old.isArray ??= Array.isArray;
}

class TfjsEngineOnTensors implements TfjsEngine {
  readonly name: string;
  readonly threads = 1;
  readonly beside = null;
  readonly #tf: Tf;
  readonly #program: Program;
  readonly #carried: Record<string, Float32Array>;

  constructor(tf: Tf, name: string, program: Program, start: Carried) {
    this.#tf = tf;
    this.name = name;
    this.#program = program;
    this.#carried = Object.fromEntries(
      program.carried.map(({ name: key, dims }) => {
        assert.equal(start[key]?.length, elementsOf(dims), key);
        return [key, start[key].slice()];
      }),
    );
  }

  carried(name: string): Float32Array {
    const values = this.#carried[name];
    assert(values !== undefined, name);
    return values;
  }

  async run(rounds: number, inputs: Arrays): Promise<Kept> {
    const kept = Object.fromEntries(
      this.#program.kept.map(({ name, dims }) => [
        name,
        new Float32Array(rounds * elementsOf(dims)),
      ]),
    );
    for (let round = 0; round < rounds; round++) {
      const results = this.#tf.tidy(() => this.#round(inputs, round));
      for (const { name, dims } of this.#program.kept) {
        kept[name].set(results[name], round * elementsOf(dims));
      }
      for (const { name } of this.#program.carried) {
        this.#carried[name] = results[`${name}.next`];
      }
    }
    return kept;
  }

  async close(): Promise<void> {}

  tensorCount(): number {
    return this.#tf.memory().numTensors;
  }

  /** One round; returns every output by its name. */
  #round(inputs: Arrays, round: number): Record<string, Float32Array> {
    const tf = this.#tf;
    const { graph, carried, shared, each } = this.#program;
    const values = new Map<Value, Tensor>();
    const put = (value: Value, data: Float32Array | Int32Array): void => {
      const { type, dims } = value;
      assert(type === "float32" || type === "int32");
      values.set(value, tf.tensor(data, [...dims], type));
    };
    for (const value of carried) put(value, this.#carried[value.name]);
    for (const value of each) {
      const size = elementsOf(value.dims);
      put(value, inputs[value.name].slice(round * size, (round + 1) * size));
    }
    for (const value of shared) {
      // A replay stays here: to send it whole would cost more than the round.
      if (!value.dims.includes(-1)) put(value, inputs[value.name]);
    }
    const lookUp = (value: Value): Tensor => {
      const known = values.get(value) ?? constantOf(tf, graph, value);
      assert(known !== undefined, value.name);
      values.set(value, known);
      return known;
    };
    for (const operation of graph.operations) {
      const table = operation.op === "Gather" ? operation.inputs[0] : undefined;
      const results = table?.dims.includes(-1)
        ? [gathered(tf, table, inputs[table.name] as Float32Array, lookUp(operation.inputs[1]))]
        : execute(tf, graph, operation, lookUp);
      for (const [i, output] of operation.outputs.entries()) values.set(output, results[i]);
    }
    return Object.fromEntries(
      graph.outputs.map(({ name, value }) => [name, lookUp(value).dataSync() as Float32Array]),
    );
  }
}

function constantOf(tf: Tf, graph: GraphBuilder, value: Value): Tensor | undefined {
  const tensor = graph.constantOf(value);
  if (tensor?.type === "int64")
    return tf.tensor(graph.integersOf(value), [...tensor.dims], "int32");
  if (tensor?.type !== "float32") return undefined;
  return tf.tensor(new Float32Array(tensor.data.slice().buffer), [...tensor.dims]);
}

/** Rows of a table that is not on the backend. */
function gathered(tf: Tf, { dims }: Value, table: Float32Array, index: Tensor): Tensor {
  const width = elementsOf(dims.slice(1));
  const rows = index.dataSync();
  const taken = new Float32Array(rows.length * width);
  for (const [i, row] of rows.entries()) {
    taken.set(table.subarray(row * width, (row + 1) * width), i * width);
  }
  return tf.tensor(taken, [rows.length, ...dims.slice(1)]);
}

/** What TensorFlow.js has for each type. */
const kinds: Readonly<Record<ElementType, "float32" | "int32" | "bool">> = {
  ...{ float32: "float32", float64: "float32", int32: "int32", int64: "int32", bool: "bool" },
};

/** One operation of the graph, as ONNX defines it. */
function execute(
  tf: Tf,
  graph: GraphBuilder,
  { op, inputs, outputs, attributes }: Operation,
  lookUp: (value: Value) => Tensor,
): Tensor[] {
  const x = (i: number): Tensor => lookUp(inputs[i]);
  const number = (name: string): number => (attributes[name] as { int: number }).int;
  const axes = (): number[] => [...(attributes["axes"] as { ints: number[] }).ints];
  const dims = [...outputs[0].dims];
  const single = elementwise(tf, op, x, dims);
  if (single !== null) return [single];
  switch (op) {
    case "Gemm": {
      const flip = (name: string): boolean => attributes[name] !== undefined;
      const product = tf.matMul(x(0) as Matrix, x(1) as Matrix, flip("transA"), flip("transB"));
      return [inputs.length > 2 ? tf.add(product, x(2)) : product];
    }
    case "MatMul":
      return [tf.reshape(tf.matMul(tf.reshape(x(0), [1, -1]) as Matrix, x(1) as Matrix), dims)];
    case "ReduceSum":
      return [tf.sum(x(0), graph.integersOf(inputs[1]), true)];
    case "ReduceMean":
      return [tf.mean(x(0), axes(), true)];
    case "ReduceL2":
      return [tf.sqrt(tf.sum(tf.square(x(0)), axes(), true))];
    case "Reshape":
      return [tf.reshape(x(0), dims)];
    case "Transpose":
      return [tf.transpose(x(0))];
    case "Expand":
      return [tf.broadcastTo(x(0), dims)];
    case "Concat":
      return [tf.concat(inputs.map(lookUp), number("axis"))];
    case "Split":
      return tf.split(x(0), graph.integersOf(inputs[1]), number("axis"));
    case "Slice":
      return [sliced(tf, graph, x(0), inputs, dims)];
    case "Cast":
      return [tf.cast(x(0), kinds[outputs[0].type])];
    case "ScatterND":
      // Rows of the same index are added up, as the graph asks for.
      return [tf.add(x(0), tf.scatterND(x(1), x(2), dims as [number]))];
    case "Gather":
      return [tf.gather(x(0), x(1).toInt() as TensorFlow.Tensor1D)];
    default:
      throw new SinewError("engine", `the tfjs engine has no ${op}`);
  }
}

/** An operation on elements alone; null: it is another one. */
function elementwise(
  tf: Tf,
  op: string,
  x: (input: number) => Tensor,
  dims: number[],
): Tensor | null {
  switch (op) {
    case "Add":
      return tf.add(x(0), x(1));
    case "Sub":
      return tf.sub(x(0), x(1));
    case "Mul":
      return tf.mul(x(0), x(1));
    case "Div":
      return tf.div(x(0), x(1));
    case "Min":
      return tf.minimum(x(0), x(1));
    case "Greater":
      return tf.greater(x(0), x(1));
    case "Equal":
      return tf.equal(x(0), x(1));
    case "Where":
      return tf.where(x(0).broadcastTo(dims), x(1).broadcastTo(dims), x(2).broadcastTo(dims));
    case "Neg":
      return tf.neg(x(0));
    case "Relu":
      return tf.relu(x(0));
    case "Tanh":
      return tf.tanh(x(0));
    case "Sign":
      return tf.sign(x(0));
    case "Sqrt":
      return tf.sqrt(x(0));
    case "Clip":
      return tf.clipByValue(x(0), x(1).dataSync()[0], x(2).dataSync()[0]);
    default:
      return null;
  }
}

function sliced(
  tf: Tf,
  graph: GraphBuilder,
  x: Tensor,
  inputs: readonly Value[],
  dims: number[],
): Tensor {
  const [start, , axis] = inputs.slice(1).map((bound) => graph.integersOf(bound)[0]);
  return tf.slice(
    x,
    dims.map((_, i) => (i === axis ? start : 0)),
    dims,
  );
}
