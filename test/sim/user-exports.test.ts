// What a user's file may export beside what it must: a wrong one has a name in check-env, and is
// one line where it would be used.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { checkTask } from "../../src/sim/check.ts";
import { openTask } from "../../src/sim/tasks.ts";
import { checkUserExports } from "../../src/sim/user-env.ts";

const folder = mkdtempSync(join(tmpdir(), "sinew-exports-"));
after(() => rmSync(folder, { recursive: true }));

const cart = readFileSync("test/sim/worlds/cart.js", "utf8");
const main = "dist/src/cli/main.js";
let files = 0;

/** The cart's file with more behind it, and one piece of it changed. */
function cartWith(more: string, piece: string = "", becomes: string = ""): string {
  assert.ok(cart.includes(piece));
  const path = join(folder, `cart-${files++}.js`);
  writeFileSync(path, `${cart.replace(piece, becomes)}\n${more}\n`);
  return path;
}

const good = `
export const mirror = {
  observation: { from: [0, 1], sign: [-1, -1] },
  action: { from: [0], sign: [-1] },
};
export const reward = (_o, action, next) => -next[0] * next[0] - 0.01 * action[0] ** 2;
export const relabel = (observation, reached) => { observation[1] = reached[1]; };
export const selectionStarts = 3;
export const judgedStarts = 7;
export const solvedReturn = -20;`;

test("a file whose every export is right has nothing wrong and makes the task", async () => {
  const scene = 'scene: () => [{ kind: "circle", at: [x, 0], radius: 0.1, role: "body" }], save:';
  const path = cartWith(good, "save:", scene);
  const task = await openTask(path);
  const findings = [...(await checkUserExports(path)), ...checkTask(task)];
  assert.deepEqual(
    findings.filter(({ problem }) => problem !== null),
    [],
  );
  assert.deepEqual([task.selectionStarts, task.judgedStarts, task.solvedReturn], [3, 7, -20]);
});

const reflected = (observation: string, action: string = "{ from: [0], sign: [-1] }"): string =>
  `export const mirror = { observation: ${observation}, action: ${action} };`;

