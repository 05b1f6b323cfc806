import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import { Replay, type Sample } from "../../src/learn/replay.ts";

const sampleOf = (count: number): Sample => ({
  index: new Int32Array(count),
  nextIndex: new Int32Array(count),
});

/** Episodes of numbered observations: row t of episode e is [100 e + t], its action [t / 100]. */
function fill(replay: Replay, episodes: number, length: number): void {
  for (let e = 0; e < episodes; e++) {
    for (let t = 0; t < length; t++) {
      const terminated = e % 2 === 0 && t === length - 1;
      replay.add(Float32Array.of(100 * e + t), Float32Array.of(t / 100), 1000 * e + t, terminated);
    }
    replay.endEpisode(Float32Array.of(100 * e + length));
  }
}

test("a draw is a transition: its next observation follows it, also over an episode's end", () => {
  const replay = new Replay(1, 1, 64);
  fill(replay, 5, 9);
  const sample = sampleOf(2000);
  replay.sample(new Rng(1), sample);
  sample.index.forEach((row, i) => {
    const [o, a, reward, terminated] = replay.rows.subarray(row * 4, row * 4 + 4);
    const next = replay.rows[sample.nextIndex[i] * 4];
    const [e, t] = [Math.floor(o / 100), o % 100];
    assert.equal(next, o + 1);
    assert.equal(a, Math.fround(t / 100));
    assert.equal(reward, 1000 * e + t);
    assert.equal(terminated, e % 2 === 0 && t === 8 ? 1 : 0, "a truncated end is no termination");
  });
});

test("every transition is as likely as every other: chi-squared, seed 3", () => {
  const replay = new Replay(1, 1, 200);
  fill(replay, 10, 9);
  assert.equal(replay.transitions, 90);
  const sample = sampleOf(90_000);
  replay.sample(new Rng(3), sample);
  const counts = new Map<number, number>();
  for (const row of sample.index) counts.set(row, (counts.get(row) ?? 0) + 1);
  assert.equal(counts.size, 90);
  const chi = [...counts.values()].reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0);
  assert.ok(chi < 135, `chi-squared ${chi}, 0.1 % point of 89 degrees is about 135`);
});

test("a ring that has come round holds the newest rows and only whole transitions", () => {
  for (let episodes = 1; episodes <= 30; episodes++) {
    const replay = new Replay(1, 1, 37);
    fill(replay, episodes, 9);
    const sample = sampleOf(500);
    replay.sample(new Rng(episodes), sample);
    sample.index.forEach((row, i) => {
      const o = replay.rows[row * 4];
      assert.equal(replay.rows[sample.nextIndex[i] * 4], o + 1, `episodes ${episodes}`);
      assert.ok(o >= 100 * (episodes - 4), "37 rows hold no more than the last four episodes");
    });
  }
});

test("the newest step cannot be drawn before its next observation is there", () => {
  const replay = new Replay(1, 1, 8);
  replay.add(Float32Array.of(1), Float32Array.of(0), 0, false);
  assert.equal(replay.transitions, 0);
  replay.add(Float32Array.of(2), Float32Array.of(0), 0, false);
  assert.equal(replay.transitions, 1);
  replay.endEpisode(Float32Array.of(3));
  assert.equal(replay.transitions, 2);
});

test("saved and restored in the middle of an episode, it goes on alike", () => {
  const one = new Replay(1, 1, 16);
  fill(one, 2, 5);
  one.add(Float32Array.of(500), Float32Array.of(0.5), 1, false);
  const two = new Replay(1, 1, 16);
  two.restore(one.save());
  for (const replay of [one, two]) {
    replay.add(Float32Array.of(501), Float32Array.of(0.5), 1, false);
    replay.endEpisode(Float32Array.of(502));
  }
  const [a, b] = [sampleOf(100), sampleOf(100)];
  one.sample(new Rng(9), a);
  two.sample(new Rng(9), b);
  assert.deepEqual(a, b);
  assert.deepEqual(one.rows, two.rows);
});

test("a window of rows is drawn from alone", () => {
  const replay = new Replay(1, 1, 64);
  fill(replay, 3, 9);
  const first = replay.head;
  fill(replay, 1, 9);
  const sample = sampleOf(200);
  replay.sampleRows(new Rng(2), sample, first, replay.head - first);
  for (const row of sample.index) assert.ok(row >= first && row < replay.head);
});
