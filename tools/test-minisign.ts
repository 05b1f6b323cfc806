// Has the real minisign judge keys and signatures of ours, and ours judge its own: both ways, with
// both kinds of signature, and with what was changed. From Debian's package; for CI.
// Run: node dist/tools/test-minisign.js
import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parsePublicKey, printPublicKey } from "../src/policy/public-key.ts";
import {
  newSecretKey,
  parseSecretKey,
  printSecretKey,
  secretKeyChanceBytes,
} from "../src/policy/secret-key.ts";
import { checkSignature, signatureOf } from "../src/policy/signature.ts";

const folder = mkdtempSync(join(tmpdir(), "sinew-minisign-"));
const at = (name: string): string => join(folder, name);
const message = randomBytes(70_000);
let passed = 0;
let failed = 0;

function expect(what: string, good: boolean): void {
  process.stdout.write(`${good ? "ok    " : "NOT OK"} ${what}\n`);
  if (good) passed++;
  else failed++;
}

function minisign(...words: readonly string[]): boolean {
  return spawnSync("minisign", words, { cwd: folder, stdio: "ignore" }).status === 0;
}

/** Whether minisign takes the signature that lies beside the file. */
function accepts(name: string, publicKey: string): boolean {
  return minisign("-V", "-q", "-m", name, "-P", publicKey);
}

/** Whether we do. */
function accept(name: string, publicKey: string): boolean {
  try {
    const signature = readFileSync(at(`${name}.minisig`));
    checkSignature(readFileSync(at(name)), name, signature, [parsePublicKey(publicKey)]);
    return true;
  } catch {
    return false;
  }
}

function ours(): void {
  const key = newSecretKey(randomBytes(secretKeyChanceBytes));
  const { line } = key.public;
  writeFileSync(at("ours.key"), printSecretKey(key), { mode: 0o600 });
  writeFileSync(at("ours.pub"), printPublicKey(key.public));
  writeFileSync(at("a"), message);
  const text = signatureOf(message, "file:a\tdate:today", key);
  writeFileSync(at("a.minisig"), text);
  expect("minisign takes our signature, by our key", accepts("a", line));
  expect("and by our key's file", minisign("-V", "-q", "-m", "a", "-p", "ours.pub"));
  writeFileSync(at("a.minisig"), text.replace("today", "never"));
  expect("it refuses another comment, as we do", !accepts("a", line) && !accept("a", line));
  writeFileSync(at("a.minisig"), text);
  writeFileSync(at("a"), message.subarray(1));
  expect("it refuses another file, as we do", !accepts("a", line) && !accept("a", line));
  for (const words of [[], ["-l"]]) {
    writeFileSync(at("b"), message);
    const signed = minisign("-S", ...words, "-s", "ours.key", "-m", "b");
    const kind = words.length === 0 ? "" : " the older way";
    expect(`minisign signs with our secret key${kind}`, signed && accepts("b", line));
    expect(`and we take that${kind}`, accept("b", line));
  }
}

function theirs(): void {
  expect("minisign makes a key", minisign("-G", "-W", "-p", "their.pub", "-s", "their.key"));
  const publicKey = parsePublicKey(readFileSync(at("their.pub"), "utf8"));
  const key = parseSecretKey(readFileSync(at("their.key"), "latin1"));
  expect("whose halves we read as one", key.public.line === publicKey.line);
  const { line } = publicKey;
  writeFileSync(at("c"), message);
  writeFileSync(at("c.minisig"), signatureOf(message, "by their key", key));
  expect("minisign takes what we sign with its key", accepts("c", line) && accept("c", line));
  for (const words of [[], ["-l"]]) {
    const signed = minisign("-S", ...words, "-s", "their.key", "-m", "c");
    const kind = words.length === 0 ? "" : " the older way";
    expect(`we take what it signs${kind}`, signed && accept("c", line));
    const changed = Uint8Array.from(message);
    changed[35_000] ^= 1;
    writeFileSync(at("c"), changed);
    expect(`and not for another file${kind}`, !accept("c", line) && !accepts("c", line));
    writeFileSync(at("c"), message);
  }
}

try {
  const version = execFileSync("minisign", ["-v"], { encoding: "utf8" }).trim();
  process.stdout.write(`${version}\n`);
  ours();
  theirs();
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  if (failed > 0) process.exitCode = 1;
} catch (error) {
  process.stderr.write(`minisign cannot be run: apt-get install minisign (${String(error)})\n`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true });
}
