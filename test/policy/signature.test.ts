import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import type { PublicKey } from "../../src/policy/public-key.ts";
import {
  hasSigned,
  isPublicKeyLine,
  parsePublicKey,
  printPublicKey,
  publicKeyOf,
} from "../../src/policy/public-key.ts";
import { parseSecretKey, printSecretKey, signatureBy } from "../../src/policy/secret-key.ts";
import { checkSignature, type Signed, signatureOf } from "../../src/policy/signature.ts";
import { refused } from "../edge/run-words.ts";
import { secretKey } from "./signed-file.ts";

const key = secretKey(1);
const content = new TextEncoder().encode("what is signed\n".repeat(9));
const comment = "file:policy.onnx\tdate:2026-11-30 \u00e9";
const text = signatureOf(content, comment, key);

function check(
  signature: string | Uint8Array,
  bytes: Uint8Array = content,
  keys: readonly PublicKey[] = [key.public],
): Signed {
  return checkSignature(bytes, "policy.onnx", Buffer.from(signature), keys);
}

function refusal(line: RegExp): (error: unknown) => boolean {
  return refused("signature", line);
}

test("signature: what was signed is known by key and comment, also with CR LF", () => {
  const expected = { keyId: "0101010101010101", comment: comment.replace("\t", " ") };
  assert.deepEqual(check(text), expected);
  assert.deepEqual(check(text.replaceAll("\n", "\r\n")), expected);
  assert.deepEqual(check(text.trimEnd()), expected, "without the last line's end");
  assert.deepEqual(check(text, content, [secretKey(2).public, key.public]), expected);
});

test("signature: each bit of the file counts", () => {
  for (let at = 0; at < content.length * 8; at++) {
    const changed = Uint8Array.from(content);
    changed[at >> 3] ^= 1 << (at & 7);
    assert.throws(() => check(text, changed), refusal(/is not what key 0101010101010101 signed/));
  }
  for (const other of [content.subarray(1), content.subarray(0, -1), new Uint8Array(0)]) {
    assert.throws(() => check(text, other), refusal(/is not what key/));
  }
});

test("signature: each bit of it counts, but of its untrusted comment", () => {
  const bytes = Buffer.from(text);
  const [from, to] = ["untrusted comment: ".length, text.indexOf("\n")];
  for (let at = 0; at < bytes.length; at++) {
    if (at >= from && at < to) continue;
    for (let bit = 0; bit < 8; bit++) {
      const changed = Buffer.from(bytes);
      changed[at] ^= 1 << bit;
      assert.throws(() => check(changed), { code: "signature" }, `byte ${at}, bit ${bit}`);
    }
  }
});

test("signature: bytes that spell the same character are not the same", () => {
  const odd = signatureOf(content, "\ufffd\ufeff", key);
  check(odd);
  const bytes = Buffer.from(odd);
  const at = bytes.indexOf("\ufffd");
  const other = Buffer.concat([bytes.subarray(0, at), Buffer.of(0xff), bytes.subarray(at + 3)]);
  assert.throws(
    () => check(other),
    refusal(/trusted comment of policy\.onnx\.minisig was changed/),
  );
  const bom = bytes.indexOf("\ufeff");
  const without = Buffer.concat([bytes.subarray(0, bom), bytes.subarray(bom + 3)]);
  assert.throws(() => check(without), refusal(/trusted comment/));
});

test("signature: a key that is not trusted, and one that only has the id of one that is", () => {
  const other = signatureOf(content, comment, secretKey(2));
  assert.throws(
    () => check(other),
    refusal(
      /was signed by key 0202020202020202, not by 0101010101010101: have one that is trusted sign/,
    ),
  );
  assert.throws(() => check(text, content, []), refusal(/was signed by key 0101/));
  const { seed } = secretKey(2);
  const masked = { ...secretKey(2), id: key.id, seed };
  const forged = signatureOf(content, comment, masked);
  assert.throws(() => check(forged), refusal(/is not what key 0101010101010101 signed/));
  // Where two keys have one id, each is tried.
  const twin = publicKeyOf(key.id, Buffer.from(secretKey(2).public.line, "base64").subarray(10));
  assert.equal(check(forged, content, [key.public, twin]).keyId, "0101010101010101");
});

