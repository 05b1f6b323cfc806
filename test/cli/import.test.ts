// `sinew import` as a person meets it: a template, filled in, imported, inspected.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { loadPolicy } from "../../src/policy/policy.ts";

const main = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "sinew-import-cli-"));
after(() => rmSync(folder, { recursive: true }));

interface Answer {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A folder with a golden export in it, and `sinew` run there. */
function place(name: string): { path: string; sinew: (...words: string[]) => Promise<Answer> } {
  const path = mkdtempSync(join(folder, "export-"));
  cpSync(join("test/golden/import", name), path, { recursive: true });
  const sinew = (...words: string[]): Promise<Answer> =>
    new Promise((resolve) => {
      execFile(process.execPath, [main, ...words], { cwd: path }, (error, out, err) => {
        resolve({ code: error === null ? 0 : Number(error.code), out, err });
      });
    });
  return { path, sinew };
}

test("with nothing beside the file a template is written; filled in, it imports", async () => {
  const { path, sinew } = place("sb3-td3-dynamo");
  rmSync(join(path, "spec.yaml"));
  const first = await sinew("import", "policy.onnx");
  assert.equal(first.code, 1);
  assert.match(first.out, /^error {4}nobody says what observation\[0\].*\[names-missing\]$/m);
  assert.match(first.out, /\d errors, \d warnings\nnext {6}fill in spec\.yaml/);
  assert.ok(!existsSync(join(path, "imported.onnx")));
  const template = readFileSync(join(path, "spec.yaml"), "utf8");
  assert.match(template, /^ {2}output: "tanh"$/m);
  assert.equal(template.match(/name: null/g)?.length, 5);
  // What was begun is not written over.
  writeFileSync(join(path, "spec.yaml"), `${template}# mine\n`);
  const second = await sinew("import", "policy.onnx");
  assert.match(second.out, /spec\.yaml is there already/);
  assert.match(readFileSync(join(path, "spec.yaml"), "utf8"), /# mine\n$/);
  // As a person fills it in.
  let at = 0;
  const filled = template
    .replaceAll("name: null, unit: null", () => `name: c${at++}, unit: m`)
    .replaceAll("low: null, high: null", "low: -1, high: 1")
    .replace("task: null", "task: pole")
    .replace("algorithm: null", "algorithm: td3")
    .replace("rateHz: null", "rateHz: 50")
    .replace("outputIs: null", "outputIs: unit")
    .replace("normaliser: null", "normaliser: none");
  assert.doesNotMatch(filled.replaceAll(/#.*/g, ""), /null/);
  writeFileSync(join(path, "spec.yaml"), filled);
  const third = await sinew("import", "policy.onnx", "--spec", "spec.yaml");
  assert.equal(third.code, 0, third.out + third.err);
  assert.match(third.out, /proved on this machine.*max error \d\.\de-\d/);
  const policy = await loadPolicy(readFileSync(join(path, "imported.onnx")));
  assert.equal(policy.contract.task, "pole");
  await policy.close();
});

test("a template of what a deploy.yaml says imports as it is once joints are named", async () => {
  const { path, sinew } = place("unitree");
  rmSync(join(path, "spec.yaml"));
  const first = await sinew("import", "policy.onnx", "--deploy", "deploy.yaml");
  assert.equal(first.code, 1);
  const template = readFileSync(join(path, "spec.yaml"), "utf8");
  assert.match(
    template,
    /command_velocity_x", unit: "m\/s", low: -0\.5, high: 1, .*setpoint: true/,
  );
  assert.match(template, /previous: 2, ago: 1/);
  let at = 0;
  const filled = template
    .replaceAll("name: null", () => `name: c${at++}`)
    .replace("task: null", "task: walk")
    .replace("algorithm: null", "algorithm: ppo");
  writeFileSync(join(path, "spec.yaml"), filled);
  const words = ["--deploy", "deploy.yaml", "--spec", "spec.yaml", "-o", "walk.onnx"];
  const second = await sinew("import", "policy.onnx", ...words);
  assert.equal(second.code, 0, second.out + second.err);
  assert.ok(existsSync(join(path, "walk.onnx")));
});

test("--json tells the findings; inspect tells the warnings again", async () => {
  const { sinew } = place("mjlab");
  const told = await sinew("import", "policy.onnx", "--spec", "spec.yaml", "--json");
  assert.equal(told.code, 0, told.err);
  const { source, findings, written, difference } = JSON.parse(told.out);
  assert.equal(source, "mjlab");
  assert.equal(written, "imported.onnx");
  assert.ok(difference >= 0 && difference < 1e-5);
  const codes = findings.map(({ code }: { code: string }) => code);
  assert.ok(codes.includes("rounded") && codes.includes("gains-elsewhere"));
  const { out, code } = await sinew("inspect", "imported.onnx");
  assert.equal(code, 0);
  assert.match(out, /^imported {2}policy\.onnx, as mjlab, with 7 warnings$/m);
  for (const each of codes) assert.ok(out.includes(`[${each}]`), each);
});

test("a manifest goes with its policy; two kinds of file beside it do not", async () => {
  const { sinew } = place("microduck");
  const words = ["--manifest", "manifest.json", "--spec", "spec.yaml"];
  const fine = await sinew("import", "policy.onnx", ...words);
  assert.equal(fine.code, 0, fine.out + fine.err);
  const both = await sinew("import", "policy.onnx", ...words, "--deploy", "spec.yaml");
  assert.equal(both.code, 2);
  assert.match(both.err, /--deploy and --manifest/);
});

test("the imported file is never written over, and what cannot be read is one line", async () => {
  const { path, sinew } = place("cleanrl");
  const before = readFileSync(join(path, "policy.onnx"));
  const own = await sinew("import", "policy.onnx", "--spec", "spec.yaml", "--out", "./policy.onnx");
  assert.equal(own.code, 2);
  assert.match(own.err, /^sinew: --out \.\/policy\.onnx is the file to import.*\[usage\]\n$/);
  assert.deepEqual(readFileSync(join(path, "policy.onnx")), before);
  const none = await sinew("import", "policy.onnx", "--spec", "nobody.yaml");
  assert.match(none.err, /^sinew: nobody\.yaml cannot be read: .*\[policy-file\]\n$/);
  const nowhere = await sinew("import", "policy.onnx", "--spec", "spec.yaml", "--out", "no/p.onnx");
  assert.equal(nowhere.code, 2);
  assert.match(nowhere.err, /^sinew: no\/p\.onnx cannot be written: .*\n$/);
  writeFileSync(join(path, "policy.onnx"), before.subarray(0, 500));
  const cut = await sinew("import", "policy.onnx", "--spec", "spec.yaml");
  assert.equal(cut.code, 2);
  assert.match(cut.err, /^sinew: not an ONNX file.*\[policy-file\]\n$/);
});
