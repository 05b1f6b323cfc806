import { createHash } from "node:crypto";
import { messageOf, SinewError } from "../core/errors.ts";
import { ProtoWriter, readFields } from "../core/protobuf.ts";
import { Rng } from "../core/rng.ts";
import { type Channel, hashSpec, type Spec } from "../core/spec.ts";
import { type Actor, evaluateActor, shuffled } from "./actor.ts";

/** The key in the ONNX file's `metadata_props` that holds the proof: the last field of the file. */
export const proofKey = "sinew.proof";

/**
 * How far an output may be from the proved one, relative to `spanOf` its channel. Plain float32
 * arithmetic errs by 1e-6; another 1e-5 is a broken runtime, a wrong file or a flipped bit.
 */
export const toleranceMax = 1e-5;

const pointsGoal = 128;
const pointsMin = 32;
const cornersMax = 32;
/** Further orders of the sums. With one alone, one policy in some dozens failed its own proof. */
export const shuffles = 3;

/** Observations, and what the policy must answer to them. */
export interface Proof {
  readonly tolerance: number;
  readonly count: number;
  /** [count, observation channels] and [count, action channels], row-major, physical units. */
  readonly inputs: Float32Array;
  readonly outputs: Float32Array;
}

/** The size of an action channel that its tolerance is relative to: half its range, at least 1. */
export function spanOf({ low, high }: Channel): number {
  // The far end instead of half the range where the range is not symmetric: it sets the rounding.
  return Math.max(1, Math.abs(low), Math.abs(high));
}

/**
 * The largest absolute difference of `actions` [count, action channels] from what the proof says
 * from `point` on. Throws `SinewError("proof")` where one is beyond its tolerance.
 */
export function errorOfProof(
  spec: Spec,
  { tolerance, outputs }: Proof,
  actions: Float32Array,
  point: number,
  count: number,
): number {
  const channels = spec.action;
  let largest = 0;
  for (let at = 0; at < count * channels.length; at++) {
    const channel = channels[at % channels.length];
    const expected = outputs[point * channels.length + at];
    const error = Math.abs(actions[at] - expected);
    largest = Math.max(largest, error);
    // Written so that NaN fails.
    if (error <= tolerance * spanOf(channel)) continue;
    const place = point + Math.floor(at / channels.length);
    throw new SinewError(
      "proof",
      `action "${channel.name}" at proof point ${place} is ${actions[at]} on this machine ` +
        `instead of ${expected}, more than ${tolerance * spanOf(channel)} ${channel.unit} ` +
        "apart: this file or runtime is broken",
    );
  }
  return largest;
}

type Evaluate = (observation: Float32Array) => Float64Array | Float32Array;

/** What can be proved: plain arithmetic that knows nothing of ONNX Runtime. */
export interface Provable {
  /** The action, in double precision. */
  readonly evaluate: Evaluate;
  /** The same in single precision, in orders of the sums: each runtime has one of its own. */
  readonly rounded: readonly Evaluate[];
  /** What the network sees of a channel: (observation - mean) * scale, one number of each. */
  readonly mean: ArrayLike<number>;
  readonly scale: ArrayLike<number>;
}

/** Makes the proof of an actor. Throws as `proofOf`, also where weights are not finite. */
export function makeProof(spec: Spec, actor: Actor): Proof {
  checkFinite(actor);
  const rng = new Rng(hashSpec(spec), 1);
  const orders = [actor, ...Array.from({ length: shuffles }, () => shuffled(actor, rng))];
  return proofOf(spec, {
    evaluate: (observation) => evaluateActor(spec, actor, observation),
    rounded: orders.map(
      (order) => (observation) => evaluateActor(spec, order, observation, Float32Array),
    ),
    mean: actor.normaliser.mean,
    scale: actor.normaliser.scale,
  });
}

/**
 * Makes a proof: the centre and corners of the observation box, then random points, by turns inside
 * the box and in one three times as wide. A channel without limits counts as five of its
 * normaliser's units wide. Points where float32 arithmetic alone errs by more than a quarter of the
 * tolerance, in any order of the sums that is given, are left out: no machine could be judged by
 * them. The same policy gives the same proof. Throws `SinewError("proof")` where hardly a point is
 * left.
 */
export function proofOf(spec: Spec, policy: Provable): Proof {
  const inputs: number[] = [];
  const outputs: number[] = [];
  let count = 0;
  let tried = 0;
  for (const point of points(spec, policy)) {
    if (count === pointsGoal || tried === 8 * pointsGoal) break;
    tried++;
    const exact = policy.evaluate(point);
    const fits = policy.rounded.every((evaluate) => {
      const rounded = evaluate(point);
      return spec.action.every(
        (channel, j) => Math.abs(exact[j] - rounded[j]) <= (toleranceMax / 4) * spanOf(channel),
      );
    });
    if (!fits) continue;
    inputs.push(...point);
    outputs.push(...exact);
    count++;
  }
  if (count < pointsMin) {
    throw new SinewError(
      "proof",
      `float32 cannot carry this policy: at ${tried - count} of ${tried} observations its ` +
        `rounding errors exceed ${toleranceMax / 4}; its weights are too large`,
    );
  }
  return {
    tolerance: toleranceMax,
    count,
    inputs: Float32Array.from(inputs),
    outputs: Float32Array.from(outputs),
  };
}

