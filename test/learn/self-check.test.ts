// The native kernel is tried in another process: what is wrong with an addon is seen there.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { addonPath, nativeProblem } from "../../src/learn/kernel/native.ts";
import * as learning from "../../src/learn/kernel/self-check-case.ts";
import { inDoubles, noNative } from "./kernel-case.ts";

const folder = mkdtempSync(join(tmpdir(), "sinew-self-check-"));
after(() => rmSync(folder, { recursive: true }));

/** An addon that is the real one, but for what `change` makes of `real`, `arena` and `threads`. */
function addon(name: string, change: string): string {
  const path = join(folder, `${name}.cjs`);
  writeFileSync(
    path,
    `
    const real = require(${JSON.stringify(addonPath())});
    let arena = new Float32Array(0);
    let threads = 0;
    const addon = {
      ...real,
      arena: (bytes) => {
        const buffer = real.arena(bytes);
        arena = new Float32Array(buffer);
        return buffer;
      },
      team: (count) => real.team((threads = count)),
    };
    ${change}
    module.exports = addon;`,
  );
  return path;
}

/** After a run of which `when` holds, does `what`: code, of program, rounds, table and code. */
const afterRun = (when: string, what: string): string => `
  addon.run = (program, rounds, table) => {
    const code = real.run(program, rounds, table);
    if (${when}) { ${what} }
    return code;
  };`;

/** Makes the first number that is kept a hundredth larger. */
const offInKept = "const kept = table.at(-1); kept[0] = kept[0] * 1.01 + 0.01;";
/** The same of every number in memory, and of none that is kept. */
const offInArena = "arena.forEach((one, i) => { arena[i] = one * 1.001; });";

const faults: readonly [name: string, change: string, told: RegExp][] = [
  ["a wrong product", afterRun("rounds === 1", offInKept), /wrong number in row 0, column 0/],
  [
    "a wrong product with two threads alone",
    afterRun("threads === 2 && rounds === 1", offInKept),
    /wrong number in row 0, column 0/,
  ],
  ["a right product, wrong learning", afterRun("rounds > 1", offInArena), /wrong numbers in actor/],
  [
    "wrong losses",
    afterRun("rounds > 1", "for (const kept of table.slice(-2)) kept[0] += 0.01;"),
    /wrong numbers in (metrics|tdError)/,
  ],
  ["NaN", afterRun("rounds > 1", "arena.fill(NaN)"), /wrong numbers in/],
  ["a code that is no success", "addon.run = () => 2;", /an instruction that the kernel does not/],
  ["an abort", afterRun("rounds > 1", "process.abort();"), /^it ended by SIGABRT$/],
  ["a crash", afterRun("true", 'process.kill(process.pid, "SIGSEGV");'), /^it ended by SIGSEGV$/],
  ["an end with a code", afterRun("true", "process.exit(3);"), /^it ended with 3$/],
  ["an end without one", afterRun("rounds > 1", "process.exit(0);"), /before it had computed/],
  ["an addon that throws", 'throw new Error("of another machine");', /of another machine/],
  ["an addon without functions", "delete addon.team;", /not a function/],
];

for (const [name, change, told] of faults) {
  test(`the trial of a native kernel sees ${name}`, { skip: noNative ?? false }, () => {
    const path = addon(name.replaceAll(/\W+/g, "-"), change);
    assert.match(nativeProblem(path) ?? "it works", told);
  });
}

test("the trial of a native kernel ends one that hangs", { skip: noNative ?? false }, () => {
  const path = addon("hangs", "for (;;) {}");
  assert.match(nativeProblem(path, 3_000) ?? "it works", /ETIMEDOUT|SIGKILL/);
});

test("an addon that is only wrapped passes its trial", { skip: noNative ?? false }, () => {
  assert.equal(nativeProblem(addon("wrapped", "")), null);
});

test("an addon that is not there, or is none, is told", () => {
  assert.match(nativeProblem("/nowhere/none.node") ?? "", /cannot|Cannot|no such/i);
  const path = join(folder, "text.node");
  writeFileSync(path, "no addon");
  assert.match(nativeProblem(path) ?? "", /addon does not load/);
});

test("what the trial knows is what float64 comes to", () => {
  const truth = inDoubles(learning);
  assert.deepEqual(Object.keys(learning.expected).sort(), Object.keys(truth).sort());
  for (const [name, known] of Object.entries(learning.expected)) {
    const { sum, size } = learning.fingerprint(truth[name]);
    assert.ok(Math.abs(sum - known) <= 1e-9 * size, `${name}: ${sum}, not ${known}`);
  }
});
