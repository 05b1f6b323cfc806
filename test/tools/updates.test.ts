// One round of learning of every variant, as PyTorch makes it in float64 (tools/golden/updates).
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { type EngineChoice, openEngine } from "../../src/learn/engine.ts";
import { gradientStep } from "../../src/learn/gradient-step.ts";
import { type Losses, metricNames, scheduleOf } from "../../src/learn/losses.ts";
import type { NetworkShape } from "../../src/learn/networks.ts";
import { distanceOf } from "../../src/learn/parameter-noise.ts";
import type { Arrays } from "../../src/learn/program.ts";

type Lists = Readonly<Record<string, readonly number[]>>;

interface Case {
  readonly name: string;
  readonly losses: Partial<Losses>;
  readonly shape: Partial<NetworkShape>;
  readonly steps: number;
  readonly rewardScale: number;
  readonly rateShare: number;
  readonly noiseShare: number;
  readonly inputs: Readonly<Record<string, readonly number[] | readonly (readonly number[])[]>>;
  readonly state: number;
  readonly metrics: Readonly<Record<string, number>>;
  readonly tdError: readonly number[];
  readonly after: Lists;
}

const golden = JSON.parse(readFileSync("test/golden/updates.json", "utf8")) as {
  readonly torch: string;
  readonly losses: Omit<Losses, "shape">;
  readonly shape: NetworkShape;
  readonly states: readonly Lists[];
  readonly cases: readonly Case[];
  readonly parameterNoise: Readonly<Record<"actions" | "perturbedActions", number[][]>> & {
    readonly distance: number;
  };
};

/** Longest error of a vector, as a share of the vector's own length. */
const relativeErrorMax = 1e-5;

const engines: readonly EngineChoice[] = [
  { kind: "onnx", threads: 1 },
  { kind: "tfjs", threads: 1 },
  { kind: "kernel", threads: 1 },
  { kind: "kernel", threads: 2 },
  { kind: "kernel-wasm", threads: 1 },
];

for (const engine of engines) {
  for (const one of golden.cases) {
    const who = engine.threads === 1 ? engine.kind : `${engine.kind} on two threads`;
    test(`${who} does what torch ${golden.torch} does: ${one.name}`, () => check(engine, one));
  }
}

test("the distance of parameter noise is torch's", () => {
  const { actions, perturbedActions, distance } = golden.parameterNoise;
  const [here, there] = [actions, perturbedActions].map((rows) => Float32Array.from(rows.flat()));
  assert.ok(Math.abs(distanceOf(here, there) - distance) < 1e-6);
});

async function check(choice: EngineChoice, one: Case): Promise<void> {
  const losses: Losses = {
    ...golden.losses,
    ...one.losses,
    shape: { ...golden.shape, ...one.shape },
  };
  const program = gradientStep(losses);
  const start = golden.states[one.state];
  const carried = Object.fromEntries(
    program.carried.map(({ name }) => [name, Float32Array.from(start[name])]),
  );
  const inputs: Record<string, Arrays[string]> = {
    rewardScale: Float32Array.of(one.rewardScale),
    schedule: scheduleOf(losses, one.steps, 1, one),
  };
  for (const [name, value] of Object.entries(one.inputs)) {
    const type = name === "index" || name === "nextIndex" ? Int32Array : Float32Array;
    inputs[name] = type.from(value.flat());
  }
  const engine = await openEngine(choice, program, carried);
  try {
    const kept = await engine.run(1, inputs);
    for (const [name, expected] of Object.entries(one.after)) {
      assertNear(engine.carried(name), expected, `${name} of ${one.name}`);
    }
    for (const [i, name] of metricNames.entries()) {
      if (name === "saturation") continue;
      assertNear([kept["metrics"][i]], [one.metrics[name]], `${name} of ${one.name}`);
    }
    if (losses.weighted) assertNear(kept["tdError"], one.tdError, `tdError of ${one.name}`);
  } finally {
    await engine.close();
  }
}

function assertNear(actual: ArrayLike<number>, expected: readonly number[], what: string): void {
  assert.equal(actual.length, expected.length, what);
  const lengthOf = (values: readonly number[]): number => Math.hypot(...values);
  const error = lengthOf(expected.map((value, i) => actual[i] - value)) / lengthOf(expected);
  assert.ok(error <= relativeErrorMax, `${what}: off by ${error} of its length`);
}
