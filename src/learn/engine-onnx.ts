import assert from "node:assert/strict";
import { messageOf, SinewError } from "../core/errors.ts";
import { encodeModel, type Graph, type Model, type Node, type ValueInfo } from "../onnx/model.ts";
import { createSession, type OrtSession, type OrtTensor } from "../policy/ort.ts";
import { buildGradientStep, metricNames, scheduleColumns, scheduleOf } from "./ddpg.ts";
import type { DdpgSettings, Engine, LearnerState, Minibatches, StepMetrics } from "./engine.ts";
import { networksOf } from "./networks.ts";

const vectors = ["online", "target", "firstMoment", "secondMoment"] as const;
const nets = ["actor", "critic"] as const;
const carried = nets.flatMap((net) => vectors.map((vector) => `${net}.${vector}`));

/** The gradient step as one ONNX graph, K times in a Loop, run by ONNX Runtime on one thread. */
export async function openOnnxEngine(settings: DdpgSettings, state: LearnerState): Promise<Engine> {
  return new OnnxEngine(settings, state, await createSession(encodeModel(trainer(settings))));
}

/**
 * The file that ONNX Runtime runs. Inputs: `steps` (how many), the four flat vectors of
 * `LearnerState`, `rows` [capacity, width], `indices` and `nextIndices` [steps, batch], `schedules`
 * [steps, 3]. Outputs: the vectors with `.new` behind their names and `history` [steps, 5], the
 * metrics.
 */
export function trainer(settings: DdpgSettings): Model {
  const { actor, critic, size } = networksOf(settings.shape);
  const { batch, observations, actions } = settings.shape;
  const step = buildGradientStep(settings).toGraph("gradient step");
  const sizes = int64("sizes", [actor.size, critic.size]);
  const cut = vectors.map((vector) =>
    node("Split", [vector, "sizes"], [`actor.${vector}.start`, `critic.${vector}.start`]),
  );
  const loop: Node = {
    op: "Loop",
    inputs: ["steps", "", ...carried.map((name) => `${name}.start`)],
    outputs: [...carried.map((name) => `${name}.end`), "history"],
    attributes: { body: { graph: loopBody(step) } },
  };
  const join = vectors.map((vector) =>
    node("Concat", [`actor.${vector}.end`, `critic.${vector}.end`], [`${vector}.new`]),
  );
  const inputs: ValueInfo[] = [
    { name: "steps", type: "int64", dims: [] },
    ...vectors.map((name) => float32(name, [size])),
    float32("rows", ["capacity", observations + actions + 2]),
    { name: "indices", type: "int32", dims: ["steps", batch] },
    { name: "nextIndices", type: "int32", dims: ["steps", batch] },
    float32("schedules", ["steps", scheduleColumns.length]),
  ];
  const outputs = [
    ...vectors.map((name) => float32(`${name}.new`, [size])),
    float32("history", ["steps", metricNames.length]),
  ];
  const nodes = [...cut, loop, ...join];
  const graph: Graph = { name: "trainer", nodes, initializers: [sizes], inputs, outputs };
  return { irVersion: 8, opset: 17, producer: "sinew", graph, metadata: new Map() };
}

/**
 * The step as the body of a Loop: takes its batch and schedule by the iteration, `rows` from
 * outside.
 */
function loopBody(step: Graph): Graph {
  const pick = (from: string, to: string): Node => node("Gather", [from, "iteration"], [to]);
  const state = step.inputs.filter(({ name }) => carried.includes(name));
  const after = (name: string) => step.outputs.find((output) => output.name === name)!;
  return {
    name: "loop body",
    nodes: [
      pick("indices", "index"),
      pick("nextIndices", "nextIndex"),
      pick("schedules", "schedule"),
      ...step.nodes,
      { op: "Identity", inputs: ["more"], outputs: ["more.next"], attributes: {} },
    ],
    initializers: step.initializers,
    inputs: [
      { name: "iteration", type: "int64", dims: [] },
      { name: "more", type: "bool", dims: [] },
      ...carried.map((name) => state.find((input) => input.name === name)!),
    ],
    outputs: [
      { name: "more.next", type: "bool", dims: [] },
      ...carried.map((name) => after(`${name}.next`)),
      after("metrics"),
    ],
  };
}

