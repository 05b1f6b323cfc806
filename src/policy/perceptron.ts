import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { Channel, Spec } from "../core/spec.ts";
import { type Actor, assertShapes, type Layer, type Normaliser, normEpsilon } from "./actor.ts";
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

/** A module of its own for each network, with a memory of its own. */
function instance(): Exports {
  const path = new URL("../../../src/policy/perceptron/perceptron.wasm", import.meta.url);
  module ??= new WebAssembly.Module(readFileSync(path));
  return new WebAssembly.Instance(module).exports as unknown as Exports;
}

/** Compiles the module, which takes milliseconds once in a thread. */
export function readyPerceptron(): void {
  instance();
}

/** A network as the module's memory is to hold it: made in one thread, taken over in another. */
export interface PerceptronImage {
  readonly normaliser: Normaliser;
  /** Where the image stands, what it is, and where memory for the rows behind it ends; bytes. */
  readonly base: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly end: number;
  /** Addresses of the layers' entries, and of two rows as wide as the widest layer. */
  readonly layersAt: number;
  readonly layerCount: number;
  readonly rowsAt: readonly [number, number];
  /** Floats of a row. */
  readonly rowWidth: number;
}

/** The image of an actor of `spec`. It takes milliseconds: not for a control thread that drives. */
export function imageOf(spec: Spec, actor: Actor): PerceptronImage {
  assertShapes(spec, actor);
  const { normaliser, layers, activation } = actor;
  const { __heap_base: heap } = instance();
  const base = Math.ceil(Number(heap.value) / 16) * 16;
  const bump = new Bump(base);
  const layersAt = bump.take(layers.length * layerBytes);
  const writers = layers.map((layer, depth) => {
    const bends = depth === layers.length - 1 || activation === "tanh" ? 1 : 0;
    return entryOf(layer, bends, bump);
  });
  const bytes = new Uint8Array(bump.end - base);
  writers.forEach((write, at) => {
    write(bytes.buffer, base, layersAt + at * layerBytes);
  });
  const widths = layers.flatMap(({ inputs, outputs }) => [inputs, outputs]);
  const rowWidth = padded(Math.max(...widths));
  const rowsAt = [bump.take(4 * rowWidth), bump.take(4 * rowWidth)] as const;
  const layerCount = layers.length;
  return { normaliser, base, bytes, end: bump.end, layersAt, layerCount, rowsAt, rowWidth };
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

  /** `id` is the SHA-256 of the policy's file, `image` that of its actor. */
  constructor(id: string, spec: Spec, image: PerceptronImage) {
    this.id = id;
    this.spec = spec;
    this.#mean = image.normaliser.mean;
    this.#scale = image.normaliser.scale;
    this.#clip = image.normaliser.clip;
    this.#action = spec.action;
    this.#layers = image.layersAt;
    this.#count = image.layerCount;
    const { memory, run } = instance();
    this.#run = run;
    const missing = image.end - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / pageBytes));
    new Uint8Array(memory.buffer).set(image.bytes, image.base);
    const [input, other] = image.rowsAt.map((at) => {
      return new Float32Array(memory.buffer, at, image.rowWidth);
    });
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

/** Gives out addresses, each at a multiple of 16 as vectors like it. */
class Bump {
  end: number;

  constructor(base: number) {
    this.end = base;
  }

  take(bytes: number): number {
    const at = Math.ceil(this.end / 16) * 16;
    this.end = at + bytes;
    return at;
  }
}

/** Takes addresses for a layer, and says how to write it into an image with its entry at `at`. */
function entryOf(
  layer: Layer,
  bends: number,
  bump: Bump,
): (image: ArrayBuffer, base: number, at: number) => void {
  const { inputs, outputs, norm } = layer;
  const width = padded(outputs);
  const weightsAt = bump.take(4 * inputs * width);
  const biasAt = bump.take(4 * width);
  const [gainAt, shiftAt] =
    norm === undefined ? [0, 0] : [bump.take(4 * outputs), bump.take(4 * outputs)];
  return (image, base, at) => {
    const words = new Uint32Array(image, at - base, layerBytes / 4);
    words.set([inputs, outputs, bends, weightsAt, biasAt, gainAt, shiftAt]);
    new Float32Array(image, at - base, layerBytes / 4)[7] = normEpsilon;
    const weights = new Float32Array(image, weightsAt - base, inputs * width);
    for (let i = 0; i < inputs; i++) {
      for (let j = 0; j < outputs; j++) {
        const first = (j - (j % panel)) * inputs;
        weights[first + i * panel + (j % panel)] = layer.weights[i * outputs + j];
      }
    }
    new Float32Array(image, biasAt - base, outputs).set(layer.bias);
    if (norm === undefined) return;
    new Float32Array(image, gainAt - base, outputs).set(norm.gain);
    new Float32Array(image, shiftAt - base, outputs).set(norm.shift);
  };
}