const shapes: readonly [name: string, more: string, told: RegExp][] = [
  ["selectionStarts", "export const selectionStarts = 0;", /is 0: give a whole number/],
  ["judgedStarts", "export const judgedStarts = '100';", /is 100: give a whole number/],
  ["judgedStarts", "export const judgedStarts = 2.5;", /is 2.5/],
  ["solvedReturn", "export const solvedReturn = NaN;", /is NaN: give a number/],
  ["reward", "export const reward = 1;", /is 1: export a function \(observation/],
  ["relabel", "export const relabel = [0];", /is \[0\]: export a function/],
  ["mirror", "export const mirror = true;", /give \{ "observation"/],
  ["mirror", "export const mirror = {};", /observation.from has no list: give one for each/],
  ["mirror", reflected("{ from: [0], sign: [-1] }"), /from has 1 entries: .* the 2 channels/],
  ["mirror", reflected("{ from: [0, 2], sign: [1, 1] }"), /from\[1\] is 2: .* 0 to 1/],
  ["mirror", reflected("{ from: [0, 1], sign: [1, 0] }"), /sign\[1\] is 0: give 1 or -1/],
  ["mirror", reflected("{ from: [1, 1], sign: [1, 1] }"), /twice, "position" is not/],
  ["mirror", reflected("{ from: [1, 0], sign: [1, -1] }"), /twice, "position" is not/],
  [
    "mirror",
    reflected("{ from: [1, 0], sign: [1, 1] }"),
    /"position" in the mirror has the limits/,
  ],
];

for (const [name, more, told] of shapes) {
  test(`a wrong ${name} is named: ${more}`, async () => {
    const path = cartWith(more);
    const wrong = (await checkUserExports(path)).filter(({ problem }) => problem !== null);
    assert.deepEqual(
      wrong.map((finding) => finding.name),
      [name],
    );
    assert.match(wrong[0].problem!, told);
    await assert.rejects(openTask(path), { code: "environment", message: told });
  });
}

const mirror = "the mirror shows the same world";
const goals = "goals can be put into observations";
const judge = "logged steps can be judged";
const scene = "the scene is made of shapes";
const scenes = (text: string): [string, string, string] => ["", "save:", `scene: ${text}, save:`];

const steps: readonly [name: string, file: [string, string?, string?], told: RegExp][] = [
  [
    mirror,
    [reflected("{ from: [0, 1], sign: [1, -1] }")],
    /mirrored step gives "(position|speed)"/,
  ],
  [mirror, [good, "-x * x", "-x * x - x"], /mirrored step earns/],
  [mirror, [good.replace("-next[0] * next[0]", "-next[0]")], /is worth .*, in the mirror/],
  [judge, ["export const reward = () => NaN;"], /gives NaN/],
  [judge, ["export const reward = (o) => { o[0]++; return 1; };"], /writes to "observation"/],
  [judge, ["export const reward = (o) => o.no.thing;"], /it throws/],
  [goals, ["export const relabel = (o, r) => { r[0] = 0.5; };"], /writes to "reached"/],
  [goals, [`${good.replace("= reached[1]", "= 99")}`], /makes "speed" 99, outside \[-20, 20\]/],
  [goals, [good.replace("= reached[1]", "+= 0.1")], /a second time/],
  [goals, [good.replace(/export const reward.*/, "")], /it throws: .*exports no function "reward"/],
  [scene, scenes("() => 1"), /a list of shapes/],
  [scene, scenes('() => [{ kind: "box" }]'), /scene\(\)\[0\] is of the kind box/],
  [scene, scenes('() => [{ kind: "ground", height: 0, role: "sky" }]'), /has the role sky/],
  [scene, scenes('() => [{ kind: "ground", role: "ground" }]'), /height is undefined/],
  [scene, scenes('() => [{ kind: "line", from: [0], to: [1, 1], role: "body" }]'), /from is 0/],
  [scene, scenes("() => { x += 1; return []; }"), /changes the world/],
];

for (const [name, file, told] of steps) {
  test(`what steps show to be wrong is named: ${told.source}`, async () => {
    const findings = checkTask(await openTask(cartWith(...file)));
    const wrong = findings.filter(({ problem }) => problem !== null);
    assert.ok(
      wrong.some((finding) => finding.name === name && told.test(finding.problem!)),
      JSON.stringify(wrong),
    );
  });
}

const worlds: readonly [piece: string, becomes: string, told: RegExp][] = [
  ["reset(rng, observation)", "begin(rng, observation)", /has no function "reset"/],
  ["mass: 1 }", 'mass: "1" }', /parameters.mass is 1: give a number/],
  ["parameters,\n", "parameters: [1],\n", /parameters must be an object/],
  ["restore([position", "back([position", /one of save and restore/],
  ["save:", "scene: 5, save:", /scene: it is 5/],
];

for (const [piece, becomes, told] of worlds) {
  test(`a world that cannot be driven says why: ${told.source}`, async () => {
    const task = await openTask(cartWith("", piece, becomes));
    assert.throws(() => task.makeEnv(), { code: "environment", message: told });
    const wrong = checkTask(task).find(({ problem }) => problem !== null);
    assert.match(wrong?.problem ?? "", told);
  });
}

test("train refuses a wrong export in one line, check-env lists it", () => {
  const path = cartWith("export const judgedStarts = -1; export const reward = 2;");
  const node = (...words: string[]) => spawnSync(process.execPath, [main, ...words]);
  const trained = node("train", "--env", path, "--folder", join(folder, "run"));
  assert.notEqual(trained.status, 0);
  const told = trained.stderr.toString().trim().split("\n");
  assert.equal(told.length, 1, told.join("\n"));
  assert.match(told[0], /exports a wrong "judgedStarts": it is -1: give a whole number/);
  const checked = node("check-env", path, "--json");
  assert.equal(checked.status, 1);
  const { ok, findings } = JSON.parse(checked.stdout.toString());
  const wrong = findings.filter(({ problem }: { problem: string | null }) => problem !== null);
  assert.deepEqual(
    [ok, ...wrong.map(({ name }: { name: string }) => name)],
    [false, "judgedStarts", "reward"],
  );
});
