// What a robot file is to say of channels that firmware calls otherwise, before anybody was asked.
import assert from "node:assert/strict";
import { test } from "node:test";
import { channelLines, draftChannels, hasUnknown } from "../../src/cli/channel-draft.ts";
import type { Channel, Spec } from "../../src/core/spec.ts";

const named = (names: string): Channel[] =>
  names.split(" ").map((name) => ({ name, unit: "rad", low: -1, high: 1 }));
const spec = (observation: string, action: string): Spec => {
  return { observation: named(observation), action: named(action), periodUs: 10_000 };
};
const policy = spec("pan lift tip", "pan lift");

test("channel draft: what both call the same is known, and nothing else is guessed", () => {
  const order = draftChannels(policy, spec("tip pan lift", "pan lift"));
  assert.deepEqual(order, { observation: { tip: "tip", pan: "pan", lift: "lift" } });
  assert.equal(hasUnknown(order!), false);
  const other = draftChannels(policy, spec("tip s1 lift", "m1 m2"))!;
  assert.equal(hasUnknown(other), true);
  assert.deepEqual(channelLines(policy, other).slice(1), [
    "  observation: # the policy has pan",
    ...["    tip: tip", "    s1: unknown", "    lift: lift"],
    "  action: # the policy has pan, lift",
    ...["    m1: unknown", "    m2: unknown"],
  ]);
});

test("channel draft: there is none where nothing differs, or more than names and order", () => {
  assert.equal(draftChannels(policy, policy), null);
  assert.equal(draftChannels(policy, spec("pan lift", "pan lift")), null);
  assert.equal(draftChannels(policy, spec("pan lift tip", "m1")), null);
  assert.equal(draftChannels(policy, spec("pan lift #", "pan lift")), null);
});
