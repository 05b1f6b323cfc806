import assert from "node:assert/strict";
import { test } from "node:test";
import { type ChannelChoice, ChannelMap, faultsOfChannels } from "../../src/core/channel-map.ts";
import { SinewError } from "../../src/core/errors.ts";
import { Rng } from "../../src/core/rng.ts";
import { type Channel, checkSpec, hashSpec, type Spec } from "../../src/core/spec.ts";
import { bytesOf } from "../allocation.ts";
import { randomContract } from "../wire/random-contract.ts";

/** The channels in any order, by any names, some of which are the policy's own. */
function randomNames(rng: Rng, channels: readonly Channel[]): Record<string, string> {
  const left = [...channels];
  const names = new Map<string, string>();
  while (left.length > 0) {
    const [{ name }] = left.splice(rng.below(left.length), 1);
    const own = rng.below(3) === 0 ? name : `m${names.size}_${rng.below(1000)}`;
    names.set(names.has(own) ? `x${names.size}_y` : own, name);
  }
  return Object.fromEntries(names);
}

function randomChoice(rng: Rng, spec: Spec): ChannelChoice {
  return {
    ...(rng.below(4) > 0 && { observation: randomNames(rng, spec.observation) }),
    ...(rng.below(4) > 0 && { action: randomNames(rng, spec.action) }),
  };
}

/** Each channel's value by its name, after the device's names where there are some. */
function byName(
  channels: readonly Channel[],
  values: Float32Array,
  names: Readonly<Record<string, string>> = {},
): Map<string, number> {
  return new Map(channels.map(({ name }, at) => [names[name] ?? name, values[at]]));
}

test("channel map: each value goes by its name, there and back (seeds 1 to 300)", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const rng = new Rng(seed);
    const { spec } = randomContract(rng);
    const choice = randomChoice(rng, spec);
    const map = new ChannelMap(spec, choice);
    const told = Float32Array.from(spec.observation, () => rng.normal());
    const seen = new Float32Array(told.length);
    map.observe(told, seen);
    const { observation, action } = map.device;
    assert.deepEqual(
      byName(spec.observation, seen),
      new Map(
        [...byName(spec.observation, seen).keys()].map((name) => [
          name,
          byName(observation, told, choice.observation).get(name),
        ]),
      ),
      `seed ${seed}`,
    );
    const asked = Float32Array.from(spec.action, () => rng.normal());
    const sent = map.act(asked).slice();
    for (const [name, value] of byName(action, sent, choice.action)) {
      assert.equal(value, byName(spec.action, asked).get(name), `seed ${seed}: ${name}`);
    }
    assert.deepEqual(map.applied(sent), asked, `seed ${seed}`);
  }
});

test("channel map: the device's spec differs by names and order alone (seeds 1 to 300)", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const rng = new Rng(seed);
    const { spec } = randomContract(rng);
    const choice = randomChoice(rng, spec);
    const { device } = new ChannelMap(spec, choice);
    checkSpec(device);
    const renamed = (group: "observation" | "action"): Channel[] => {
      const names =
        choice[group] ?? Object.fromEntries(spec[group].map(({ name }) => [name, name]));
      return Object.entries(names).map(([name, policy]) => {
        return { ...spec[group].find((one) => one.name === policy)!, name };
      });
    };
    const expected = { ...spec, observation: renamed("observation"), action: renamed("action") };
    assert.equal(hashSpec(device), hashSpec(expected), `seed ${seed}`);
  }
  const { spec } = randomContract(new Rng(1));
  assert.deepEqual(new ChannelMap(spec).device, spec);
});

const channel = (name: string): Channel => ({ name, unit: "rad", low: -1, high: 1 });
const spec: Spec = {
  observation: ["pan", "lift", "tip"].map(channel),
  action: ["pan", "lift"].map(channel),
  periodUs: 10_000,
};

test("channel map: each of the policy's channels is named exactly once, or it is refused", () => {
  const sound = { observation: { a: "tip", b: "pan", c: "lift" }, action: { b: "lift", a: "pan" } };
  assert.deepEqual([...faultsOfChannels(sound, spec)], []);
  for (const [choice, line] of [
    [{ action: { a: "pan" } }, /: channels\.action: "lift" of the policy is missing/],
    [{ action: {} }, /"pan" of the policy is missing/],
    [{ action: { a: "pan", b: "pan" } }, /"pan" is given twice, to a and to b/],
    [{ action: { a: "pan", b: "lfit" } }, /"lfit" is not of what the device is told: is it lift\?/],
    [{ action: { a: "pan", b: "lift", c: "roll" } }, /"roll" is not of .*: pan, lift$/],
    [{ observation: { a: "tip", b: "pan", C: "lift" } }, /"C" is no name of a channel: give a/],
    [{ observation: { a: "tip", b: "pan", "": "lift" } }, /"" is no name/],
    [{ observation: { a: "tip", b: "pan", c: "unknown" } }, /"c" is unknown: give the policy's/],
  ] as readonly (readonly [ChannelChoice, RegExp])[]) {
    assert.throws(
      () => new ChannelMap(spec, choice),
      (error) => error instanceof SinewError && error.code === "robot-file",
    );
    assert.throws(() => new ChannelMap(spec, choice), line);
  }
  assert.deepEqual(
    [...faultsOfChannels({ action: { a: "pan", b: "pan" } }, spec)].map(({ keys }) => keys),
    [["action", "b"], ["action"]],
  );
  assert.deepEqual([...faultsOfChannels({ action: { a: "nobody" } }, null)], []);
});

test("channel map: names that objects have by themselves are names like any other", () => {
  const odd = ["constructor", "valueof", "prototype"];
  const strange = { ...spec, observation: odd.map(channel) };
  const map = new ChannelMap(strange, {
    observation: { prototype: "constructor", constructor: "valueof", valueof: "prototype" },
  });
  const seen = new Float32Array(3);
  map.observe(Float32Array.of(1, 2, 3), seen);
  assert.deepEqual([...seen], [1, 2, 3]);
  assert.deepEqual(
    map.device.observation.map(({ name }) => name),
    ["prototype", "constructor", "valueof"],
  );
});

test("channel map: it allocates nothing", () => {
  const bytes = bytesOf(new URL("./channel-map-bytes.js", import.meta.url));
  assert.ok(bytes < 1, `${bytes} bytes each time`);
});