test("signature: the comment of one is not that of another", () => {
  const [a, b] = ["first", "second"].map((words) => signatureOf(content, words, key).split("\n"));
  assert.deepEqual(a[1], b[1]);
  const mixed = [a[0], a[1], a[2], b[3], ""].join("\n");
  assert.throws(() => check(mixed), refusal(/trusted comment of .* was changed: get that file/));
  // A comment's signature is no signature of a file.
  const swapped = [a[0], b[1], b[2], a[3], ""].join("\n");
  assert.throws(() => check(swapped), refusal(/trusted comment/));
});

test("signature: as it is, or its hash: which one is said in the signature", () => {
  const lines = text.split("\n");
  const legacy = Buffer.concat([Buffer.from("Ed"), key.id, signatureBy(key, content)]);
  const ofComment = signatureBy(key, Buffer.concat([legacy.subarray(10), Buffer.from("old")]));
  const rest = ["trusted comment: old", ofComment.toString("base64"), ""];
  const whole = [lines[0], legacy.toString("base64"), ...rest].join("\n");
  assert.equal(check(whole).comment, "old");
  assert.throws(() => check(whole, content.subarray(1)), refusal(/is not what key/));
  // Of the other kind neither holds.
  for (const [source, word] of [
    [whole, "ED"],
    [text, "Ed"],
  ]) {
    const parts = source.split("\n");
    const bytes = Buffer.from(parts[1], "base64");
    bytes.write(word, 0);
    parts[1] = bytes.toString("base64");
    assert.throws(() => check(parts.join("\n")), refusal(/is not what key/));
    bytes.write("EE", 0);
    parts[1] = bytes.toString("base64");
    assert.throws(() => check(parts.join("\n")), refusal(/its algorithm is not known here/));
  }
});

test("signature: it has one spelling in numbers, too", () => {
  // The order of the curve's base point (RFC 8032): with it added, a laxer reader takes it.
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const lines = text.split("\n");
  const whole = Buffer.from(lines[1], "base64");
  const scalar = BigInt(`0x${Buffer.from(whole.subarray(42)).reverse().toString("hex")}`);
  const hex = (scalar + order).toString(16).padStart(64, "0");
  Buffer.from(hex, "hex").reverse().copy(whole, 42);
  lines[1] = whole.toString("base64");
  assert.throws(() => check(lines.join("\n")), refusal(/is not what key/));
});

test("signature: what is none is refused, and says why", () => {
  const lines = text.split("\n");
  const wrong: readonly [string | Uint8Array, RegExp][] = [
    ["", /it has 0 lines, not 4; sign policy\.onnx again$/],
    [lines.slice(0, 3).join("\n"), /it has 3 lines/],
    [`${text}more\n`, /it has 5 lines/],
    [text.slice(0, -40), /its last line is damaged/],
    [text.replace("untrusted", "UNTRUSTED"), /it does not begin with "untrusted comment: "/],
    [text.replace("\ntrusted comment: ", "\ncomment: "), /its third line/],
    [text.replace(lines[1], lines[1].slice(0, 96)), /its second line is damaged/],
    [text.replace(lines[1], `${lines[1]}AAAA`), /its second line is damaged/],
    [text.replace(lines[1], lines[1].replace(/^./, " ")), /its second line is damaged/],
    [`${text.slice(0, -1)}${" ".repeat(3)}`, /its last line is damaged/],
    [new Uint8Array(20_000), /it has more than 16384 bytes/],
    [new Uint8Array(1000), /it has 1 lines/],
    ["\ud800\u0000\u0007\n\n\n\n", /does not begin/],
  ];
  for (const [source, line] of wrong) assert.throws(() => check(source), refusal(line));
  for (let seed = 0; seed < 300; seed++) {
    const rng = new Rng(seed);
    const noise = Uint8Array.from({ length: rng.below(400) }, () => rng.below(256));
    assert.throws(() => check(noise), { code: "signature" }, `seed ${seed}`);
    const cut = text.slice(0, rng.below(text.length - 1));
    assert.throws(() => check(cut), { code: "signature" }, `seed ${seed}`);
  }
});

test("signature: what a comment would do to a terminal is not shown", () => {
  const odd = signatureOf(content, "a\u001b[2Jb\u009b\u202e\u2028", key);
  assert.equal(check(odd).comment, "a?[2Jb???");
});

