import { Rng } from "../core/rng.ts";
import type { Spec } from "../core/spec.ts";
import type { Env, Outcome } from "./env.ts";
import type { Shape } from "./scene.ts";

/**
 * The generators that wrappers draw from: each its own, so that one more wrapper changes no other's
 * chance, and none of them changes the world's.
 */
const streams = {
  randomisation: 101,
  frameSkip: 102,
  actionLatency: 103,
  actionDropout: 104,
  actionQuantisation: 105,
  observationNoise: 106,
  observationQuantisation: 107,
  observationLatency: 108,
  observationDropout: 109,
  actionHistory: 110,
  observationHistory: 111,
} as const;

/** Generators of wrappers of the same kind, one around the other, lie so far apart. */
const streamStride = 1000;

/** What a wrapper does to the world inside it; `wrapped` makes an `Env` of it. */
export interface Wrapping {
  readonly kind: keyof typeof streams;
  /** Absent: that of the world inside. */
  readonly spec?: Spec;
  /** Absent: those of the world inside. */
  readonly parameters?: Record<string, number>;
  /**
   * All that the rest of the episode depends on, beside the world inside and the generator. `reset`
   * must write all of it.
   */
  readonly memory: Float64Array;
  /** As `Env.reset`; `rng` is the episode's own. */
  reset(seed: number, observation: Float32Array, rng: Rng): void;
  /** As `Env.step`. */
  step(action: Float32Array, observation: Float32Array, rng: Rng): Outcome;
}

/**
 * The world `inner` with something around it. The wrapper's chance is of the episode's seed alone;
 * `save` and `restore` are there where the world inside has them, and hold the wrapper's memory and
 * generator too.
 */
export function wrapped(inner: Env, wrapping: Wrapping): Env {
  return new WrappedEnv(inner, wrapping);
}

class WrappedEnv implements Env {
  readonly spec: Spec;
  readonly parameters?: Record<string, number>;
  readonly save?: () => Float64Array;
  readonly restore?: (state: Float64Array) => void;
  readonly scene?: () => readonly Shape[];
  /** Of this wrapper and all those inside it. */
  readonly streams: readonly number[];
  readonly #wrapping: Wrapping;
  readonly #stream: number;
  readonly #rng: Rng;

  constructor(inner: Env, wrapping: Wrapping) {
    this.spec = wrapping.spec ?? inner.spec;
    const parameters = wrapping.parameters ?? inner.parameters;
    if (parameters !== undefined) this.parameters = parameters;
    if (inner.scene !== undefined) this.scene = () => inner.scene!();
    const inside = inner instanceof WrappedEnv ? inner.streams : [];
    let stream: number = streams[wrapping.kind];
    while (inside.includes(stream)) stream += streamStride;
    this.streams = [...inside, stream];
    this.#wrapping = wrapping;
    this.#stream = stream;
    this.#rng = new Rng(0, stream);
    if (inner.save === undefined || inner.restore === undefined) return;
    const { state } = this.#rng;
    const { memory } = wrapping;
    const own = state.length + memory.length;
    this.save = () => Float64Array.of(...state, ...memory, ...inner.save!());
    this.restore = (saved) => {
      state.set(saved.subarray(0, state.length));
      memory.set(saved.subarray(state.length, own));
      inner.restore!(saved.slice(own));
    };
  }

  reset(seed: number, observation: Float32Array): void {
    this.#rng.state.set(new Rng(seed, this.#stream).state);
    this.#wrapping.reset(seed, observation, this.#rng);
  }

  step(action: Float32Array, observation: Float32Array): Outcome {
    return this.#wrapping.step(action, observation, this.#rng);
  }
}
