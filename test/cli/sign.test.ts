import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { exportPolicy } from "../../src/policy/export.ts";
import { ownFolder } from "../edge/board-run.ts";
import { randomPolicy } from "../policy/random-policy.ts";

const main = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
const folder = ownFolder("sign");
const env = { ...process.env, XDG_RUNTIME_DIR: folder };
const ready = exportPolicy(randomPolicy(1)).then((bytes) => {
  writeFileSync(join(folder, "policy.onnx"), bytes);
});

interface Answer {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function sinew(...words: readonly string[]): Promise<Answer> {
  await ready;
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...words], { cwd: folder, env }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });
}

const at = (name: string): string => join(folder, name);

/** A key pair `<name>.key`, and its public key. */
async function newKey(name: string): Promise<string> {
  const { out, err } = await sinew("sign", "--new-key", `${name}.key`, "--json");
  assert.match(err, /^secret {2}.*\.key: signs; keep it from others/);
  return JSON.parse(out).publicKey;
}

test("sign: a key is made once, for its owner's eyes, and never written over", async () => {
  await newKey("once");
  const secret = readFileSync(at("once.key"), "utf8");
  assert.equal(statSync(at("once.key")).mode & 0o777, 0o600);
  assert.match(readFileSync(at("once.key.pub"), "utf8"), /^untrusted comment: .*\nRW.{54}\n$/);
  const again = await sinew("sign", "--new-key", "once.key");
  assert.deepEqual([again.code, again.out], [2, ""]);
  assert.match(again.err, /once\.key\.pub cannot be written: it is there already.* \[usage\]\n$/);
  writeFileSync(at("half.key"), "mine");
  assert.match((await sinew("sign", "--new-key", "half.key")).err, /half\.key cannot be written/);
  assert.equal(readFileSync(at("half.key"), "utf8"), "mine");
  assert.throws(() => statSync(at("half.key.pub")), { code: "ENOENT" });
  assert.equal(readFileSync(at("once.key"), "utf8"), secret);
});

test("sign, verify: by a file or a key; what was changed, and by whom else, is a no", async () => {
  const [mine, other] = [await newKey("mine"), await newKey("other")];
  const unsigned = await sinew("verify", "policy.onnx", "--key", mine);
  assert.deepEqual([unsigned.code, unsigned.err], [1, ""]);
  assert.match(unsigned.out, /^no {2}policy\.onnx is not trusted: it has no signature /);
  const signed = await sinew("sign", "policy.onnx", "--key", "mine.key", "--json");
  assert.equal(signed.code, 0, signed.err);
  const { comment, keyId } = JSON.parse(signed.out);
  assert.match(
    comment,
    /^file:policy\.onnx\tsha256:[0-9a-f]{64}\tcontract:[0-9a-f]{8}\tdate:20\d\d-\d\d-\d\dT.*Z$/,
  );
  for (const key of [mine, "mine.key.pub"]) {
    const { code, out } = await sinew("verify", "policy.onnx", "--key", other, "--key", key);
    assert.equal(code, 0);
    assert.match(out, new RegExp(`^ok +policy\\.onnx\nsigned +by key ${keyId}\ncomment +file:`));
  }
  const by = await sinew("verify", "policy.onnx", "--key", "other.key.pub", "--json");
  const { ok, why } = JSON.parse(by.out);
  assert.deepEqual([by.code, ok], [1, false]);
  assert.match(why, new RegExp(`was signed by key ${keyId}, not by `));
  const bytes = readFileSync(at("policy.onnx"));
  bytes[bytes.length >> 1] ^= 1;
  writeFileSync(at("changed.onnx"), bytes);
  writeFileSync(at("changed.onnx.minisig"), readFileSync(at("policy.onnx.minisig")));
  const changed = await sinew("verify", "changed.onnx", "--key", mine);
  assert.equal(changed.code, 1);
  assert.match(changed.out, /^no {2}changed\.onnx is not what key .* signed: it or its signature/);
});

