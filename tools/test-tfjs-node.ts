/**
 * Builds the real tfjs-node in build/tfjs-node and runs the engine contract on it. Its own
 * installer fetches libtensorflow from a host that is often out of reach, so the binding is
 * compiled from the package's sources against the library inside TensorFlow's Python wheel. Linux
 * x64; needs npm, python3 with pip, and g++. Usage, from the project's root: node
 * dist/tools/test-tfjs-node.js
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { messageOf } from "../src/core/errors.ts";
import { openTfjsEngine } from "../src/learn/engine-tfjs.ts";
import { engineContract } from "../test/learn/engine-contract.ts";

const folder = resolve("build/tfjs-node");
const home = join(folder, "node_modules/@tensorflow/tfjs-node");
const done = join(folder, "built");
const wheel = {
  requirement: "tensorflow-cpu==2.12.1",
  sha256: "7ffb595707a8fb376deaddc768784c7a0242b16cbc6e06393b1733b2ce19f855",
} as const;

function run(program: string, args: readonly string[], cwd: string): void {
  const { status, error } = spawnSync(program, args, {
    cwd,
    stdio: ["ignore", "ignore", "inherit"],
  });
  assert(error === undefined && status === 0, `${program} ${args.join(" ")} failed`);
}

function build(): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
  console.log("installing @tensorflow/tfjs-node 4.22.0 without its native part");
  const packages = ["@tensorflow/tfjs-node@4.22.0", "node-api-headers@1.5.0"];
  run("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", ...packages], folder);
  console.log(`fetching ${wheel.requirement} for its C library`);
  const target = ["--python-version", "3.11", "--implementation", "cp", "--abi", "cp311"];
  const only = ["--no-deps", "--only-binary=:all:", "--platform", "manylinux2014_x86_64"];
  const download = ["-m", "pip", "download", "--quiet", ...only, ...target, wheel.requirement];
  run("python3", download, folder);
  unpack();
  console.log("compiling the binding");
  const flags = ["-O2", "-std=c++17", "-fPIC", "-shared", "-DNAPI_VERSION=8"];
  const headers = [
    "-I",
    join(folder, "node_modules/node-api-headers/include"),
    "-I",
    "deps/include",
  ];
  const sources = ["binding/tfjs_backend.cc", "binding/tfjs_binding.cc"];
  const libraries = ["-L", "deps/lib", "-ltensorflow", "-ltensorflow_framework"];
  const path = ["-Wl,-rpath,$ORIGIN/../../deps/lib"];
  const output = ["-o", "lib/napi-v8/tfjs_binding.node"];
  mkdirSync(join(home, "lib/napi-v8"), { recursive: true });
  run("g++", [...flags, ...headers, ...sources, ...output, ...libraries, ...path], home);
  writeFileSync(done, "");
}

/**
 * Takes library and headers out of the wheel, which is a zip, and puts them where the build looks.
 */
function unpack(): void {
  const name = readdirSync(folder).find((entry) => entry.endsWith(".whl"));
  assert(name !== undefined);
  const file = join(folder, name);
  const hash = createHash("sha256").update(readFileSync(file)).digest("hex");
  assert.equal(hash, wheel.sha256, `${name} is not the wheel that was checked`);
  run("python3", ["-m", "zipfile", "-e", file, join(folder, "wheel")], folder);
  const from = join(folder, "wheel/tensorflow");
  const lib = join(home, "deps/lib");
  mkdirSync(lib, { recursive: true });
  for (const [library, linkName] of [
    ["libtensorflow_cc.so.2", "libtensorflow.so"],
    ["libtensorflow_framework.so.2", "libtensorflow_framework.so"],
  ] as const) {
    renameSync(join(from, library), join(lib, library));
    symlinkSync(library, join(lib, linkName));
  }
  rmSync(join(home, "deps/include"), { recursive: true, force: true });
  renameSync(join(from, "include"), join(home, "deps/include"));
  rmSync(join(folder, "wheel"), { recursive: true });
  rmSync(file);
}

if (!existsSync(done)) build();

let [passed, failed] = [0, 0];
for (const { name, check } of engineContract) {
  try {
    const measured = await check(async (settings, state) => {
      const engine = await openTfjsEngine(settings, state, join(folder, "package.json"));
      assert.equal(engine.name, "tfjs-node 4.22.0", "the engine under test is not tfjs-node");
      return engine;
    });
    passed++;
    console.log(`ok ${name}${measured === undefined ? "" : ` (${measured})`}`);
  } catch (thrown) {
    failed++;
    console.log(`not ok ${name}: ${messageOf(thrown)}`);
  }
}
console.log(`tests ${passed + failed}, pass ${passed}, fail ${failed}`);
process.exitCode = failed === 0 ? 0 : 1;
