// Rounds come to one number as the case says, and ratios are taken round by round.
import assert from "node:assert/strict";
import { test } from "node:test";
import { interleave } from "../../tools/bench/rounds/interleave.ts";
import {
  type BenchResult,
  jsonOf,
  linesOf,
  ratioOf,
  resultOf,
  summaryOf,
} from "../../tools/bench/rounds/result.ts";

const timed: BenchResult = { case: "step", unit: "ms", ours: [1, 2, 4], peers: { jax: [2, 3, 4] } };

test("a ratio is the median of the rounds' ratios, not the ratio of the medians", () => {
  const drifting = { ...timed, ours: [1, 2, 10], peers: { jax: [3, 4, 11] } };
  assert.deepEqual(ratioOf(drifting, drifting.peers.jax), { median: 2, low: 1.1, high: 3 });
});

test("a ratio says how many times better ours is, in times and in rates", () => {
  assert.equal(ratioOf(timed, timed.peers["jax"])!.median, 1.5);
  const rate = { ...timed, unit: "steps/s", higherIsBetter: true, ours: [200], peers: {} };
  assert.equal(ratioOf(rate, [100])!.median, 2);
});

test("a peer with fewer rounds is compared in those that it ran", () => {
  assert.deepEqual(ratioOf(timed, [2]), { median: 2, low: 2, high: 2 });
  assert.equal(ratioOf(timed, []), null);
});

test("seeds are summed up as the case says, and pair with nobody's", () => {
  const seeds = { ...timed, summary: "mean" } as const;
  assert.equal(summaryOf(seeds, [1, 2, 6]), 3);
  assert.equal(ratioOf(seeds, [1, 2, 3]), null);
  assert.equal(summaryOf({ ...timed, summary: "highest" }, [1, 6, 2]), 6);
  assert.equal(summaryOf({ ...timed, summary: "lowest" }, [3, 1, 2]), 1);
  assert.equal(summaryOf(timed, [1, 2, 6, 4]), 3);
});

test("a round without end is told as such, and comes through JSON", () => {
  const endless = { ...timed, ours: [1, Infinity, Infinity], peers: {} };
  const text = JSON.stringify(jsonOf("pendulum", endless));
  assert.deepEqual(resultOf(JSON.parse(text)).ours, endless.ours);
  assert.match(linesOf(endless)[0], /never \(1 to never\)/);
});

test("peers leave the interleaved rounds when theirs are over", async () => {
  const order: string[] = [];
  const contender = (name: string) => async (round: number) => {
    order.push(`${name}${round}`);
    return round;
  };
  const contenders = { ours: contender("o"), peer: contender("p") };
  const outcomes = await interleave(contenders, { rounds: 3, peerRounds: 2 });
  assert.deepEqual(order, ["o0", "p0", "o1", "p1", "o2"]);
  assert.deepEqual(outcomes, { ours: [0, 1, 2], peer: [0, 1] });
});
