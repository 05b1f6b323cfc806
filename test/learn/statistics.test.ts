// Expected numbers are those of numpy, scipy and rliable: tools/golden/statistics.py wrote them.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import {
  type Bootstrap,
  deviation,
  improvementInterval,
  interquartileMean,
  interval,
  mean,
  median,
  probabilityOfImprovement,
  type Scores,
  standardError,
} from "../../src/learn/statistics.ts";

interface Golden {
  readonly lists: Readonly<
    Record<
      string,
      {
        readonly values: readonly number[];
        readonly mean: number;
        readonly interquartileMean: number;
        readonly median: number;
        readonly standardError: number;
      }
    >
  >;
  readonly exact: readonly {
    readonly scores: Scores;
    readonly of: "mean" | "interquartileMean";
    readonly low: number;
    readonly high: number;
    readonly deviation: number;
  }[];
  readonly drawn: {
    readonly scores: Scores;
    readonly mean: readonly [number, number];
    readonly interquartileMean: readonly [number, number];
  };
  readonly improvement: {
    readonly scores: Scores;
    readonly others: Scores;
    readonly value: number;
    readonly low: number;
    readonly high: number;
  };
}

const golden: Golden = JSON.parse(readFileSync("test/golden/statistics.json", "utf8"));
const statistics = { mean, interquartileMean };

function drawing(seed: number, resamples: number): Bootstrap {
  return { rng: new Rng(seed), resamples, confidence: 0.95 };
}

function near(actual: number, expected: number, tolerance: number, what: string): void {
  const apart = Math.abs(actual - expected);
  assert.ok(apart <= tolerance, `${what}: ${actual}, not ${expected} +- ${tolerance}`);
}

for (const [name, expected] of Object.entries(golden.lists)) {
  test(`mean, interquartile mean, median and standard error of the list "${name}"`, () => {
    const found = { mean, interquartileMean, median, standardError };
    for (const [of, statistic] of Object.entries(found)) {
      const want = expected[of as keyof typeof found];
      near(statistic(expected.values), want, 1e-12 * Math.max(1, Math.abs(want)), of);
    }
  });
}

test("the order of the values does not matter, and they are left as they were", () => {
  const values = golden.drawn.scores[0] as number[];
  const turned = values.toReversed();
  const before = [...turned];
  assert.equal(interquartileMean(turned), interquartileMean(values));
  assert.equal(median(turned), median(values));
  assert.deepEqual(turned, before);
});

for (const [at, { scores, of, ...want }] of golden.exact.entries()) {
  test(`bootstrap ${at}: the interval of the ${of} is that of all resamples counted`, () => {
    const seed = 100 + at;
    const found = interval(scores, statistics[of], drawing(seed, 50_000));
    const tolerance = 0.05 * want.deviation;
    near(found.low, want.low, tolerance, `low, seed ${seed}`);
    near(found.high, want.high, tolerance, `high, seed ${seed}`);
  });
}

test("the intervals of ten seeds by three tasks are those of rliable", () => {
  for (const of of ["mean", "interquartileMean"] as const) {
    const [low, high] = golden.drawn[of];
    const found = interval(golden.drawn.scores, statistics[of], drawing(7, 20_000));
    near(found.low, low, 0.03 * (high - low), `${of} low, seed 7`);
    near(found.high, high, 0.03 * (high - low), `${of} high, seed 7`);
  }
});

test("tasks are strata: their distance does not widen the interval", () => {
  const near0 = [0, 1, 2, 3, 4];
  const one = interval([near0, near0], mean, drawing(3, 4000));
  const far = interval([near0, near0.map((value) => value + 1000)], mean, drawing(3, 4000));
  near(far.high - far.low, one.high - one.low, 1e-9, "width, seed 3");
});

test("the probability of improvement is that of rliable, and so is its interval", () => {
  const { scores, others, value, low, high } = golden.improvement;
  near(probabilityOfImprovement(scores, others), value, 1e-12, "value");
  near(probabilityOfImprovement(others, scores), 1 - value, 1e-12, "the other way round");
  const found = improvementInterval(scores, others, drawing(5, 4000));
  near(found.low, low, 0.02, "low, seed 5");
  near(found.high, high, 0.02, "high, seed 5");
  assert.equal(probabilityOfImprovement([[1, 1]], [[1, 1]]), 0.5);
});

test("the same seed gives the same interval, another seed another", () => {
  const { scores } = golden.drawn;
  const first = interval(scores, mean, drawing(1, 500));
  assert.deepEqual(interval(scores, mean, drawing(1, 500)), first);
  assert.notDeepEqual(interval(scores, mean, drawing(2, 500)), first);
});

test("a run that diverged is not cut away with the outliers", () => {
  const values = [1, 2, 3, Number.NaN, 5, 6, 7, 8];
  assert.ok(Number.isNaN(interquartileMean(values)));
  assert.ok(Number.isNaN(median(values)));
  assert.ok(Number.isNaN(interval([values], mean, drawing(1, 100)).low));
  assert.equal(probabilityOfImprovement([[Number.NaN]], [[-1e9]]), 0);
  assert.equal(probabilityOfImprovement([[-1e9]], [[Number.NaN]]), 1);
  assert.equal(interquartileMean([1, 2, 3, Number.NEGATIVE_INFINITY]), 1.5);
  assert.equal(median([1, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]), -Infinity);
});

test("one value deviates by nothing, and no value is a bug", () => {
  assert.equal(deviation([4]), 0);
  assert.equal(deviation([1, 3]), Math.SQRT2);
  assert.throws(() => mean([]), { code: "ERR_ASSERTION" });
  assert.throws(() => interval([[1], []], mean, drawing(1, 10)), { code: "ERR_ASSERTION" });
});
