// A joint that is moved a little: what is asked for, and what is made of what was seen.
import assert from "node:assert/strict";
import { test } from "node:test";
import { SinewError } from "../../src/core/errors.ts";
import { Rng } from "../../src/core/rng.ts";
import type { Spec } from "../../src/core/spec.ts";
import { Mode, makeStep, type Step } from "../../src/core/step.ts";
import { planWiggle, type WiggleChoice, type WiggleWish } from "../../src/edge/wiggle.ts";
import { WigglePolicy, wiggleDriver } from "../../src/edge/wiggle-policy.ts";
import { judgeWiggle, type WiggleVerdict } from "../../src/edge/wiggle-verdict.ts";
import { openDriver } from "../../src/policy/driver.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import { limitsOf } from "../../src/safety/limits.ts";
import { armSpec } from "../link/servo-bench.ts";
import { randomPolicy } from "../policy/random-policy.ts";

const spec = armSpec(3);
const own = spec.observation.length;
const wish: WiggleWish = { joint: "lift", degrees: 3, seconds: 4, share: 0.05 };
const rad = (3 * Math.PI) / 180;

function plan(
  change: Partial<WiggleWish> = {},
  of: Spec = spec,
  limits = limitsOf(of),
): WiggleChoice {
  return planWiggle(of, of.observation.length, limits, { ...wish, ...change });
}

function refuses(body: () => unknown, line: RegExp): void {
  assert.throws(body, (error: unknown) => {
    assert.ok(error instanceof SinewError && error.code === "usage", String(error));
    assert.match(error.message, line);
    return true;
  });
}

/** A robot of one joint that is driven by a speed or an effort. */
function driven(suffix: string, unit: string, high: number, seen = "wheel_position"): Spec {
  return {
    observation: [{ name: seen, unit: "rad", low: -9, high: 9 }],
    action: [{ name: `wheel_${suffix}`, unit, low: -high, high }],
    periodUs: 20_000,
  };
}

test("wiggle: others hold their place, and the one goes there and back, never further", () => {
  for (let seed = 0; seed < 200; seed++) {
    const rng = new Rng(seed);
    const choice = plan({ degrees: rng.uniform(0.5, 15), seconds: rng.uniform(2, 8) });
    const policy = new WigglePolicy("id", spec, choice);
    const places = Float32Array.from({ length: own }, () => rng.uniform(-1.5, 1.5));
    const action = new Float32Array(3);
    const cycles = Math.round((choice.seconds * 1e6) / spec.periodUs);
    let most = 0;
    let before = places[1];
    for (let cycle = 0; cycle <= cycles + 20; cycle++) {
      // It is seen to move, and to shake: neither changes what is asked for.
      const seen = places.map((place) => place + (cycle === 0 ? 0 : rng.uniform(-0.01, 0.01)));
      policy.act(seen, action);
      assert.deepEqual([action[0], action[2]], [places[0], places[2]], `Rng(${seed}), ${cycle}`);
      const way = Math.abs(action[1] - places[1]);
      assert.ok(way <= choice.amplitude * 1.0001, `Rng(${seed}), ${cycle}: ${way}`);
      assert.ok(action[1] >= -1.5 && action[1] <= 1.5, `Rng(${seed}), ${cycle}: ${action[1]}`);
      const stepMax = (choice.amplitude * Math.PI * 1.01) / cycles;
      assert.ok(Math.abs(action[1] - before) <= stepMax, `Rng(${seed}), ${cycle}`);
      before = action[1];
      most = Math.max(most, way);
    }
    assert.ok(most > 0.95 * choice.amplitude, `Rng(${seed}): only ${most}`);
    assert.equal(action[1], places[1], `Rng(${seed})`);
    // What is at rest may be pushed by hand; then it begins anew from there.
    policy.rest();
    policy.act(places.fill(0.5), action);
    assert.deepEqual([...action], [0.5, 0.5, 0.5]);
  }
});

test("wiggle: what is no number is not made one", () => {
  const policy = new WigglePolicy("id", spec, plan());
  const action = new Float32Array(3);
  policy.act(new Float32Array(own).fill(Number.NaN), action);
  assert.ok(action.every(Number.isNaN));
});