function node(op: "Split" | "Concat" | "Gather", inputs: string[], outputs: string[]): Node {
  return { op, inputs, outputs, attributes: { axis: { int: 0 } } };
}

function float32(name: string, dims: readonly (number | string)[]): ValueInfo {
  return { name, type: "float32", dims };
}

function int64(name: string, values: readonly number[]): Graph["initializers"][number] {
  const data = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
  return { name, type: "int64", dims: [values.length], data };
}

type Vectors = Readonly<Record<(typeof vectors)[number], Float32Array>>;

class OnnxEngine implements Engine {
  readonly name = "onnx";
  readonly #settings: DdpgSettings;
  readonly #session: OrtSession;
  // Two sets of buffers: a call reads one and writes the other.
  #now: Vectors;
  #next: Vectors;
  #steps: number;
  #busy = false;

  constructor(settings: DdpgSettings, state: LearnerState, session: OrtSession) {
    const { size } = networksOf(settings.shape);
    for (const vector of vectors) assert.equal(state[vector].length, size, vector);
    this.#settings = settings;
    this.#session = session;
    this.#now = copyOf(state);
    this.#next = copyOf(state);
    this.#steps = state.steps;
  }

  get state(): LearnerState {
    return { ...this.#now, steps: this.#steps };
  }

  async learn(data: Minibatches): Promise<StepMetrics> {
    assert(!this.#busy, "one call of learn at a time");
    const { batch, observations, actions, stepsPerCall } = this.#settings.shape;
    const count = data.index.length / batch;
    assert(Number.isInteger(count) && count >= 1 && count <= stepsPerCall, `${count} steps`);
    assert.equal(data.nextIndex.length, data.index.length);
    const vector = (values: Float32Array): OrtTensor => ({
      type: "float32",
      data: values,
      dims: [values.length],
    });
    const feeds: Record<string, OrtTensor> = {
      steps: { type: "int64", data: BigInt64Array.of(BigInt(count)), dims: [] },
      rows: { type: "float32", data: data.rows, dims: [data.capacity, observations + actions + 2] },
      indices: { type: "int32", data: data.index, dims: [count, batch] },
      nextIndices: { type: "int32", data: data.nextIndex, dims: [count, batch] },
      schedules: {
        type: "float32",
        data: scheduleOf(this.#settings, this.#steps, count),
        dims: [count, scheduleColumns.length],
      },
    };
    const history = new Float32Array(count * metricNames.length);
    const fetches: Record<string, OrtTensor> = {
      history: { type: "float32", data: history, dims: [count, metricNames.length] },
    };
    for (const name of vectors) {
      feeds[name] = vector(this.#now[name]);
      fetches[`${name}.new`] = vector(this.#next[name]);
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
    this.#steps += count;
    return columnsOf(history, count);
  }

  close(): Promise<void> {
    return this.#session.release();
  }
}

function copyOf({ online, target, firstMoment, secondMoment }: LearnerState): Vectors {
  return {
    online: online.slice(),
    target: target.slice(),
    firstMoment: firstMoment.slice(),
    secondMoment: secondMoment.slice(),
  };
}

function columnsOf(history: Float32Array, count: number): StepMetrics {
  const column = (name: keyof StepMetrics): Float32Array => {
    const at = metricNames.indexOf(name);
    return Float32Array.from({ length: count }, (_, k) => history[k * metricNames.length + at]);
  };
  return {
    criticLoss: column("criticLoss"),
    actorLoss: column("actorLoss"),
    q: column("q"),
    criticGradientNorm: column("criticGradientNorm"),
    actorGradientNorm: column("actorGradientNorm"),
  };
}
