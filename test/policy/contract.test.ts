import assert from "node:assert/strict";
import { test } from "node:test";
import { specWithHistory } from "../../src/core/history.ts";
import { differenceOfSpecs } from "../../src/core/spec.ts";
import { type Contract, formatContract, parseContract } from "../../src/policy/contract.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { unevenSpec } from "./random-policy.ts";

const contract: Contract = {
  format: 1,
  task: "walk",
  spec: unevenSpec,
  algorithm: "ddpg",
  training: { seed: 2 ** 53 - 1, return: -137.7 / 3, commit: "a1b2" },
};

/** The contract with `change` made to its parsed JSON. */
function changed(change: (fields: Record<string, unknown>) => void): string {
  const fields = JSON.parse(formatContract(contract));
  change(fields);
  return JSON.stringify(fields);
}

function refused(text: string, message: RegExp): void {
  assert.throws(
    () => parseContract(text),
    (thrown: Error & { code?: string }) => {
      assert.equal(thrown.code, "policy-file");
      assert.match(thrown.message, message);
      assert.doesNotMatch(thrown.message, /\n/);
      return true;
    },
  );
}

test("a contract survives its text bit for bit, unbounded limits and thirds included", () => {
  const text = formatContract(contract);
  assert.match(text, /"low":"-Infinity","high":"Infinity"/);
  assert.deepEqual(parseContract(text), contract);
  assert.equal(formatContract(parseContract(text)), text);
  assert.equal(differenceOfSpecs(unevenSpec, parseContract(text).spec), null);
});

test("every missing key is named", () => {
  for (const key of ["format", "task", "spec", "algorithm", "training"]) {
    refused(
      changed((fields) => delete fields[key]),
      new RegExp(`^contract\\.${key} is missing$`),
    );
  }
  refused(
    changed(({ spec }) => delete (spec as { periodUs?: number }).periodUs),
    /^contract\.spec\.periodUs is missing$/,
  );
});

