import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { checkTrust } from "../../src/edge/checkup.ts";
import { parseRobot } from "../../src/edge/robot.ts";
import { startRun } from "../../src/edge/run.ts";
import { faultsOfTrust, readPublicKey, signerOf, trustedKeys } from "../../src/edge/trust.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import { printPublicKey } from "../../src/policy/public-key.ts";
import { signatureOf } from "../../src/policy/signature.ts";
import { randomPolicy } from "../policy/random-policy.ts";
import { secretKey } from "../policy/signed-file.ts";
import { ownFolder } from "./board-run.ts";
import { refused } from "./run-words.ts";

const folder = ownFolder("trust");
const key = secretKey(1);
const { line } = key.public;

function place(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const source = "robot: r\nlink: { serial: { path: /dev/no-such-port } }\n";

test("trust: robot.yaml names keys or their files, at least one", () => {
  const file = place("lab.pub", printPublicKey(secretKey(2).public).replaceAll("\n", "\r\n"));
  const robot = parseRobot(`${source}trust: [${line}, ${file}]\n`, "robot.yaml");
  assert.deepEqual(trustedKeys(robot), [key.public, secretKey(2).public]);
  assert.equal(trustedKeys(parseRobot(source, "robot.yaml")), null);
  for (const [value, told] of [
    ["[]", /^robot\.yaml:3:8: "trust": give at least one public key/],
    ["", /^robot\.yaml:3:\d+: "trust": give a list of public keys/],
    [line, /"trust": give a list of public keys/],
    ['[""]', /"trust\.0": give a text that is not empty/],
    ["[3]", /"trust\.0": give a text/],
  ] as const) {
    const text = `${source}trust: ${value}\n`;
    assert.throws(() => parseRobot(text, "robot.yaml"), refused("robot-file", told));
  }
});

test("trust: the keys of docs/trust.md are such", () => {
  const [, text] = readFileSync("docs/trust.md", "utf8").match(/```yaml\n([\s\S]*?)```/)!;
  const [word, file] = parseRobot(source + text, "robot.yaml").trust!;
  assert.equal(readPublicKey(word).line, word);
  assert.equal(file, "keys/lab.key.pub");
});

test("trust: what is no key is told by name, each of them", () => {
  const secret = place("secret", "untrusted comment: x\nmore\n");
  const huge = place("huge.pub", "x".repeat(5000));
  const trust = [line, line.slice(1), secret, huge, folder, `${line}/x`];
  const faults = faultsOfTrust({ trust });
  assert.deepEqual(
    faults.map(({ at }) => at),
    [1, 2, 3, 4, 5],
  );
  const [cut, none, big, notFile, missing] = faults.map((fault) => fault.line);
  assert.match(cut, /^trust: .* is no public key \(56 characters, RW\.\.\.\), and no file of that/);
  assert.match(none, /^trust: .*secret: this is no public key of minisign's/);
  assert.match(big, /^trust: .*huge\.pub has more than 4096 bytes/);
  assert.match(notFile, /^trust: .* is no file$/);
  assert.match(missing, /no file of that name/);
  assert.throws(() => trustedKeys({ trust }), refused("robot-file", /^trust: /));
});

test("trust: a signature is that of the bytes that were read, beside their file", () => {
  const bytes = new TextEncoder().encode("a policy");
  const path = place("a.onnx", bytes);
  const policy = { bytes, path };
  assert.equal(signerOf(policy, null), null);
  const keys = [key.public];
  const told = new RegExp(
    `has no signature ${path}\\.minisig; sign it with npx sinew sign ${path} `,
  );
  assert.throws(() => signerOf(policy, keys), refused("signature", told));
  mkdirSync(`${path}.minisig`);
  assert.throws(() => signerOf(policy, keys), refused("signature", /a\.onnx\.minisig is no file/));
  const other = { bytes, path: place("b.onnx", "what lies there by now") };
  place("b.onnx.minisig", signatureOf(bytes, "of what was read", key));
  assert.deepEqual(signerOf(other, keys), { keyId: key.public.id, comment: "of what was read" });
  place("b.onnx.minisig", "x".repeat(16_385));
  assert.throws(() => signerOf(other, keys), refused("signature", /has more than 16384 bytes/));
});

test("trust: a run without a signature that holds opens nothing, and says what to do", async () => {
  const robot = parseRobot(`${source}trust: [${line}]\n`, "robot.yaml");
  const bytes = await exportPolicy(randomPolicy(1));
  const path = place("policy.onnx", bytes);
  const startedAt = "2026-01-01T00:00:00.000Z";
  const start = (): Promise<unknown> => startRun({ policy: { bytes, path }, robot, startedAt });
  await assert.rejects(
    start(),
    refused("signature", /has no signature .*; sign it with npx sinew/),
  );
  place("policy.onnx.minisig", signatureOf(bytes, "x", secretKey(2)));
  await assert.rejects(start(), refused("signature", /was signed by key 0202/));
  place("policy.onnx.minisig", signatureOf(bytes.subarray(1), "x", key));
  await assert.rejects(start(), refused("signature", /is not what key 0101010101010101 signed/));
  place("policy.onnx.minisig", signatureOf(bytes, "x", key));
  // What holds gets as far as the port.
  await assert.rejects(start(), refused("port", /no-such-port/));
  const lost = parseRobot(`${source}trust: [no.pub]\n`, "robot.yaml");
  await assert.rejects(
    startRun({ policy: { bytes, path }, robot: lost, startedAt }),
    refused("robot-file", /^robot\.yaml: trust: no\.pub is no public key/),
  );
  assert.throws(() => readPublicKey("no.pub"), refused("signature", /^no\.pub is no public key/));
});

test("trust: of a policy that nobody signed nothing is read", async () => {
  const robot = parseRobot(`${source}trust: [${line}]\n`, "robot.yaml");
  const path = place("garbage.onnx", "no policy at all");
  const policy = { bytes: new TextEncoder().encode("no policy at all"), path };
  const options = { policy, robot, startedAt: "2026-01-01T00:00:00.000Z" };
  await assert.rejects(startRun(options), refused("signature", /has no signature/));
});

test("trust: doctor says whether a signature is asked for, and whose it is", () => {
  const bytes = new TextEncoder().encode("a policy");
  const policy = { bytes, path: place("d.onnx", bytes) };
  const plain = parseRobot(source, "robot.yaml");
  const none = "none is asked for: trust in robot.yaml says whose";
  assert.deepEqual(checkTrust(plain, policy), { name: "signature", state: "good", line: none });
  const robot = parseRobot(`${source}trust: [${line}]\n`, "robot.yaml");
  const bad = checkTrust(robot, policy);
  assert.equal(bad.state, "bad");
  assert.match(bad.line, /d\.onnx is not trusted: it has no signature/);
  place("d.onnx.minisig", signatureOf(bytes, "file:d.onnx", key));
  const good = { name: "signature", state: "good", line: `by key ${key.public.id}; file:d.onnx` };
  assert.deepEqual(checkTrust(robot, policy), good);
});