test("wiggle: a speed goes to and fro, an effort one way, and both end at rest", () => {
  const speed = plan({ joint: "wheel" }, driven("velocity", "rad/s", 5));
  assert.ok(Math.abs(speed.amplitude - (rad * Math.PI) / 4) < 1e-12);
  const effort = plan({ joint: "wheel_torque" }, driven("torque", "N*m", 2));
  assert.ok(Math.abs(effort.amplitude - 0.1) < 1e-12);
  // It does not know which way the joint goes: what it sees goes nowhere.
  for (const [of, choice] of [
    [driven("velocity", "rad/s", 5), speed],
    [driven("torque", "N*m", 2), effort],
  ] as const) {
    const policy = new WigglePolicy("id", of, choice);
    const action = new Float32Array(1);
    let [sum, way] = [0, 0];
    for (let cycle = 0; cycle < 220; cycle++) {
      policy.act(Float32Array.of(1), action);
      sum += action[0] * 0.02;
      way = Math.max(way, sum);
    }
    assert.equal(action[0], 0);
    if (choice === speed) assert.ok(Math.abs(way - rad) < 0.02 * rad, `${way} of ${rad}`);
    const left = choice === speed ? 0 : (0.1 * 4) / Math.PI;
    assert.ok(Math.abs(sum - left) < 1e-3, `${sum}`);
  }
});

test("wiggle: a length moves by a small share of its range, however long it may take", () => {
  const slide: Spec = {
    observation: [{ name: "slide_position", unit: "mm", low: 0, high: 200 }],
    action: [{ name: "slide_position", unit: "mm", low: 0, high: 200 }],
    periodUs: 20_000,
  };
  assert.ok(Math.abs(plan({ joint: "slide", share: 0.01 }, slide).amplitude - 2) < 1e-9);
  const most = plan({ joint: "slide", share: 0.25, degrees: 15, seconds: 2 }, slide);
  assert.ok(Math.abs(most.amplitude - 10) < 1e-9);
  refuses(() => plan({ joint: "slide", seconds: 1 }, slide), /a share of 0\.05 in 1 s .* 1\.6/);
});

test("wiggle: what cannot be moved so is refused, with the reason", () => {
  refuses(() => plan({ joint: "knee" }), /no joint "knee": give one of pan, lift, elbow/);
  refuses(() => plan({ degrees: 15, seconds: 1 }), /15 degrees in 1 s are too fast: .*1\.6/);
  const wheel = driven("velocity", "rad/s", 5);
  refuses(() => plan({ joint: "wheel", degrees: 15, seconds: 1 }, wheel), /are too fast/);
  const narrow = limitsOf(spec, { action: { lift_position: { low: -0.02, high: 0.02 } } });
  refuses(
    () => plan({}, spec, narrow),
    /cannot be moved by 0\.0524: its limits are -0\.02 to 0\.02/,
  );
  const blind = { ...spec, observation: spec.observation.slice(1) };
  refuses(() => plan({}, blind), /nothing tells where "pan_position" is, .* describe its joint/);
  const pole = driven("torque", "N*m", 2, "pole_cos");
  refuses(() => plan({ joint: "wheel" }, pole), /no observation tells where .*"wheel_torque" is/);
  refuses(() => plan({ joint: "wheel" }, driven("velocity", "rad/s", 0.01)), /give more --seconds/);
  // What the host itself observes tells of no joint.
  refuses(() => planWiggle(spec, 0, limitsOf(spec), wish), /nothing tells where "pan_position" is/);
});

test("wiggle: its log is none of the policy, and the policy is not run", async () => {
  const bytes = await exportPolicy(randomPolicy(1, spec));
  const driver = wiggleDriver(bytes, plan());
  const action = new Float32Array(3);
  await driver.policy.act(new Float32Array(own), action);
  assert.deepEqual([...action], [0, 0, 0]);
  await assert.rejects(openDriver(bytes, driver.runner), /cannot be run by "wiggle 1" here/);
  await driver.close();
});

