// What docs/hil.md says of the whole matrix, and what becomes of it when scenarios come and go.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import {
  bodyOf,
  reconciled,
  scenarioNames,
  tableOf,
  tallyOf,
  withBody,
} from "../../tools/hil-table.ts";

const page = "head\n<!-- hil -->\n<!-- /hil -->\ntail\n";
const trial = (name: string, target: string, ms: number | null, ok = true) => {
  const verdict = { ok, timeToSafeMs: ms, reason: "host", faults: [] };
  return {
    scenario: { name } as Parameters<typeof tableOf>[0][number]["scenario"],
    target,
    verdict,
  };
};
const table = tableOf([
  trial("drop", "rp2040", 1.24),
  trial("kill", "rp2040", null),
  trial("kill", "native", null, false),
]);
const run = `a machine\n\n${table}\n\n2 hosts killed.`;

test("docs/hil.md: nobody wrote into the matrix, and every scenario is told", () => {
  const text = readFileSync("docs/hil.md", "utf8");
  const body = bodyOf(text);
  const hint = "scenarios came or went: node dist/tools/hil-table.js";
  assert.equal(reconciled(body, scenarioNames(), "today"), body, hint);
});

test("hil table: a row for each scenario, a column for each board", () => {
  assert.deepEqual(table.split("\n"), [
    "| scenario | device's reason | rp2040 | native |",
    "|---|---|---|---|",
    "| drop | host | 1.2 |  |",
    "| kill | host | ok | **failed** |",
  ]);
});

test("hil table: one letter that somebody changes is seen", () => {
  const text = withBody(page, run);
  assert.equal(bodyOf(text), run);
  assert.ok(text.startsWith("head\n") && text.endsWith("\ntail\n"));
  const unsummed = text.replace(/ [0-9a-f]{16} -->/, " -->");
  for (const changed of [text.replace("1.2", "0.2"), unsummed, "no page"]) {
    assert.throws(() => bodyOf(changed), /changed by hand/);
  }
  assert.throws(() => withBody("no page", run), /no place/);
});

test("hil table: a scenario that came is told with its day, one that went is not", () => {
  assert.equal(reconciled(run, ["drop", "kill"], "day 1"), run);
  const came = reconciled(run, ["drop", "kill", "new"], "day 1");
  assert.equal(came, run.replace(table, `${table}\n\nNot in this run: \`new\` (since day 1).`));
  const more = reconciled(came, ["drop", "kill", "later", "new"], "day 2");
  assert.match(
    more,
    /\n\nNot in this run: `later` \(since day 2\), `new` \(since day 1\)\.\n\n2 hosts/,
  );
  assert.equal(reconciled(more, ["drop", "kill", "later", "new"], "day 3"), more);
  assert.equal(reconciled(more, ["drop", "kill"], "day 3"), run);
  assert.equal(reconciled(run, ["kill"], "day 1"), run.replace(/\| drop .*\n/, ""));
});

test("hil table: kills that are bad are counted, and so are late ones; the most is told", () => {
  const well = (lateMs: number) => ({ lateMs, faults: [] });
  const many = Array.from({ length: 1999 }, (_, at) => well(at / 1999));
  assert.deepEqual(tallyOf([...many, well(100)], "rp2040"), {
    ok: true,
    bad: 0,
    line:
      "2000 hosts killed with SIGKILL while they drove rp2040: the device said that it was " +
      "stopping 0.50 ms after the last expiry in the median, 0.99 in 99 of 100, 100.00 at most; " +
      "0 above 100 ms, and none was not as it must be.",
  });
  const late = [...many.slice(2), well(101), well(250), well(300)];
  const told = tallyOf(late, "rp2040");
  assert.ok(!told.ok && told.line.includes("300.00 at most; 3 above 100 ms"));
  assert.ok(tallyOf(late.slice(0, -1), "rp2040").ok, "one in a thousand may be late");
  const bad = { lateMs: Number.NaN, faults: ["it did not stop", "at all"] };
  const worst = tallyOf([well(1), bad], "rp2040");
  assert.deepEqual([worst.ok, worst.bad], [false, 1]);
  assert.match(
    worst.line,
    /1\.00 at most.*\*\*1 were\*\* not as it must be, the first one: it did not/,
  );
  assert.match(tallyOf([bad], "rp2040").line, /never said that it was stopping/);
});
