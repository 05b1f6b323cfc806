import assert from "node:assert/strict";
import { Rng } from "../../src/core/rng.ts";
import { initialState, type Minibatches } from "../../src/learn/learner.ts";
import type { Losses, StepMetrics } from "../../src/learn/losses.ts";
import { networksOf } from "../../src/learn/networks.ts";
import {
  type Flat,
  flatOf,
  type OpenEngine,
  openLearner,
  plainLosses,
  stateOf,
  vectors,
} from "./problem.ts";
import { Reference, type ReferenceMetrics, relativeErrors } from "./reference.ts";

/** One clause of the contract: fails by throwing. Returns what it measured, if anything. */
export interface Clause {
  readonly name: string;
  readonly check: (open: OpenEngine) => Promise<string | undefined>;
}

const seed = 20160229;
const gamma = 0.98;

/** A normaliser that shifts and stretches every channel in another way. */
const observation = {
  mean: Float32Array.of(0.5, -0.25, 0, 3),
  scale: Float32Array.of(1, 2, 0.5, 0.25),
  clip: 0,
};

function settingsOf(changes: Partial<Losses> = {}, batch: number = 16): Losses {
  return { ...plainLosses, batch, ...changes };
}

/**
 * Networks with last layers as large as the others, so that no term of the losses is negligible.
 */
function lively(settings: Losses): Flat {
  const rng = new Rng(seed, 1);
  const state = flatOf(initialState(settings, 3e-3, rng));
  for (let i = 0; i < state.online.length; i++) {
    state.online[i] += rng.uniform(-0.2, 0.2);
    state.target[i] = state.online[i] + rng.uniform(-0.05, 0.05);
  }
  return state;
}

/** Random rows; `terminated` in every fourth transition unless told. */
function transitions(settings: Losses, steps: number, terminated?: number): Minibatches {
  const rng = new Rng(seed, 2);
  const { batch } = settings;
  const { observations, actions } = settings.shape;
  const capacity = 200;
  const width = observations + actions + 2;
  const rows = new Float32Array(capacity * width);
  for (let row = 0; row < capacity; row++) {
    for (let i = 0; i < observations; i++) rows[row * width + i] = rng.uniform(-2, 2);
    for (let i = 0; i < actions + 1; i++) {
      rows[row * width + observations + i] = rng.uniform(-1, 1);
    }
    const over = terminated ?? (row % 4 === 0 ? 1 : 0);
    rows[(row + 1) * width - 1] = over === 1 ? 0 : gamma;
  }
  const index = Int32Array.from({ length: steps * batch }, () => rng.below(capacity));
  const nextIndex = index.map((row) => (row + 1) % capacity);
  return { rows, index, nextIndex, observation, rewardScale: 1, rateShare: 1, noiseShare: 1 };
}

async function learned(
  open: OpenEngine,
  settings: Losses,
  calls: readonly Minibatches[],
  state: Flat = lively(settings),
): Promise<{ state: Flat; metrics: StepMetrics[] }> {
  const learner = await openLearner(open, settings, stateOf(settings, state));
  try {
    const metrics: StepMetrics[] = [];
    for (const data of calls) metrics.push((await learner.learn(data)).metrics);
    return { state: flatOf(learner.state), metrics };
  } finally {
    await learner.engine.close();
  }
}

/** The steps from `from` up to but not including `to` of `data`. */
function part(data: Minibatches, batch: number, from: number, to: number): Minibatches {
  const cut = (all: Int32Array): Int32Array => all.slice(from * batch, to * batch);
  return { ...data, index: cut(data.index), nextIndex: cut(data.nextIndex) };
}

function assertSame(actual: Flat, expected: Flat, what: string): void {
  assert.equal(actual.steps, expected.steps, what);
  for (const vector of vectors) {
    const bits = (values: Float32Array): Uint32Array => new Uint32Array(values.slice().buffer);
    assert.deepEqual(bits(actual[vector]), bits(expected[vector]), `${what}: ${vector}`);
  }
}

function assertClose(actual: number, expected: number, tolerance: number, what: string): void {
  const error = Math.abs(actual - expected) / Math.max(1, Math.abs(expected));
  assert(error <= tolerance, `${what} is ${actual}, expected ${expected} (seed ${seed})`);
}

