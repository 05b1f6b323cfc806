import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { Channel, Spec } from "../core/spec.ts";
import { type Actor, assertShapes, type Layer, normEpsilon } from "./actor.ts";
import type { Policy } from "./policy.ts";

/** What `perceptron.c` gives. */
interface Exports {
  readonly memory: WebAssembly.Memory;
  readonly __heap_base: WebAssembly.Global;
  run(layers: number, count: number, input: number, other: number): number;
}

/** Of `perceptron.c`: outputs that are summed side by side, and bytes of one layer's entry. */
const panel = 32;
const layerBytes = 32;
const pageBytes = 65_536;

/** Wide as a layer is in whole panels. */
function padded(outputs: number): number {
  return Math.ceil(outputs / panel) * panel;
}

let module: WebAssembly.Module | null = null;

function compiled(): WebAssembly.Module {
  const path = new URL("../../../src/policy/perceptron/perceptron.wasm", import.meta.url);
  module ??= new WebAssembly.Module(readFileSync(path));
  return module;
}

/**
 * A policy whose network is run here and now, in single precision with a fixed order of sums: the
 * same bits on every machine, no thread, no turn of the event loop, nothing allocated.
 */
export class Perceptron implements Policy {
  readonly id: string;
  readonly spec: Spec;
  readonly #mean: Float32Array;
  readonly #scale: Float32Array;
  readonly #clip: number;
  readonly #action: readonly Channel[];
  readonly #run: Exports["run"];
  readonly #layers: number;
  readonly #count: number;
  readonly #input: Float32Array;
  readonly #other: Float32Array;

  /** `id` is the SHA-256 of the policy's file. */
  constructor(id: string, spec: Spec, actor: Actor) {
    assertShapes(spec, actor);
    const { normaliser, layers, activation } = actor;
    this.id = id;
    this.spec = spec;
    this.#mean = normaliser.mean;
    this.#scale = normaliser.scale;
    this.#clip = normaliser.clip;
    this.#action = spec.action;
    this.#count = layers.length;
    const { exports } = new WebAssembly.Instance(compiled());
    const { memory, run, __heap_base: base } = exports as unknown as Exports;
    this.#run = run;
    const widest = Math.max(...layers.flatMap(({ inputs, outputs }) => [inputs, outputs]));
    const memoryOf = new Bump(memory, Number(base.value));
    this.#layers = memoryOf.take(layers.length * layerBytes);
    const entries = layers.map((layer, depth) => {
      const bends = depth === layers.length - 1 || activation === "tanh" ? 1 : 0;
      return entryOf(layer, bends, memoryOf);
    });
    const rows = [0, 0].map(() => memoryOf.take(4 * padded(widest)));
    memoryOf.settle();
    entries.forEach((write, at) => {
      write(memory.buffer, this.#layers + at * layerBytes);
    });
    const [input, other] = rows.map((at) => new Float32Array(memory.buffer, at, padded(widest)));
    this.#input = input;
    this.#other = other;
  }

  act(observation: Float32Array, action: Float32Array): void {
    const { length } = this.#mean;
    assert(observation.length === length && action.length === this.#action.length);
    const clip = this.#clip;
    for (let i = 0; i < length; i++) {
      const centred = Math.fround(observation[i] - this.#mean[i]);
      const scaled = Math.fround(centred * this.#scale[i]);
      this.#input[i] = clip > 0 ? Math.min(clip, Math.max(-clip, scaled)) : scaled;
    }
    const { byteOffset } = this.#input;
    const at = this.#run(this.#layers, this.#count, byteOffset, this.#other.byteOffset);
    const output = at === byteOffset ? this.#input : this.#other;
    for (let j = 0; j < action.length; j++) {
      const { low, high } = this.#action[j];
      const span = Math.fround(output[j] * Math.fround((high - low) / 2));
      const value = Math.fround(span + Math.fround((high + low) / 2));
      const within = Math.min(Math.fround(high), Math.max(Math.fround(low), value));
      // What is no number has other bits on other machines.
      action[j] = Number.isNaN(within) ? Number.NaN : within;
    }
  }
}

/** Gives out addresses of a module's memory, which then grows once. */
class Bump {
  readonly #memory: WebAssembly.Memory;
  #end: number;

  constructor(memory: WebAssembly.Memory, base: number) {
    this.#memory = memory;
    this.#end = base;
  }

  take(bytes: number): number {
    const at = Math.ceil(this.#end / 16) * 16;
    this.#end = at + bytes;
    return at;
  }

  settle(): void {
    const missing = this.#end - this.#memory.buffer.byteLength;
    if (missing > 0) this.#memory.grow(Math.ceil(missing / pageBytes));
  }
}

/** Takes memory for a layer, and says how to write it there with its entry at `at`. */
function entryOf(
  layer: Layer,
  bends: number,
  bump: Bump,
): (memory: ArrayBuffer, at: number) => void {
  const { inputs, outputs, norm } = layer;
  const width = padded(outputs);
  const [weightsAt, biasAt, gainAt, shiftAt] = [
    bump.take(4 * inputs * width),
    bump.take(4 * width),
    norm === undefined ? 0 : bump.take(4 * outputs),
    norm === undefined ? 0 : bump.take(4 * outputs),
  ];
  return (memory, at) => {
    const words = new Uint32Array(memory, at, layerBytes / 4);
    words.set([inputs, outputs, bends, weightsAt, biasAt, gainAt, shiftAt]);
    new Float32Array(memory, at, layerBytes / 4)[7] = normEpsilon;
    const weights = new Float32Array(memory, weightsAt, inputs * width);
    for (let i = 0; i < inputs; i++) {
      for (let j = 0; j < outputs; j++) {
        const first = (j - (j % panel)) * inputs;
        weights[first + i * panel + (j % panel)] = layer.weights[i * outputs + j];
      }
    }
    new Float32Array(memory, biasAt, outputs).set(layer.bias);
    if (norm === undefined) return;
    new Float32Array(memory, gainAt, outputs).set(norm.gain);
    new Float32Array(memory, shiftAt, outputs).set(norm.shift);
  };
}
