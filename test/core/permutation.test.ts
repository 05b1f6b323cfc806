import assert from "node:assert/strict";
import { test } from "node:test";
import { Permutation } from "../../src/core/permutation.ts";
import { Rng } from "../../src/core/rng.ts";

/** The places from 0 on in any order. */
function shuffled(rng: Rng, count: number): number[] {
  const left = Array.from({ length: count }, (_, at) => at);
  return Array.from({ length: count }, () => left.splice(rng.below(left.length), 1)[0]);
}

const odd = [0x7fa00001, 0x7fc12345, 0xffa0beef, 0xffc00000, 0x80000000, 0x7f800000, 0x00000001];

/** Any bits at all, and what arithmetic would not leave as it is more often than chance has it. */
function randomBits(rng: Rng, count: number): Int32Array {
  const bits = Uint32Array.from({ length: count }, () =>
    rng.below(2) === 0 ? odd[rng.below(odd.length)] : rng.below(2 ** 32),
  );
  return new Int32Array(bits.buffer);
}

test("permutation: every bit pattern comes out where it belongs (seeds 1 to 300)", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const rng = new Rng(seed);
    const from = shuffled(rng, 1 + rng.below(64));
    const there = new Permutation(from);
    const back = new Permutation(from.map((_, at) => from.indexOf(at)));
    const bits = randomBits(rng, from.length);
    const out = there.of(new Float32Array(bits.buffer));
    const outBits = [...new Int32Array(out.buffer, out.byteOffset, out.length)];
    assert.deepEqual(
      outBits,
      from.map((place) => bits[place]),
      `seed ${seed}`,
    );
    const home = back.of(out);
    assert.deepEqual(
      new Int32Array(home.buffer, home.byteOffset, home.length),
      bits,
      `seed ${seed}`,
    );
  }
});

test("permutation: what comes in stays as it is, and none is as good as any", () => {
  const values = Float32Array.of(1, 2, 3);
  assert.deepEqual([...new Permutation([2, 0, 1]).of(values)], [3, 1, 2]);
  assert.deepEqual([...values], [1, 2, 3]);
  assert.equal(new Permutation([]).of(new Float32Array(0)).length, 0);
});
