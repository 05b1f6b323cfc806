import { readFileSync } from "node:fs";
import { specWithHistory } from "../core/history.ts";
import type { Spec } from "../core/spec.ts";
import type { Layer } from "../policy/actor.ts";
import { exportPolicy, type PolicyParts, readLayers } from "../policy/export.ts";
import { readPolicyFile } from "../policy/file.ts";
import { deviceSpecOf } from "../policy/history-policy.ts";
import { pendulumSpec } from "../sim/pendulum.ts";
import { driven } from "./driven.ts";
import { forgedPolicy } from "./forged-policy.ts";
import { swinging } from "./torque-motor.ts";

type Maker = (own: Uint8Array) => Uint8Array | Promise<Uint8Array>;

/**
 * Policies for the pendulum by name, of its trained one's file: that itself, then such with a fault
 * that only shows on the robot, or in its file, and then such as come beside a sound one.
 */
const makers = {
  sound: (own) => own,
  nan: (own) => forgedPolicy("nan", own),
  slow: (own) => forgedPolicy("slow", own),
  throws: (own) => forgedPolicy("throws", own),
  denormal: () => exportPolicy(faint()),
  other: () => exportPolicy(other()),
  corrupt: (own) => {
    // A bit of the weights, which every size and checksum of a file system would let pass.
    own[Math.floor(own.length / 3)] ^= 0x10;
    return own;
  },
  leaning: (own) => exportPolicy(leaning(readLayers(own))),
  shaking: () => exportPolicy(shaking()),
  nan_upright: () => exportPolicy(brokenUpright()),
} as const satisfies Readonly<Record<string, Maker>>;

/** The words for policies. */
export const policyWords: readonly string[] = Object.keys(makers);

/**
 * The policy file that a scenario's host is given: `policy` is one of `policyWords`, or a path;
 * `trained` that of the pendulum's. Throws as `readFileSync` and `exportPolicy`.
 */
export async function hostPolicy(
  policy: string,
  drives: string,
  trained: string,
): Promise<Uint8Array> {
  if (!policyWords.includes(policy)) return new Uint8Array(readFileSync(policy));
  if (drives === "torque-motor") {
    const sound = await exportPolicy(swinging());
    return policy === "nan" ? forgedPolicy("nan", sound, drives) : sound;
  }
  if (drives !== "pendulum") return exportPolicy(moving(drives));
  return makers[policy as keyof typeof makers](new Uint8Array(readFileSync(trained)));
}

/** What a device has for channels that drives `drives` by `policy`. Throws as `readPolicyFile`. */
export function specOf(policy: string, drives: string): Spec {
  if (policyWords.includes(policy)) return driven[drives];
  return deviceSpecOf(readPolicyFile(new Uint8Array(readFileSync(policy))).contract);
}

function parts(spec: Spec, layers: readonly Layer[]): PolicyParts {
  const width = spec.observation.length;
  return {
    contract: { format: 1, task: "hil", spec, algorithm: "ddpg", training: {} },
    normaliser: { mean: new Float32Array(width), scale: new Float32Array(width).fill(1), clip: 0 },
    layers,
    activation: "relu",
  };
}

/** A layer by its rows, one for each input; `bias` says how many outputs there are. */
function layer(rows: readonly (readonly number[])[], bias: readonly number[]): Layer {
  const weights = Float32Array.from(rows.flat());
  return { inputs: rows.length, outputs: bias.length, weights, bias: Float32Array.from(bias) };
}

/** Of the pendulum: the torque is `gain` times its speed, and `bias` more, both before the tanh. */
function alongSpeed(gain: number, bias: number): Layer[] {
  const both = [
    [0, 0],
    [0, 0],
    [1, -1],
  ] as const;
  return [layer(both, [0, 0]), layer([[gain], [-gain]], [bias])];
}

/** Pushes the way the pole moves, of the same robot but for the unit of its speed. */
function other(): PolicyParts {
  const [cos, sin, speed] = pendulumSpec.observation;
  const observation = [cos, sin, { ...speed, unit: "deg/s" }];
  return parts({ ...pendulumSpec, observation }, alongSpeed(20, 0.5));
}

/** Asks for 1e-40 N*m, whatever it sees. */
function faint(): PolicyParts {
  return parts(pendulumSpec, alongSpeed(0, 5e-41));
}

/** Asks for all of the other direction in each cycle: it observes what it asked for last. */
function shaking(): PolicyParts {
  const spec = specWithHistory(pendulumSpec, 1);
  const none = [0, 0];
  const layers = [layer([none, none, none, [1, -1]], none), layer([[-40], [40]], [0.5])];
  const own = parts(spec, layers);
  return { ...own, contract: { ...own.contract, actionHistory: 1 } };
}

/** The policy, but for some 0.7 N*m that it always adds: the pole leans against them. */
function leaning(own: PolicyParts): PolicyParts {
  const [last] = own.layers.slice(-1);
  const bias = last.bias.map((value) => value + 0.35);
  return { ...own, layers: [...own.layers.slice(0, -1), { ...last, bias }] };
}

/**
 * No number where the pole stands upright, else 0: two sums that overflow there, one taken from the
 * other. No proof point lies so near to the circle of its angles.
 */
function brokenUpright(): PolicyParts {
  const near = 0.03;
  const steep = 1e20;
  return parts(pendulumSpec, [
    // The distance of the cosine from 1, and of the sine from 0, either way.
    layer(
      [
        [1, -1, 0, 0],
        [0, 0, 1, -1],
        [0, 0, 0, 0],
      ],
      [-1, 1, 0, 0],
    ),
    layer([[-steep], [-steep], [-0.1 * steep], [-0.1 * steep]], [near * steep]),
    layer([[1e30, 1e30]], [0, 0]),
    layer([[1], [-1]], [0]),
  ]);
}

/** A policy that keeps moving what `drives` names: there and back, or up to 80 degrees. */
function moving(drives: string): PolicyParts {
  const spec = driven[drives];
  const actions = spec.action.length;
  const seen = spec.observation.length;
  if (drives === "heater") return parts(spec, [layer([[1]], [0]), layer([[-0.05]], [4])]);
  const speeds = Array.from({ length: actions }, (_, at) => seen - actions + at);
  const bends = Array.from({ length: seen }, (_, at) =>
    speeds.flatMap((speed) => (speed === at ? [1, -1] : [0, 0])),
  );
  const pushes = speeds.flatMap((_, of) =>
    [2, -2].map((gain) => speeds.map((__, to) => (of === to ? gain : 0))),
  );
  return parts(spec, [
    layer(bends, new Array<number>(2 * actions).fill(0)),
    layer(pushes, new Array<number>(actions).fill(0.5)),
  ]);
}
