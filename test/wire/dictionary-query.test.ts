import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import { DictionaryQuery } from "../../src/wire/dictionary-query.ts";
import { Layout } from "../../src/wire/messages.ts";

const at = Layout.dictionary;

function part(offset: number, total: number, count: number): DataView {
  const frame = new DataView(new ArrayBuffer(at.size + 255));
  frame.setUint16(at.offset, offset, true);
  frame.setUint16(at.total, total, true);
  frame.setUint8(at.count, count);
  for (let i = 0; i < count; i++) frame.setUint8(at.text + i, 0x61);
  return frame;
}

test("a part beyond the whole, of another whole or not asked for is left", () => {
  const query = new DictionaryQuery();
  query.take(part(0, 10, 11), at.size + 11);
  query.take(part(4, 10, 6), at.size + 6);
  query.take(part(0, 10, 6), at.size + 5);
  assert.equal(query.offset, 0);
  query.take(part(0, 10, 6), at.size + 6);
  query.take(part(6, 11, 5), at.size + 5);
  query.take(part(6, 10, 5), at.size + 5);
  assert.equal(query.offset, 6);
  query.take(part(6, 10, 4), at.size + 4);
  assert.equal(query.text(), "aaaaaaaaaa");
});

test("no frame makes it throw, seed 3", () => {
  const rng = new Rng(3);
  for (let round = 0; round < 2000; round++) {
    const query = new DictionaryQuery();
    for (let i = 0; i < 5; i++) {
      const count = rng.below(256);
      const offset = rng.below(2) === 0 ? query.offset : rng.below(65_536);
      query.take(part(offset, rng.below(600), count), at.size + count);
    }
  }
});
