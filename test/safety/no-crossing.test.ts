import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import { Verdict } from "../../src/core/step.ts";
import type { Drive } from "../../src/safety/barrier.ts";
import { JointStage, randomCase } from "./joint-stage.ts";

/** A device's own steps of time, in which a servo catches up; floats everywhere. */
const slack: Readonly<Record<Drive, number>> = { position: 3e-4, velocity: 1e-6, effort: 1e-6 };

/** Runs a joint of `seed` under good and bad policies; how far it was beyond an end at most. */
function furthestBeyond(drive: Drive, seed: number, isEnded: boolean): number {
  const rng = new Rng(seed);
  const given = randomCase(drive, rng);
  const { low, high } = given.joint;
  const stage = new JointStage(given, rng.uniform(low, high), isEnded);
  const [{ low: least, high: most }] = given.spec.action;
  const policies = [
    () => rng.uniform(least!, most!),
    () => most!,
    () => least!,
    () => (stage.velocity > 0 ? most! : least!),
    () => (rng.below(2) === 0 ? least! : most!),
  ];
  let policy = policies[0]!;
  let towards = 0;
  let furthest = Number.NEGATIVE_INFINITY;
  for (let cycle = 0; cycle < 200; cycle++) {
    if (rng.below(30) === 0) {
      policy = policies[rng.below(policies.length)]!;
      towards = rng.below(3) - 1;
    }
    const periods = 1 + rng.below(Math.round(given.actsUs / given.spec.periodUs));
    const push = (): number => (towards === 0 ? rng.uniform(-1, 1) : towards);
    stage.cycle(policy(), rng.uniform(0, given.ageUsMost), periods, push);
    assert.notEqual(stage.step.verdict, Verdict.refused, `seed ${seed}`);
    const [action] = stage.step.action;
    const isWithin = action! >= Math.fround(least!) && action! <= Math.fround(most!);
    assert.ok(isWithin, `seed ${seed} cycle ${cycle}: ${action}`);
    furthest = Math.max(furthest, low - stage.position, stage.position - high);
  }
  return furthest;
}

for (const drive of Object.keys(slack) as Drive[]) {
  test(`barrier: no policy makes a joint cross its ends, driven by ${drive}`, () => {
    let crossed = 0;
    let nearest = Number.NEGATIVE_INFINITY;
    for (let seed = 0; seed < 30; seed++) {
      const beyond = furthestBeyond(drive, seed, true);
      assert.ok(beyond <= slack[drive], `seed ${seed}: ${beyond} beyond its end`);
      nearest = Math.max(nearest, beyond);
      if (furthestBeyond(drive, seed, false) > 0.01) crossed++;
    }
    assert.ok(nearest > -0.01, `an end can be reached: ${-nearest} is left`);
    assert.ok(crossed > 20, `without the barrier ${crossed} of 30 cross`);
  });
}