test("keys: a public key is its line or its file, with any line ends; nothing else is", () => {
  const { line, id } = key.public;
  const file = printPublicKey(key.public);
  assert.equal(file, `untrusted comment: minisign public key ${id}\n${line}\n`);
  for (const source of [line, `${line}\n`, file, file.replaceAll("\n", "\r\n"), file.trimEnd()]) {
    assert.deepEqual(parsePublicKey(source), key.public);
  }
  const bytes = Buffer.from(line, "base64");
  const other = Buffer.from(bytes);
  other.write("ED", 0);
  for (const source of [
    ...["", "\n", line.slice(1), `${line}=`, `${file}${line}\n`, file.split("\n")[0]],
    ...[other.toString("base64"), ` ${line}`, line.replace(/.$/, "\u0001"), "x".repeat(56)],
    bytes.toString("base64url").replace(/^/, "-").slice(0, 56),
    printSecretKey(key),
  ]) {
    assert.throws(() => parsePublicKey(source), refusal(/no public key of minisign's/), source);
  }
  assert.equal(isPublicKeyLine("keys/lab.pub"), false);
});

test("keys: a point for which signatures can be made up is none, however it is written", () => {
  const low = ["00".repeat(32), `01${"00".repeat(31)}`, `ec${"ff".repeat(30)}7f`];
  low.push("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05");
  low.push("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a");
  low.push(`ed${"ff".repeat(30)}7f`, `ee${"ff".repeat(30)}7f`);
  let forged = 0;
  for (const hex of low) {
    for (const sign of [0, 0x80]) {
      const point = Buffer.from(hex, "hex");
      point[31] |= sign;
      assert.throws(() => publicKeyOf(key.id, point), refusal(/anybody can sign for the key RW/));
      if (isForged(point, low)) forged++;
    }
  }
  // It is no mere list: for most of them OpenSSL takes a signature that nobody made.
  assert.ok(forged >= 8, `${forged}`);
  for (let number = 1; number < 50; number++) secretKey(number);
});

/** Whether a signature of 0 with one of the points `low` is one of some message. */
function isForged(point: Buffer, low: readonly string[]): boolean {
  const head = Buffer.from("302a300506032b6570032100", "hex");
  const der = createPublicKey({ key: Buffer.concat([head, point]), format: "der", type: "spki" });
  for (let number = 0; number < 64; number++) {
    for (const hex of low) {
      const signature = Buffer.concat([Buffer.from(hex, "hex"), Buffer.alloc(32)]);
      if (verify(null, Buffer.of(number), der, signature)) return true;
    }
  }
  return false;
}

test("keys: a secret key is read as it was written, and signs for its public key", () => {
  for (let number = 1; number < 20; number++) {
    const secret = secretKey(number);
    const file = printSecretKey(secret);
    const read = parseSecretKey(number % 2 === 0 ? file : file.replaceAll("\n", "\r\n"));
    assert.deepEqual(read.public, secret.public);
    assert.ok(hasSigned(secret.public, content, signatureBy(read, content)));
  }
});

test("keys: a damaged secret key signs nothing, and nothing of it is told", () => {
  const file = printSecretKey(key);
  const [first, line] = file.split("\n");
  const bytes = Buffer.from(line, "base64");
  for (let at = 0; at < bytes.length; at++) {
    // How a password would lock it, and the sum that finds a wrong one, are of no account where
    // none does; and a key may have any id.
    if ((at >= 6 && at < 62) || at >= 126) continue;
    const changed = Buffer.from(bytes);
    changed[at] ^= 1;
    const source = `${first}\n${changed.toString("base64")}\n`;
    assert.throws(() => parseSecretKey(source), refusal(/^this secret key is damaged, or of a/));
  }
  const locked = Buffer.from(bytes);
  locked.write("Sc", 2);
  assert.throws(
    () => parseSecretKey(`${first}\n${locked.toString("base64")}\n`),
    refusal(/a password locks this secret key: sign with minisign -Sm/),
  );
  for (const source of [
    "",
    line,
    file.slice(0, 120),
    `${file}more\n`,
    printPublicKey(key.public),
  ]) {
    assert.throws(() => parseSecretKey(source), refusal(/no secret key of minisign's: make one/));
  }
});