/** Every difference of 10 steps to the float64 reference, under the given settings. */
async function compareToReference(open: OpenEngine, settings: Losses): Promise<number> {
  const data = transitions(settings, 10);
  const start = lively(settings);
  const reference = new Reference(settings, start);
  const expected: ReferenceMetrics[] = [];
  for (let k = 0; k < 10; k++) expected.push(reference.step(data, k));
  const { state, metrics } = await learned(open, settings, [data], start);
  assert.equal(state.steps, 10);
  let worst = 0;
  for (const [tensor, error] of relativeErrors(settings, state, reference.state)) {
    assert(error <= 1e-4, `${tensor} is off by ${error} after 10 steps (seed ${seed})`);
    worst = Math.max(worst, error);
  }
  for (const [k, want] of expected.entries()) {
    for (const name of Object.keys(want) as (keyof ReferenceMetrics)[]) {
      assertClose(metrics[0][name][k], want[name], 1e-4, `${name} of step ${k}`);
    }
  }
  return worst;
}

async function matchesReference(open: OpenEngine): Promise<string> {
  const worst = await compareToReference(open, settingsOf());
  return `worst relative error after 10 steps ${worst.toExponential(1)}`;
}

async function isDeterministic(open: OpenEngine): Promise<undefined> {
  const settings = settingsOf();
  const data = transitions(settings, 10);
  const first = await learned(open, settings, [data]);
  const second = await learned(open, settings, [data]);
  assertSame(second.state, first.state, "the second run");
  assert.deepEqual(second.metrics, first.metrics);
}

async function terminatedDoesNotBootstrap(open: OpenEngine): Promise<undefined> {
  const settings = settingsOf();
  const data = transitions(settings, 1, 1);
  // Where every transition terminated, neither the next states nor the targets may matter.
  const elsewhere = { ...data, nextIndex: data.nextIndex.map((row) => (row + 77) % 200) };
  const other = lively(settings);
  other.target.fill(0.7);
  const here = await learned(open, settings, [data]);
  const there = await learned(open, settings, [elsewhere], other);
  assert.deepEqual(there.state.online, here.state.online);
  assert.deepEqual(there.metrics, here.metrics);
  // And where none did, they must.
  const alive = transitions(settings, 1, 0);
  const one = await learned(open, settings, [alive]);
  const two = await learned(open, settings, [{ ...alive, nextIndex: elsewhere.nextIndex }]);
  assert.notEqual(one.metrics[0].msbe[0], two.metrics[0].msbe[0]);
}

async function isolatesGradients(open: OpenEngine): Promise<undefined> {
  const start = lively(settingsOf());
  const { actor } = networksOf(settingsOf().shape);
  const data = transitions(settingsOf(), 5);
  const parts = { actor: [0, actor.size], critic: [actor.size, start.online.length] } as const;
  for (const [still, moving, rates] of [
    ["critic", "actor", { criticRate: 0 }],
    ["actor", "critic", { actorRate: 0 }],
  ] as const) {
    const { state } = await learned(open, settingsOf({ ...rates, tau: 0 }), [data], start);
    const [stillPart, movingPart] = [parts[still], parts[moving]];
    assert.deepEqual(
      state.online.subarray(...stillPart),
      start.online.subarray(...stillPart),
      `the ${moving}'s step changed the ${still}`,
    );
    assert.notDeepEqual(state.online.subarray(...movingPart), start.online.subarray(...movingPart));
    assert.deepEqual(state.target, start.target, "tau 0 leaves the targets alone");
  }
  // The critic's moments hold its own gradient only: the same whatever the actor learns.
  const slow = await learned(open, settingsOf({ actorRate: 0 }), [part(data, 16, 0, 1)], start);
  const fast = await learned(open, settingsOf({ actorRate: 0.1 }), [part(data, 16, 0, 1)], start);
  const moments = ({ firstMoment }: Flat) => firstMoment.subarray(...parts.critic);
  assert.deepEqual(moments(fast.state), moments(slow.state));
}

async function movesTargetsTowardsOnline(open: OpenEngine): Promise<undefined> {
  const settings = settingsOf({ tau: 0.01 });
  const start = lively(settings);
  const { state } = await learned(open, settings, [transitions(settings, 1)], start);
  for (let i = 0; i < start.online.length; i++) {
    const expected = 0.99 * start.target[i] + 0.01 * state.online[i];
    assertClose(state.target[i], expected, 1e-6, `target[${i}]`);
  }
  const copied = await learned(open, settingsOf({ tau: 1 }), [transitions(settings, 1)]);
  for (const [i, online] of copied.state.online.entries()) {
    assertClose(copied.state.target[i], online, 1e-6, `target[${i}] at tau 1`);
  }
}