/** Steps in which each joint goes `follow` times as far as was asked for, `late` cycles later. */
function* steps(
  choice: WiggleChoice,
  follow: readonly number[],
  late: number,
  of: Spec = spec,
  seed = 1,
): Generator<Step> {
  const rng = new Rng(seed);
  const policy = new WigglePolicy("id", of, choice);
  const step = makeStep(of);
  const asked: number[] = [];
  const still = Float32Array.from(of.observation, (_, at) => (at < follow.length ? 0.1 * at : 0));
  let sum = 0;
  for (let cycle = -5; cycle < 230; cycle++) {
    step.mode = cycle < 0 ? Mode.disarmed : Mode.armed;
    if (cycle >= 0) policy.act(still, step.action);
    const now = step.action[choice.at];
    sum += (now * of.periodUs) / 1e6;
    const way = choice.kind === "place" ? now - still[choice.placesAt[choice.at]] : sum;
    asked.push(cycle < 0 ? 0 : way);
    const before = asked[asked.length - 1 - late] ?? 0;
    for (const [at, gain] of follow.entries()) {
      step.observation[at] = still[at] + gain * before + rng.uniform(-0.002, 0.002);
    }
    yield step;
  }
}

function judged(
  follow: readonly number[],
  late = 3,
  change: Partial<WiggleWish> = {},
): WiggleVerdict {
  const choice = plan(change);
  return judgeWiggle(spec, own, choice, steps(choice, follow, late))!;
}

test("wiggle: what followed is told, how far and how late", () => {
  const { outcome, named, asked, up } = judged([0, 0.9, 0]);
  assert.deepEqual([outcome, named.name, up], ["right", "lift_position", true]);
  assert.ok(Math.abs(named.moved - 0.9 * rad) < 0.05 * rad, `${named.moved}`);
  assert.ok(Math.abs(asked - rad) < 1e-4);
  assert.ok(Math.abs(named.lagUs - 60_000) <= 40_000, `${named.lagUs}`);
  // The load on an arm moves its other joints a little, too.
  assert.equal(judged([-0.3, 0.8, 0.2]).outcome, "right");
});

test("wiggle: another joint, the other way, and none are told apart", () => {
  assert.equal(judged([0, -0.9, 0]).outcome, "reversed");
  const other = judged([0, 0, 1]);
  assert.deepEqual([other.outcome, other.most.name], ["other", "elbow_position"]);
  assert.deepEqual(judged([-1, 0.1, 0]).most.name, "pan_position");
  const still = judged([0, 0.1, 0]);
  assert.deepEqual([still.outcome, still.most.name], ["still", "lift_position"]);
});

test("wiggle: a loop that turns faster than the policy's rate is judged by its own", () => {
  const choice = plan();
  function* held(): Generator<Step> {
    for (const step of steps(choice, [0, 1, 0], 3)) yield* [step, step];
  }
  const fast = { ...spec, periodUs: spec.periodUs / 2 };
  const { outcome, named } = judgeWiggle(fast, own, choice, held())!;
  assert.equal(outcome, "right");
  assert.ok(Math.abs(named.lagUs - 60_000) <= 30_000, `${named.lagUs}`);
});

test("wiggle: one that was stopped is not judged", () => {
  const choice = plan();
  const few = [...steps(choice, [0, 1, 0], 1)].slice(0, 60).map((step) => structuredClone(step));
  assert.equal(judgeWiggle(spec, own, choice, few), null);
  assert.equal(judgeWiggle(spec, own, choice, []), null);
});

test("wiggle: a speed and an effort are judged by where their joint goes", () => {
  for (const [suffix, unit, high] of [
    ["velocity", "rad/s", 5],
    ["torque", "N*m", 40],
  ] as const) {
    const of = driven(suffix, unit, high);
    const choice = plan({ joint: "wheel" }, of);
    for (const gain of [1, -1]) {
      const verdict = judgeWiggle(of, 1, choice, steps(choice, [gain], 2, of));
      assert.equal(verdict?.outcome, gain > 0 ? "right" : "reversed", `${suffix} ${gain}`);
    }
    assert.equal(judgeWiggle(of, 1, choice, steps(choice, [0.0001], 2, of))?.outcome, "still");
  }
});
