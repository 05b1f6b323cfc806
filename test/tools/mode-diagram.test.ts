import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Mode, nameOfMode } from "../../src/core/step.ts";
import { Happening, modeTable, nameOfHappening } from "../../src/safety/supervisor.ts";
import { documentPath, withModes } from "../../tools/mode-diagram.ts";

test("docs/safety.md: its table and its diagram are the supervisor's", () => {
  const text = readFileSync(documentPath, "utf8");
  assert.equal(text, withModes(text), "node dist/tools/mode-diagram.js writes them anew");
});

test("mode diagram: each change of mode is on one arrow, and nothing else is", () => {
  const text = withModes("<!-- modes -->\nformer\n<!-- /modes -->\n");
  const arrows = [...text.matchAll(/^ {2}(\w+) --> (\w+): (.+)$/gm)].flatMap(
    ([, from, to, names]) => names.split(", ").map((name) => `${from} ${name} ${to}`),
  );
  const wanted = Object.values(Mode).flatMap((from) =>
    Object.values(Happening).flatMap((happening) => {
      const to = modeTable[from][happening];
      if (to === -1 || to === from) return [];
      return `${nameOfMode(from)} ${nameOfHappening(happening)} ${nameOfMode(to)}`;
    }),
  );
  assert.deepEqual(arrows.toSorted(), wanted.toSorted());
  assert.ok(!text.includes("former"));
  assert.throws(() => withModes("no marks"), /<!-- modes -->/);
});