test("sign, verify: what cannot be done is one line and exit code 2", async () => {
  await newKey("open");
  chmodSync(at("open.key"), 0o644);
  await newKey("good");
  writeFileSync(at("none.onnx"), "no policy");
  const bad: readonly [words: readonly string[], told: RegExp][] = [
    [["sign"], /say which policy to sign/],
    [["sign", "policy.onnx"], /say with which secret key: --key <file>; make one with/],
    [["sign", "policy.onnx", "--new-key", "x.key"], /--new-key only makes a key/],
    [["sign", "--new-key", "no/such/x.key"], /x\.key\.pub cannot be written: ENOENT/],
    [["sign", "policy.onnx", "--key", "none.key"], /none\.key: ENOENT.* \[signature\]/],
    [["sign", "policy.onnx", "--key", "good.key.pub"], /others can read or change it/],
    [["sign", "policy.onnx", "--key", "open.key"], /others can .*: chmod go= open\.key/],
    [["sign", "none.onnx", "--key", "good.key"], /\[policy-file\]/],
    [["verify", "policy.onnx"], /required option '--key <key>' not specified/],
    [["verify", "policy.onnx", "--key", "no.pub"], /no\.pub is no public key/],
    [["verify", "no.onnx", "--key", "good.key.pub"], /no\.onnx cannot be read/],
  ];
  for (const [words, told] of bad) {
    const { code, out, err } = await sinew(...words);
    assert.deepEqual([code, out, err.trim().split("\n").length], [2, "", 1], err);
    assert.match(err, told);
  }
});

const robot = "robot: arm-1\nlink: { serial: { path: /dev/none } }\npolicy: policy.onnx\n";

test("run: a dry run says whether a signature is asked for, and holds", async () => {
  const trusted = await newKey("lab");
  const dryRun = (text: string, ...words: readonly string[]): Promise<Answer> => {
    writeFileSync(at("robot.yaml"), text);
    return sinew("run", "robot.yaml", "--dry-run", ...words);
  };
  assert.match(
    (await dryRun(robot)).out,
    /^# control .*\n# no signature is asked for: see docs\/trust\.md\n# warning: .*\nrob/,
  );
  const text = `${robot}trust: [lab.key.pub]\n`;
  writeFileSync(at("policy.onnx.minisig"), "x");
  const none = await dryRun(text);
  assert.deepEqual([none.code, none.out, none.err.split("\n").length], [2, "", 2]);
  assert.match(none.err, /^robot\.yaml:4:8: policy\.onnx\.minisig is no signature of minisign's/);
  assert.equal((await sinew("sign", "policy.onnx", "--key", "lab.key")).code, 0);
  const good = await dryRun(text);
  assert.equal(good.code, 0, good.err);
  assert.match(good.out, /^# control .*\n# signed by key [0-9A-F]{16}; file:policy\.onnx sha256:/);
  assert.match(good.out, /\ntrust:\n {2}- lab\.key\.pub\n/);
  assert.deepEqual(await dryRun(good.out), good, "it is the same robot again");
  const json = JSON.parse((await dryRun(text, "--json")).out);
  assert.match(json.signature.comment, /^file:policy\.onnx /);
  // Of a policy that is not trusted nothing is read, also not that it is none.
  writeFileSync(at("garbage.onnx"), "no policy");
  const garbage = await dryRun(text, "--policy", "garbage.onnx");
  assert.deepEqual([garbage.code, garbage.out], [2, ""]);
  assert.match(garbage.err, /^robot\.yaml:4:8: garbage\.onnx is not trusted: .*\n$/);
  const broken = await dryRun(`${robot}trust: [${trusted}, no.pub]\n`);
  assert.deepEqual([broken.code, broken.out], [2, ""]);
  assert.match(broken.err, /^robot\.yaml:4:\d+: trust: no\.pub is no public key .*\n$/);
});

test("run: what is not signed is refused in one line, before the port is looked for", async () => {
  const trusted = await newKey("run");
  writeFileSync(at("strict.yaml"), `${robot}trust: [${trusted}]\n`);
  writeFileSync(at("other.onnx"), readFileSync(at("policy.onnx")));
  const { code, out, err } = await sinew("run", "strict.yaml", "--policy", "other.onnx", "--arm");
  assert.equal(code, 2, out);
  assert.match(
    err,
    /^strict\.yaml:4:8: other\.onnx is not trusted: it has no signature .*; sign it with .*\n$/,
  );
});

test("doctor: looks at nothing of a policy that is not trusted, and greets nobody", async () => {
  const trusted = await newKey("doctor");
  writeFileSync(at("strict.yaml"), `${robot}trust: [${trusted}]\nrealTime: off\n`);
  writeFileSync(at("doctored.onnx"), readFileSync(at("policy.onnx")));
  const { code, out } = await sinew("doctor", "strict.yaml", "--policy", "doctored.onnx");
  assert.equal(code, 1);
  assert.match(out, /^bad +signature +doctored\.onnx is not trusted: /m);
  assert.doesNotMatch(out, /device|proof/);
});
