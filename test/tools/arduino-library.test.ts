// firmware-bridge/ is an Arduino library too; tools/test-arduino.ts builds and runs it.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { coreSources } from "../../tools/firmware-sources.ts";

const root = "firmware-bridge";
const read = (name: string): string => readFileSync(join(root, name), "utf8");

test("Arduino's manifests have the package's version, and say what is there", () => {
  const { version, license } = JSON.parse(readFileSync("package.json", "utf8"));
  const platformio = JSON.parse(read("library.json"));
  assert.equal(platformio.version, version);
  assert.equal(platformio.license, license);
  for (const name of platformio.export.include) assert.ok(existsSync(join(root, name)), name);
  assert.match(read("library.properties"), new RegExp(`^version=${version}$`, "m"));
  assert.ok(existsSync(join(root, "src", platformio.headers)));
});

test("src/ names each of the core's files and copies none", () => {
  const named = readdirSync(join(root, "src"))
    .filter((name) => name.endsWith(".c"))
    .map((name) => /^#include "\.\.\/(core\/[a-z-]+\.c)"\n$/.exec(read(`src/${name}`))?.[1]);
  assert.deepEqual(named.sort(), [...coreSources].sort());
});

test("each of the core's files comes by floats.h, which refuses fast-math", () => {
  const reaches = (file: string): boolean => {
    if (file === "core/floats.h") return true;
    const included = [...read(file).matchAll(/^#include "([a-z-]+\.h)"$/gm)];
    return included.some(([, name]) => reaches(`core/${name}`));
  };
  assert.deepEqual(
    coreSources.filter((file) => !reaches(file)),
    [],
  );
  assert.match(read("core/floats.h"), /^#if defined __FAST_MATH__ .*\n#error "/m);
});
