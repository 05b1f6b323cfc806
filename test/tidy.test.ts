// The rules of the house are a test: each breach says what to do in its place.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Breach, breachesOf, lengthBreachesOf, rooms } from "./tidy.ts";

function sourcesBelow(folder: string, ends: RegExp): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => ends.test(name))
    .map((name) => join(folder, name));
}

function told(breaches: readonly Breach[]): string[] {
  return breaches.map(({ path, line, rule }) => `${path}:${line} ${rule}`);
}

test("every source file keeps the rules of the house", () => {
  const paths = ["src", "test", "tools"].flatMap((folder) => sourcesBelow(folder, /\.ts$/));
  assert.ok(paths.length > 20);
  const breaches = paths.flatMap((path) => breachesOf(path, readFileSync(path, "utf8")));
  assert.deepEqual(told(breaches), []);
});

test("no file of C or Python is too long", () => {
  const folders = ["src", "test", "tools", "firmware-bridge"];
  const paths = folders.flatMap((folder) => sourcesBelow(folder, /\.(c|h|py)$/));
  for (const end of [".c", ".h", ".py"])
    assert.ok(
      paths.some((path) => path.endsWith(end)),
      end,
    );
  const breaches = paths.flatMap((path) => lengthBreachesOf(path, readFileSync(path, "utf8")));
  assert.deepEqual(told(breaches), []);
  const long = lengthBreachesOf("src/learn/kernel/core/a.h", "\n".repeat(401));
  assert.deepEqual(told(long), ["src/learn/kernel/core/a.h:400 over 400 lines: split it"]);
});

test("every folder of src is a room of the import table", () => {
  assert.deepEqual(
    readdirSync("src").filter((name) => !(name in rooms)),
    [],
  );
});

test("the import table has no cycle", () => {
  const visit = (room: string, path: readonly string[]): void => {
    assert.ok(!path.includes(room), `${[...path, room].join(" -> ")}`);
    for (const next of rooms[room]) visit(next, [...path, room]);
  };
  for (const room of Object.keys(rooms)) visit(room, []);
});

const seeded: readonly [rule: RegExp, path: string, text: string][] = [
  [
    /safety\/ may not import link/,
    "src/safety/guard.ts",
    'import { Port } from "../link/port.ts";',
  ],
  [
    /learn\/ may not import edge/,
    "src/learn/train.ts",
    'const x = await import("../edge/run.ts");',
  ],
  [/runs in a browser/, "src/safety/guard.ts", 'import { join } from "node:path";'],
  [/no packages/, "src/dash/page/plot.ts", 'import { join } from "node:path";'],
  [/dash\/ may not import sim/, "src/dash/page/plot.ts", 'import { Env } from "../../sim/env.ts";'],
  [/Node has none/, "src/dash/show.ts", "document.title = x;"],
  [/serialport is imported in/, "src/edge/run.ts", 'import { SerialPort } from "serialport";'],
  [/chance is passed in/, "src/sim/a.ts", "const x = Math.random();"],
  [/time is passed in/, "src/edge/a.ts", "const x = Date.now();"],
  [/ask core\/clock/, "src/edge/a.ts", "const x = performance.now();"],
  [/the loop polls/, "src/edge/a.ts", "setTimeout(f, 1);"],
  [/only cli\/ writes/, "src/edge/a.ts", "console.log(1);"],
  [/give the type/, "src/edge/a.ts", "const x = y as any;"],
  [/mend the type/, "src/edge/a.ts", "// @ts-ignore"],
  [/leftover/, "src/edge/a.ts", "// TODO"],
  [/no barrels/, "src/edge/a.ts", 'export * from "./b.ts";'],
  [/exports have names/, "src/edge/a.ts", "export default 1;"],
  [/const object/, "src/edge/a.ts", "enum Colour {}"],
  [/no hidden switches/, "src/edge/a.ts", "if (process.env.X) f();"],
  [/kebab-case/, "src/edge/runLoop.ts", ""],
  [/name the noun/, "src/edge/utils.ts", ""],
  [/over 400 lines/, "src/edge/a.ts", "\n".repeat(401)],
  [/over 100 columns/, "src/edge/a.ts", "x".repeat(101)],
  [/a function of 73 lines/, "src/edge/a.ts", `function f() {\n${"  x;\n".repeat(71)}}\n`],
];

for (const [rule, path, text] of seeded) {
  test(`the tidy test sees: ${rule.source}`, () => {
    const rules = breachesOf(path, text).map((breach) => breach.rule);
    assert.ok(
      rules.some((found) => rule.test(found)),
      `${rules}`,
    );
  });
}