async function splitsCalls(open: OpenEngine): Promise<undefined> {
  const settings = settingsOf();
  const data = transitions(settings, 10);
  const whole = await learned(open, settings, [data]);
  const single = Array.from({ length: 10 }, (_, k) => part(data, 16, k, k + 1));
  const byOne = await learned(open, settings, single);
  assertSame(byOne.state, whole.state, "10 calls of 1 step");
  const uneven = [part(data, 16, 0, 3), part(data, 16, 3, 10)];
  const byParts = await learned(open, settings, uneven);
  assertSame(byParts.state, whole.state, "calls of 3 and 7 steps");
  for (let k = 0; k < 10; k++) {
    assert.equal(byOne.metrics[k].msbe[0], whole.metrics[0].msbe[k]);
  }
}

async function resumes(open: OpenEngine): Promise<undefined> {
  const settings = settingsOf();
  const data = transitions(settings, 10);
  const whole = await learned(open, settings, [data]);
  const half = await learned(open, settings, [part(data, 16, 0, 5)]);
  const rest = await learned(open, settings, [part(data, 16, 5, 10)], half.state);
  assertSame(rest.state, whole.state, "a second engine from the first one's state");
}

async function averagesOverTheBatch(open: OpenEngine): Promise<undefined> {
  const small = settingsOf({}, 8);
  const data = transitions(small, 1);
  // The same transitions four times over: a mean stays what it was, a sum becomes four times as
  // large.
  const four = (all: Int32Array): Int32Array => Int32Array.of(...all, ...all, ...all, ...all);
  const repeated = { ...data, index: four(data.index), nextIndex: four(data.nextIndex) };
  const one = await learned(open, small, [data]);
  const many = await learned(open, settingsOf({}, 32), [repeated]);
  for (const name of Object.keys(one.metrics[0]) as (keyof StepMetrics)[]) {
    assertClose(many.metrics[0][name][0], one.metrics[0][name][0], 1e-5, name);
  }
}

async function seesTheWholeActionBox(open: OpenEngine): Promise<undefined> {
  // No bootstrap and a critic of known weights: the loss at (s, a) tells Q(s, a) for any a.
  const settings = settingsOf({ criticRate: 0, actorRate: 0 }, 1);
  const { observations, actions } = settings.shape;
  const start = lively(settings);
  const q = async (action: readonly number[]): Promise<number> => {
    const rows = Float32Array.of(1, -1, 0.5, 2, ...action, 0, 0);
    assert.equal(rows.length, observations + actions + 2);
    const zero = Int32Array.of(0);
    const once = { index: zero, nextIndex: zero, rewardScale: 1, rateShare: 1, noiseShare: 1 };
    const data = { rows, observation, ...once };
    const { metrics } = await learned(open, settings, [data], start);
    return metrics[0].q[0];
  };
  for (let axis = 0; axis < actions; axis++) {
    for (const at of [-0.9, -0.5, -0.1, 0.1, 0.5, 0.9]) {
      const place = (value: number) =>
        Array.from({ length: actions }, (_, i) => (i === axis ? value : at));
      const slope = ((await q(place(at + 0.05))) - (await q(place(at - 0.05)))) / 0.1;
      assert(Math.abs(slope) > 1e-4, `dQ/da[${axis}] is ${slope} at ${at} (seed ${seed})`);
    }
  }
}

/** What every engine must keep. */
export const engineContract: readonly Clause[] = [
  { name: "10 steps match the float64 reference", check: matchesReference },
  { name: "the same work gives the same bits", check: isDeterministic },
  { name: "a terminated transition does not bootstrap", check: terminatedDoesNotBootstrap },
  { name: "each network learns from its own loss only", check: isolatesGradients },
  { name: "targets move towards the online networks", check: movesTargetsTowardsOnline },
  { name: "K calls of one step equal one call of K", check: splitsCalls },
  { name: "a saved state carries on bit for bit", check: resumes },
  { name: "losses are means over the batch", check: averagesOverTheBatch },
  { name: "dQ/da is not zero anywhere in the action box", check: seesTheWholeActionBox },
];
