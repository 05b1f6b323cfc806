// What benchmarks print with --json becomes Markdown, in its place in a document.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type BenchResult, jsonOf } from "../../tools/bench/rounds/result.ts";
import { markdownOf, tablesOf, withTables } from "../../tools/bench-table.ts";

const timed: BenchResult = { case: "step", unit: "ms", ours: [1, 2, 4], peers: { jax: [2, 3, 4] } };
const machine = { cpu: "Zen", cores: 2, node: "20.0.0", date: "2026-01-31", load: 0.1 };
const printed = [
  "> sinew bench",
  JSON.stringify({ bench: "gradient-step", title: "a title", machine }),
  JSON.stringify(jsonOf("gradient-step", timed)),
];

test("a table has the machine, our range, and each peer with its ratio and spread", () => {
  const table = markdownOf(tablesOf(printed).get("gradient-step")!);
  assert.match(table, /^Zen, 2 cores, Node 20\.0\.0, 2026-01-31, load 0\.1 before the start\n/);
  assert.match(table, /\| case \| unit \| ours \| jax \|\n/);
  const row = "| step (3) | ms | 2 (1 to 4) | 3 (2 to 4)<br>1.50x (1.00x to 2.00x) |";
  assert.ok(table.includes(row), table);
});

test("a table goes between its marks, as often as it is made", () => {
  const document = "before\n<!-- bench:gradient-step -->\n<!-- /bench:gradient-step -->\nafter\n";
  const once = withTables(document, tablesOf(printed));
  assert.match(once, /^before\n<!-- bench:gradient-step -->\nZen.*<!-- \/bench.*-->\nafter\n$/s);
  assert.equal(withTables(once, tablesOf(printed)), once);
  assert.throws(() => withTables("no marks", tablesOf(printed)), /no place for gradient-step/);
});