test("every wrong value is named with its key", () => {
  const cases: [key: string, value: unknown, message: RegExp][] = [
    ["format", 2, /^contract\.format is 2: this Sinew reads format 1$/],
    ["format", "1", /^contract\.format is "1"/],
    ["task", "", /^contract\.task is ""/],
    ["task", "two\nlines", /^contract\.task is "two\\nlines"/],
    ["algorithm", 7, /^contract\.algorithm is 7: give a text/],
    ["training", [], /^contract\.training is \[\]: give an object/],
    ["training", { seed: null }, /^contract\.training\.seed is null/],
    ["training", { "a\u001b[31m": {} }, /^contract\.training\.a\?\[31m is \{\}/],
    ["spec", null, /^contract\.spec is null: give an object/],
    ["spec", { observation: 1, action: [], periodUs: 1 }, /^contract\.spec\.observation is 1/],
    ["extra", 1, /^contract\.extra is not a key of a contract$/],
  ];
  for (const [key, value, message] of cases) {
    refused(
      changed((fields) => {
        fields[key] = value;
      }),
      message,
    );
  }
});

test("a wrong channel is named with its place", () => {
  const cases: [key: string, value: unknown, message: RegExp][] = [
    ["low", "Infinity", /^contract\.spec\.action\[1\]\.low is "Infinity": give a number/],
    ["high", null, /^contract\.spec\.action\[1\]\.high is null/],
    ["high", "Infinity", /^contract\.spec: action channel "knee" has the limits/],
    ["name", "Knee", /^contract\.spec: action channel name "Knee" does not match/],
    ["unit", 3, /^contract\.spec\.action\[1\]\.unit is 3: give a text/],
    ["gain", 3, /^contract\.spec\.action\[1\]\.gain is not a key/],
  ];
  for (const [key, value, message] of cases) {
    const text = changed(({ spec }) => {
      (spec as { action: Record<string, unknown>[] }).action[1][key] = value;
    });
    refused(text, message);
  }
});

test("what cannot be read again is not written", () => {
  const cases: Partial<Contract>[] = [
    { training: { return: Number.NaN } },
    { training: { return: Number.POSITIVE_INFINITY } },
    { task: "" },
    { spec: { ...pendulumSpec, periodUs: 0.5 } },
  ];
  // An infinite return becomes the text "Infinity", which is a text, so it is allowed.
  const refusals = cases.map((change) => {
    try {
      formatContract({ ...contract, ...change });
      return false;
    } catch {
      return true;
    }
  });
  assert.deepEqual(refusals, [true, false, true, true]);
});

test("what is not JSON is refused on one line", () => {
  refused("", /^the contract is not JSON/);
  refused("{\n  nonsense\n}", /^the contract is not JSON/);
  refused("[]", /^contract is \[\]: give an object/);
  refused("null", /^contract is null/);
});

test("unequal specs are told apart by channel", () => {
  const [torque] = pendulumSpec.action;
  assert.equal(
    differenceOfSpecs(pendulumSpec, { ...pendulumSpec, action: [{ ...torque, high: 3 }] }),
    'action[0] "pole_torque": expected [-2, 2], got [-2, 3]',
  );
});

test("a history of actions is stated, and must be the last channels", () => {
  const past: Contract = {
    ...contract,
    spec: specWithHistory(unevenSpec, 2),
    actionHistory: 2,
  };
  const names = past.spec.observation.slice(6).map(({ name }) => name);
  assert.deepEqual(names, ["hip_ago_1", "knee_ago_1", "hip_ago_2", "knee_ago_2"]);
  const text = formatContract(past);
  assert.deepEqual(parseContract(text), past);
  const said = (value: unknown): string => {
    const fields = JSON.parse(text);
    return JSON.stringify({ ...fields, actionHistory: value });
  };
  refused(said(0), /^contract\.actionHistory is 0: give a whole number from 1 to 4, or leave it/);
  refused(said(1.5), /^contract\.actionHistory is 1\.5/);
  refused(said(5), /^contract\.actionHistory is 5/);
  refused(said("2"), /^contract\.actionHistory is "2": give a number/);
  refused(said(1), /^contract\.actionHistory 1: observation\[8\]: expected "hip_ago_1"/);
  refused(
    changed((fields) => Object.assign(fields, { actionHistory: 1 })),
    /^contract\.actionHistory 1: observation\[4\]: expected "hip_ago_1", got "yaw"/,
  );
});

test("a history of observations is stated, and must be the next channels, whole", () => {
  const spec = specWithHistory(unevenSpec, 1, 2);
  const past: Contract = { ...contract, spec, observationHistory: 2, actionHistory: 1 };
  const own = unevenSpec.observation.map(({ name }) => name);
  const names = spec.observation.map(({ name }) => name);
  const ago = (steps: number): string[] => own.map((name) => `${name}_ago_${steps}`);
  assert.deepEqual(names, [...own, ...ago(1), ...ago(2), "hip_ago_1", "knee_ago_1"]);
  const text = formatContract(past);
  assert.deepEqual(parseContract(text), past);
  const said = (fields: object): string => JSON.stringify({ ...JSON.parse(text), ...fields });
  const whole =
    /^contract\.observationHistory is (0|1\.5|18): give a whole number from 1 to 17, or/;
  for (const value of [0, 1.5, 18]) refused(said({ observationHistory: value }), whole);
  refused(said({ observationHistory: "2" }), /^contract\.observationHistory is "2": give a number/);
  refused(
    said({ observationHistory: 3 }),
    /^contract\.observationHistory is 3: 18 channels are not 4 observations of the same length/,
  );
  refused(
    said({ observationHistory: 1 }),
    /^contract\.observationHistory 1: observation\[9\]: expected /,
  );
  // Without the past actions, or with more of them, what is left is no history.
  refused(
    said({ actionHistory: undefined }),
    /^contract\.observationHistory is 2: 20 channels are/,
  );
  refused(said({ actionHistory: 2 }), /^contract\.actionHistory 2: observation\[16\]: expected/);
  const swapped = JSON.parse(text).spec;
  const { observation } = swapped;
  [observation[7], observation[13]] = [observation[13], observation[7]];
  refused(
    said({ spec: swapped }),
    /^contract\.observationHistory 2: observation\[7\]: expected "[a-z_]+_ago_1", got/,
  );
  const [hip, knee] = unevenSpec.action;
  const single = { ...unevenSpec, observation: [hip] };
  const alone = { ...contract, spec: specWithHistory({ ...single, action: [knee] }, 1) };
  const lonely = { ...JSON.parse(formatContract({ ...alone, actionHistory: 1 })) };
  refused(
    JSON.stringify({ ...lonely, observationHistory: 1 }),
    /^contract\.observationHistory is 1: leave it out$/,
  );
});

test("a contract with a past has 64 channels at most", () => {
  const long = { ...contract, spec: specWithHistory(unevenSpec, 0, 10), observationHistory: 10 };
  assert.throws(() => formatContract(long), /66 channels/);
  const spec = specWithHistory(unevenSpec, 2, 9);
  const most: Contract = { ...contract, spec, observationHistory: 9, actionHistory: 2 };
  assert.equal(spec.observation.length, 64);
  assert.deepEqual(parseContract(formatContract(most)), most);
});

test("what past actions begin with is read, and refused where no actuator could do it", () => {
  const past: Contract = { ...contract, spec: specWithHistory(unevenSpec, 1), actionHistory: 1 };
  const begun: Contract = { ...past, actionRest: [0.3, -0.25] };
  assert.deepEqual(parseContract(formatContract(begun)), begun);
  const withRest = (rest: unknown, base: Contract = past): string => {
    return JSON.stringify({ ...JSON.parse(formatContract(base)), actionRest: rest });
  };
  refused(withRest([0.3]), /^contract\.actionRest is \[0\.3\]: give 2 numbers/);
  refused(withRest(0.3), /^contract\.actionRest is 0\.3: give 2 numbers/);
  refused(withRest([0.3, 0.2]), /^contract\.actionRest\[1\] is 0\.2: give -0\.7 to 0\.1$/);
  refused(withRest([0.3, null]), /^contract\.actionRest\[1\] is null: give a number$/);
  refused(withRest([0, 0], contract), /leave it out where no action is observed/);
});
