import assert from "node:assert/strict";
import { test } from "node:test";
import { nearestOf } from "../../src/core/nearest.ts";

const known = ["robot", "link", "limits", "baud", "speed", "commandTtlMs", "path"];

test("nearest: one letter more, less, other or exchanged, in any case", () => {
  for (const [word, meant] of [
    ["boud", "baud"],
    ["buad", "baud"],
    ["bauds", "baud"],
    ["bud", "baud"],
    ["limit", "limits"],
    ["spede", "speed"],
    ["commandTTLms", "commandTtlMs"],
    ["comandTlMs", "commandTtlMs"],
    ["Path", "path"],
  ]) {
    assert.equal(nearestOf(word, known), meant, word);
  }
});

test("nearest: what is like none of them is none of them", () => {
  for (const word of ["", "x", "colour", "parity", "limitation", "zzzz", "robotarmlink"]) {
    assert.equal(nearestOf(word, known), undefined, word);
  }
  assert.equal(nearestOf("a", []), undefined);
  assert.equal(nearestOf("ab", ["ax", "ay"]), "ax", "of two as near it is the first");
});
