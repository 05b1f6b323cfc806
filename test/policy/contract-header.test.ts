import assert from "node:assert/strict";
import { test } from "node:test";
import { specWithHistory } from "../../src/core/history.ts";
import type { Spec } from "../../src/core/spec.ts";
import type { Contract } from "../../src/policy/contract.ts";
import { contractHeader } from "../../src/policy/contract-header.ts";

const spec: Spec = {
  periodUs: 12_345,
  observation: [
    { name: "far", unit: "m", low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY },
    { name: "odd", unit: '"\\?', low: 0.1, high: Math.fround(1e10) },
    { name: "turn", unit: "rad", low: -Math.PI, high: Math.PI },
  ],
  action: [{ name: "push", unit: "N", low: -2, high: 1e-7 }],
};

function contractOf(spec: Spec, actionHistory?: number): Contract {
  const rest = { format: 1, task: "pendulum", algorithm: "ddpg", training: {} } as const;
  return { ...rest, spec, ...(actionHistory !== undefined && { actionHistory }) };
}

test("a contract becomes a table in C, each limit to the last bit", () => {
  const header = contractHeader(contractOf(spec));
  assert.match(header, /#define SINEW_CONTRACT_PERIOD_US 12345u/);
  assert.match(header, /#define SINEW_CONTRACT_OBSERVATIONS 3u/);
  assert.match(header, /#define SINEW_CONTRACT_ACTIONS 1u/);
  const rows = header.split("\n").filter((line) => /^ {4}\{/.test(line));
  assert.deepEqual(rows, [
    '    {"far", "m", -__builtin_inff(), __builtin_inff(), 0, 0},',
    '    {"odd", "\\"\\\\?", 0.1f, 10000000000.0f, 0, 0},',
    '    {"turn", "rad", -3.1415927f, 3.1415927f, 0, 0},',
    '    {"push", "N", -2.0f, 1e-7f, SINEW_STOP_CATEGORY_RAMP_TO_ZERO, 0},',
  ]);
  for (const line of header.split("\n")) assert.ok(line.length <= 100, line);
});

test("a device does not observe the actions that a policy remembers", () => {
  const header = contractHeader(contractOf(specWithHistory(spec, 2), 2));
  assert.equal(header, contractHeader(contractOf(spec)));
});

test("a task's name does not end the comment that it stands in", () => {
  const header = contractHeader({ ...contractOf(spec), task: "a*/b*/" });
  assert.ok(header.indexOf("*/") > header.indexOf("in the same unit."));
});
