import assert from "node:assert/strict";
import { messageOf, SinewError } from "../core/errors.ts";
import { elementsOf } from "../onnx/dims.ts";
import type { Value } from "../onnx/graph.ts";
import { encodeModel, type Graph, type Model, type Node, type ValueInfo } from "../onnx/model.ts";
import { createSession, type OrtSession, type OrtTensor } from "../policy/ort.ts";
import type { Carried, Engine, Kept } from "./engine.ts";
import type { Arrays, Program } from "./program.ts";

/** The program's rounds as one ONNX graph with a Loop, run by ONNX Runtime on one thread. */
export async function openOnnxEngine(program: Program, start: Carried): Promise<Engine> {
  return new OnnxEngine(program, start, await createSession(encodeModel(looped(program))));
}

/**
 * The file that ONNX Runtime runs. Inputs: `rounds` (how many), the carried and shared values by
 * name, the inputs of each round as `NAME.all` [rounds, ...]. Outputs: the carried values as
 * `NAME.new`, the kept ones as `NAME.all`.
 */
export function looped(program: Program): Model {
  const { carried, shared, each, kept } = program;
  const round = program.graph.toGraph("round");
  const loop: Node = {
    op: "Loop",
    inputs: ["rounds", "", ...carried.map(({ name }) => name)],
    outputs: [
      ...carried.map(({ name }) => `${name}.new`),
      ...kept.map(({ name }) => `${name}.all`),
    ],
    attributes: { body: { graph: loopBody(program, round) } },
  };
  const float32 = (name: string, dims: readonly (number | string)[]): ValueInfo => ({
    name,
    type: "float32",
    dims,
  });
  const inputs: ValueInfo[] = [
    { name: "rounds", type: "int64", dims: [] },
    ...carried.map(({ name, dims }) => float32(name, dims)),
    ...shared.map(({ name, type, dims }) => ({
      name,
      type,
      dims: dims.map((size, axis) => (size < 0 ? `${name}_${axis}` : size)),
    })),
    ...each.map(({ name, type, dims }) => ({
      name: `${name}.all`,
      type,
      dims: ["rounds", ...dims],
    })),
  ];
  const outputs = [
    ...carried.map(({ name, dims }) => float32(`${name}.new`, dims)),
    ...kept.map(({ name, dims }) => float32(`${name}.all`, ["rounds", ...dims])),
  ];
  const graph: Graph = { name: "learner", nodes: [loop], initializers: [], inputs, outputs };
  return { irVersion: 8, opset: 17, producer: "sinew", graph, metadata: new Map() };
}

/** The round as the body of a Loop: its own inputs by iteration, the shared ones from outside. */
function loopBody({ carried, each, kept }: Program, round: Graph): Graph {
  const outputs = (name: string) => round.outputs.find((output) => output.name === name)!;
  const picks = each.map(
    ({ name }): Node => ({
      op: "Gather",
      inputs: [`${name}.all`, "iteration"],
      outputs: [name],
      attributes: { axis: { int: 0 } },
    }),
  );
  const inside = new Map(carried.map(({ name }) => [name, `${name}.now`]));
  const nodes = round.nodes.map((node) => ({
    ...node,
    inputs: node.inputs.map((name) => inside.get(name) ?? name),
  }));
  return {
    name: "loop body",
    nodes: [
      ...picks,
      ...nodes,
      { op: "Identity", inputs: ["more"], outputs: ["more.next"], attributes: {} },
    ],
    initializers: round.initializers,
    inputs: [
      { name: "iteration", type: "int64", dims: [] },
      { name: "more", type: "bool", dims: [] },
      ...carried.map(({ name, type, dims }) => ({ name: inside.get(name)!, type, dims })),
    ],
    outputs: [
      { name: "more.next", type: "bool", dims: [] },
      ...carried.map(({ name }) => outputs(`${name}.next`)),
      ...kept.map(({ name }) => outputs(name)),
    ],
  };
}

class OnnxEngine implements Engine {
  readonly name = "onnx";
  readonly threads = 1;
  readonly beside = null;
  readonly #program: Program;
  readonly #session: OrtSession;
  // Two sets of buffers: a run reads one and writes the other.
  #now: Record<string, Float32Array>;
  #next: Record<string, Float32Array>;
  #busy = false;

  constructor(program: Program, start: Carried, session: OrtSession) {
    this.#program = program;
    this.#session = session;
    const copy = () =>
      Object.fromEntries(
        program.carried.map(({ name, dims }) => {
          assert.equal(start[name]?.length, elementsOf(dims), name);
          return [name, start[name].slice()];
        }),
      );
    this.#now = copy();
    this.#next = copy();
  }

  carried(name: string): Float32Array {
    const values = this.#now[name];
    assert(values !== undefined, name);
    return values;
  }

  async run(rounds: number, inputs: Arrays): Promise<Kept> {
    assert(!this.#busy, "one run at a time");
    assert(Number.isInteger(rounds) && rounds >= 1);
    const { carried, shared, each, kept } = this.#program;
    const feeds: Record<string, OrtTensor> = {
      rounds: { type: "int64", data: BigInt64Array.of(BigInt(rounds)), dims: [] },
    };
    const fetches: Record<string, OrtTensor> = {};
    for (const { name, dims } of carried) {
      feeds[name] = { type: "float32", data: this.#now[name], dims };
      fetches[`${name}.new`] = { type: "float32", data: this.#next[name], dims };
    }
    for (const value of shared) feeds[value.name] = tensorOf(value, inputs, null);
    for (const value of each) feeds[`${value.name}.all`] = tensorOf(value, inputs, rounds);
    const results: Record<string, Float32Array> = {};
    for (const { name, dims } of kept) {
      const data = new Float32Array(rounds * elementsOf(dims));
      results[name] = data;
      fetches[`${name}.all`] = { type: "float32", data, dims: [rounds, ...dims] };
    }
    this.#busy = true;
    try {
      await this.#session.run(feeds, fetches);
    } catch (thrown) {
      throw new SinewError("engine", `the onnx engine failed: ${messageOf(thrown)}`, {
        cause: thrown,
      });
    } finally {
      this.#busy = false;
    }
    [this.#now, this.#next] = [this.#next, this.#now];
    return results;
  }

  close(): Promise<void> {
    return this.#session.release();
  }
}

/** An input as ONNX Runtime takes it; an axis of -1 is as long as the data makes it. */
function tensorOf({ name, type, dims }: Value, inputs: Arrays, rounds: number | null): OrtTensor {
  const data = inputs[name];
  assert(data !== undefined, `no input ${name}`);
  assert(type === "float32" || type === "int32");
  const fixed = elementsOf(dims.filter((size) => size >= 0));
  const sizes = dims.map((size) => (size < 0 ? data.length / fixed : size));
  const whole = rounds === null ? sizes : [rounds, ...sizes];
  assert.equal(data.length, elementsOf(whole), `${name} has the wrong length`);
  return type === "float32"
    ? { type, data: data as Float32Array, dims: whole }
    : { type, data: data as Int32Array, dims: whole };
}