function checkFinite({ normaliser, layers }: Actor): void {
  const named: [name: string, numbers: Float32Array][] = [
    ["the normaliser's mean", normaliser.mean],
    ["the normaliser's scale", normaliser.scale],
    ...layers.flatMap(({ weights, bias, norm }, depth): [string, Float32Array][] => [
      [`the weights of layer ${depth}`, weights],
      [`the bias of layer ${depth}`, bias],
      [`the gain of layer ${depth}`, norm?.gain ?? weights],
      [`the shift of layer ${depth}`, norm?.shift ?? bias],
    ]),
  ];
  for (const [name, numbers] of named) {
    if (numbers.every(Number.isFinite)) continue;
    throw new SinewError("proof", `${name} are not all finite: did training diverge?`);
  }
}

/** Endless: centre, corners, then random points. */
function* points(spec: Spec, { mean, scale }: Provable): Generator<Float32Array> {
  const rng = new Rng(hashSpec(spec));
  const box = spec.observation.map(({ low, high }, i) => {
    const reach = 5 / Math.max(Math.abs(scale[i]), 1e-6);
    const bottom = Number.isFinite(low) ? low : Math.min(high, mean[i]) - reach;
    const top = Number.isFinite(high) ? high : Math.max(low, mean[i]) + reach;
    return { middle: (bottom + top) / 2, half: (top - bottom) / 2 };
  });
  const point = (offset: (channel: number) => number): Float32Array =>
    Float32Array.from(box, ({ middle, half }, i) => middle + half * offset(i));
  yield point(() => 0);
  const corners = 2 ** box.length;
  if (corners <= cornersMax) {
    for (let bits = 0; bits < corners; bits++) yield point((i) => ((bits >> i) & 1) * 2 - 1);
  } else {
    yield point(() => -1);
    yield point(() => 1);
    for (let i = 2; i < cornersMax; i++) yield point(() => rng.below(2) * 2 - 1);
  }
  for (;;) {
    yield point(() => rng.uniform(-1, 1));
    yield point(() => rng.uniform(-3, 3));
  }
}

/** Appends the proof to an ONNX file, with the SHA-256 of all bytes before it. */
export function appendProof(file: Uint8Array, proof: Proof): Uint8Array {
  const text = JSON.stringify({
    format: 1,
    digest: sha256(file),
    tolerance: proof.tolerance,
    count: proof.count,
    inputs: base64(proof.inputs),
    outputs: base64(proof.outputs),
  });
  const entry = new ProtoWriter()
    .message(14, (pair) => pair.string(1, proofKey).string(2, text))
    .finish();
  // Not Buffer.concat: slice() of a Buffer is a view, which who gets a Uint8Array does not expect.
  const proved = new Uint8Array(file.length + entry.length);
  proved.set(file);
  proved.set(entry, file.length);
  return proved;
}

/**
 * Reads the proof `text` of the policy file `bytes`. Throws `SinewError("proof")` where a byte of
 * the file was changed since it was proved, or the proof is not one.
 */
export function parseProof(bytes: Uint8Array, text: string, spec: Spec): Proof {
  let fields: Partial<Record<string, unknown>> | null;
  try {
    fields = JSON.parse(text);
  } catch (thrown) {
    return refuse(`it is not JSON: ${messageOf(thrown)}`);
  }
  if (typeof fields !== "object" || fields === null) return refuse("it is not an object");
  const { format, digest, tolerance, count, inputs, outputs } = fields;
  if (format !== 1) refuse("this Sinew reads format 1");
  if (digest !== sha256(bytes.subarray(0, startOfLastField(bytes)))) {
    throw new SinewError(
      "proof",
      "this policy file was changed after it was proved (its digest differs): export it again",
    );
  }
  // A file may ask for a closer match, never for a looser one.
  if (typeof tolerance !== "number" || !(tolerance > 0 && tolerance <= toleranceMax)) {
    return refuse(`its tolerance is not within (0, ${toleranceMax}]`);
  }
  if (typeof count !== "number" || !Number.isInteger(count) || count < pointsMin) {
    return refuse(`its count is not a whole number of at least ${pointsMin}`);
  }
  return {
    tolerance,
    count,
    inputs: numbers("inputs", inputs, count * spec.observation.length),
    outputs: numbers("outputs", outputs, count * spec.action.length),
  };
}

function refuse(problem: string): never {
  throw new SinewError("proof", `the proof in this policy file is broken: ${problem}`);
}

/** Where the field begins that the proof must be. */
function startOfLastField(bytes: Uint8Array): number {
  let last: Uint8Array | null = null;
  for (const { field, bytes: payload } of readFields(bytes)) last = field === 14 ? payload : null;
  if (last === null) return refuse("it is not the last field of the file");
  return bytes.length - new ProtoWriter().bytes(14, last).finish().length;
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function base64(values: Float32Array): string {
  const bytes = Buffer.alloc(values.length * 4);
  for (let i = 0; i < values.length; i++) bytes.writeFloatLE(values[i], i * 4);
  return bytes.toString("base64");
}

function numbers(key: string, value: unknown, length: number): Float32Array {
  const bytes = Buffer.from(typeof value === "string" ? value : "", "base64");
  if (bytes.length !== length * 4) refuse(`its ${key} are not ${length} float32 numbers`);
  const read = Float32Array.from({ length }, (_, i) => bytes.readFloatLE(i * 4));
  return read.every(Number.isFinite) ? read : refuse(`its ${key} are not all finite`);
}
