import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import { Priorities } from "../../src/learn/priorities.ts";
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
  const replay = new Replay(1, 1, 64, 0.5);
  fill(replay, 5, 9);
  const sample = sampleOf(2000);
  replay.sample(new Rng(1), sample);
  sample.index.forEach((row, i) => {
    const [o, a, reward, discount] = replay.rows.subarray(row * 4, row * 4 + 4);
    const next = replay.rows[sample.nextIndex[i] * 4];
    const [e, t] = [Math.floor(o / 100), o % 100];
    assert.equal(next, o + 1);
    assert.equal(a, Math.fround(t / 100));
    assert.equal(reward, 1000 * e + t);
    assert.equal(discount, e % 2 === 0 && t === 8 ? 0 : 0.5, "a truncated end is no termination");
  });
});

test("every transition is as likely as every other: chi-squared, seed 3", () => {
  const replay = new Replay(1, 1, 200, 0.5);
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

test("a draw costs the same however full the replay is", () => {
  class Counted extends Rng {
    words = 0;
    override word(): number {
      this.words++;
      return super.word();
    }
  }
  for (const prioritised of [false, true]) {
    const replay = new Replay(1, 1, 4096, 0.5, 1, prioritised ? new Priorities(4096, 0.5) : null);
    const words = [4, 400].map((episodes) => {
      fill(replay, episodes, 9);
      const rng = new Counted(11);
      replay.sample(rng, sampleOf(1000));
      return rng.words / 1000;
    });
    // One row in ten ends an episode and is drawn again.
    const [few, many] = words;
    assert.ok(few < 2.5 && Math.abs(many - few) < 0.2, `${words} random words a draw`);
  }
});

test("a ring that has come round holds the newest rows and only whole transitions", () => {
  for (let episodes = 1; episodes <= 30; episodes++) {
    const replay = new Replay(1, 1, 37, 0.5);
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
  const replay = new Replay(1, 1, 8, 0.5);
  replay.add(Float32Array.of(1), Float32Array.of(0), 0, false);
  assert.equal(replay.transitions, 0);
  replay.add(Float32Array.of(2), Float32Array.of(0), 0, false);
  assert.equal(replay.transitions, 1);
  replay.endEpisode(Float32Array.of(3));
  assert.equal(replay.transitions, 2);
});

test("saved and restored in the middle of an episode, it goes on alike", () => {
  const one = new Replay(1, 1, 16, 0.5);
  fill(one, 2, 5);
  one.add(Float32Array.of(500), Float32Array.of(0.5), 1, false);
  const two = new Replay(1, 1, 16, 0.5);
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
  const replay = new Replay(1, 1, 64, 0.5);
  fill(replay, 3, 9);
  const first = replay.head;
  fill(replay, 1, 9);
  const sample = sampleOf(200);
  replay.sampleRows(new Rng(2), sample, first, replay.head - first);
  for (const row of sample.index) assert.ok(row >= first && row < replay.head);
});

test("n-step returns: by hand, for an episode that terminated and one that was cut off", () => {
  for (const terminated of [true, false]) {
    const replay = new Replay(1, 1, 32, 0.5, 3);
    const rewards = [1, 10, 100, 1000, 10_000];
    rewards.forEach((reward, t) => {
      const last = terminated && t === 4;
      replay.add(Float32Array.of(t), Float32Array.of(0), reward, last);
    });
    replay.endEpisode(Float32Array.of(5));
    assert.equal(replay.transitions, 5);
    const end = terminated ? 0 : 1;
    // [return, discount, observation to bootstrap from] of each step.
    const expected = [
      [1 + 10 / 2 + 100 / 4, 1 / 8, 3],
      [10 + 100 / 2 + 1000 / 4, 1 / 8, 4],
      [100 + 1000 / 2 + 10_000 / 4, end / 8, 5],
      [1000 + 10_000 / 2, end / 4, 5],
      [10_000, end / 2, 5],
    ];
    const found = expected.map((_, row) => {
      const next = replay.rows[replay.following(row) * 4];
      return [replay.rows[row * 4 + 2], replay.rows[row * 4 + 3], next];
    });
    assert.deepEqual(found, expected);
  }
});

test("n-step returns do not reach into the next episode, nor around the ring", () => {
  const replay = new Replay(1, 1, 23, 0.5, 4);
  fill(replay, 12, 5);
  const sample = sampleOf(2000);
  replay.sample(new Rng(4), sample);
  sample.index.forEach((row, i) => {
    const [o, next] = [replay.rows[row * 4], replay.rows[sample.nextIndex[i] * 4]];
    assert.equal(Math.floor(next / 100), Math.floor(o / 100));
    assert.equal(next - o, Math.min(4, 5 - (o % 100)));
  });
});

test("prioritised draws follow the errors: chi-squared, seed 8; weights undo them", () => {
  const priorities = new Priorities(64, 0.5);
  const replay = new Replay(1, 1, 64, 0.5, 1, priorities);
  fill(replay, 2, 4);
  const rows = [0, 1, 2, 3, 5, 6, 7, 8];
  // With the exponent 0.5 the chances are as 1, 2, 3, ... 8.
  for (const [i, row] of rows.entries()) {
    priorities.update(row, (i % 2 === 0 ? 1 : -1) * (i + 1) ** 2);
  }
  const sample = sampleOf(36_000);
  replay.sample(new Rng(8), sample);
  const counts = new Map<number, number>();
  for (const row of sample.index) counts.set(row, (counts.get(row) ?? 0) + 1);
  assert.deepEqual(
    [...counts.keys()].sort((a, b) => a - b),
    rows,
  );
  const chi = rows.reduce(
    (sum, row, i) => sum + (counts.get(row)! - 1000 * (i + 1)) ** 2 / (1000 * (i + 1)),
    0,
  );
  assert.ok(chi < 24, `chi-squared ${chi}, 0.1 % point of 7 degrees is about 24.3`);
  const weights = new Float32Array(8);
  priorities.weigh(Int32Array.from(rows), 8, 1, weights);
  rows.forEach((_, i) => {
    assert.ok(Math.abs(weights[i] - 1 / (i + 1)) < 1e-5, `weight ${i} is ${weights[i]}`);
  });
});

test("an overwritten row is not drawn, a new one is drawn like the most surprising", () => {
  const priorities = new Priorities(8, 1);
  const replay = new Replay(1, 1, 8, 0.5, 1, priorities);
  fill(replay, 1, 5);
  priorities.update(0, 99);
  for (let row = 1; row < 5; row++) priorities.update(row, 1);
  fill(replay, 1, 3);
  const sample = sampleOf(4000);
  replay.sample(new Rng(5), sample);
  const counts = new Array<number>(8).fill(0);
  for (const row of sample.index) counts[row]++;
  for (let row = 0; row < 8; row++) assert.equal(counts[row] > 0, replay.holds(row), `row ${row}`);
  const fresh = [6, 7, 0].map((row) => counts[row]);
  const old = counts[3];
  for (const count of fresh) assert.ok(count > 20 * Math.max(1, old), `${fresh} against ${old}`);
  const copy = new Priorities(8, 1);
  copy.restore(priorities.save(8));
  const [one, two] = [new Int32Array(50), new Int32Array(50)];
  priorities.draw(new Rng(6), one);
  copy.draw(new Rng(6), two);
  assert.deepEqual(one, two);
});

test("each minibatch of several is drawn from the whole ring, not one from its oldest rows", () => {
  const priorities = new Priorities(1024, 0.6);
  const replay = new Replay(1, 1, 1024, 0.5, 1, priorities);
  fill(replay, 1, 1000);
  const [batches, batch] = [8, 100];
  const sample = sampleOf(batches * batch);
  replay.sample(new Rng(11), sample, batch);
  for (let k = 0; k < batches; k++) {
    const rows = sample.index.subarray(k * batch, (k + 1) * batch);
    // Alike priorities: each tenth of the ring is a tenth of the minibatch.
    const tenths = new Array<number>(10).fill(0);
    for (const row of rows) tenths[Math.floor(row / 100)]++;
    for (const count of tenths) assert.ok(count >= 9 && count <= 11, `batch ${k}: ${tenths}`);
  }
});
