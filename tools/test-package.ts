/**
 * Packs the package, installs it without what developers need in an empty folder of its own, and
 * uses it there: the pendulum's demo, a scenario that came with it, and a run on an emulated board
 * that may load neither simulator nor learner nor ONNX Runtime. Every link of its pages must lead
 * to what it brings. Prints what it takes. Linux; needs npm. Usage, from the project's root:
 * node dist/tools/test-package.js
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { startEmulated } from "../src/hil/emulated-board.ts";
import { exportPolicy } from "../src/policy/export.ts";
import { randomPolicy } from "../test/policy/random-policy.ts";
import { type Driven, InstalledPackage } from "./installed-package.ts";
import { runParts } from "./parts.ts";
import { run } from "./run-program.ts";

const folder = resolve("build/package");
const sinew = new InstalledPackage(folder, process.execPath);
const { home, packages } = sinew;
const root = join(packages, "sinew");
const scenarios = "test/hil/scenarios";

/** Rooms and packages that nobody needs who drives a network of ours over a serial line. */
const notToRun: readonly RegExp[] = [
  /sinew\/dist\/src\/(sim|learn|hil)\//,
  /node_modules\/(@mujoco|onnxruntime-node|rp2040js|avr8js|mqtt|aedes)\//,
];

const loads = join(home, "loads.txt");
/** Keeps the address of each module that is loaded. */
const hook = `
import { appendFileSync } from "node:fs";
export async function load(url, context, next) {
  appendFileSync(${JSON.stringify(loads)}, url + "\\n");
  return next(url, context);
}
`;
const registerHook = `
import { register } from "node:module";
register("./hook.mjs", import.meta.url);
`;

function demo(): string {
  const path = join(folder, "demo.json");
  writeFileSync(path, sinew.sinew("demo", "--json"));
  run(process.execPath, ["dist/tools/check-demo.js", path], ".");
  return "";
}

/** One of those that it brings, from a folder that has none. */
function scenario(): string {
  sinew.sinew("hil", "test/hil/scenarios/nominal.yaml", "--target", "rp2040");
  const [ours, theirs] = [".", root].map((folder) => readdirSync(join(folder, scenarios)));
  assert.deepEqual(theirs, ours);
  return `${theirs.length} come with it`;
}

/** Every page that it brings links to what it brings. */
function links(): string {
  const pages = readdirSync(root, { recursive: true, encoding: "utf8" }).filter(
    (name) => name.endsWith(".md") && !name.startsWith("node_modules"),
  );
  let count = 0;
  for (const page of pages) {
    for (const [, target] of readFileSync(join(root, page), "utf8").matchAll(/\]\(([^)#\s]+)/g)) {
      if (/^https?:/.test(target)) continue;
      assert.ok(existsSync(join(root, dirname(page), target)), `${page}: no ${target}`);
      count++;
    }
  }
  return `${count} in ${pages.length} pages`;
}

/** A run on a board of its own: one that has been stopped is not armed again without a reset. */
async function drive(before: readonly string[]): Promise<Driven> {
  const board = await startEmulated({ image: "firmware-bridge/images/rp2040-pendulum.bin" });
  try {
    return await sinew.drive(board.path, "policy.onnx", before);
  } finally {
    await board.close();
  }
}

/** What a run took, as its process and its log tell. */
async function runs(): Promise<string> {
  writeFileSync(join(home, "policy.onnx"), await exportPolicy(randomPolicy(1)));
  writeFileSync(join(home, "hook.mjs"), hook);
  writeFileSync(join(home, "loads.mjs"), registerHook);
  await drive(["--import", join(home, "loads.mjs")]);
  const loaded = readFileSync(loads, "utf8").trim().split("\n");
  const needless = loaded.filter((url) => notToRun.some((one) => one.test(url)));
  assert.deepEqual(needless, [], "modules that a run does not need");
  assert(
    loaded.some((url) => url.endsWith("/edge/worker.js")),
    "what is loaded was seen",
  );
  // Once more without looking, to see what it takes.
  const { firstCommandS, residentMb } = await drive([]);
  const first = `${firstCommandS.toFixed(2)} s to the first command`;
  return `${loaded.length} modules, ${residentMb} MB resident, ${first}`;
}

await runParts([
  ["packed and installed", () => sinew.install()],
  ["its links", links],
  ["a scenario", scenario],
  ["a run", runs],
  ["the demo", demo],
]);
