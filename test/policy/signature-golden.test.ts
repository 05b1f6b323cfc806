// Keys and signatures by the real minisign: test/golden/minisign/commands.txt made them.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parsePublicKey, printPublicKey } from "../../src/policy/public-key.ts";
import { parseSecretKey, printSecretKey } from "../../src/policy/secret-key.ts";
import { checkSignature, signatureOf } from "../../src/policy/signature.ts";
import { refused } from "../edge/run-words.ts";

const golden = (name: string): Buffer => readFileSync(`test/golden/minisign/${name}`);
const text = (name: string): string => golden(name).toString();

const message = golden("message.txt");
const key = parsePublicKey(text("plain.pub"));

test("minisign: its signatures hold, of the file and of its hash, and no other file's", () => {
  const legacy = checkSignature(message, "a", golden("legacy.minisig"), [key]);
  assert.match(legacy.comment, /^timestamp:\d+ file:message\.txt$/);
  assert.match(text("legacy.minisig"), /\nRW/, "Ed");
  assert.match(text("hashed.minisig"), /\nRU/, "ED");
  const hashed = checkSignature(message, "a", golden("hashed.minisig"), [key]);
  assert.deepEqual(hashed, { keyId: key.id, comment: "a trusted comment" });
  const other = parsePublicKey(text("locked.pub"));
  for (const name of ["hashed.minisig", "legacy.minisig"]) {
    const signature = golden(name);
    const check = (bytes: Uint8Array, keys = [key]): unknown =>
      checkSignature(bytes, "a", signature, keys);
    for (let at = 0; at < message.length * 8; at++) {
      const changed = Buffer.from(message);
      changed[at >> 3] ^= 1 << (at & 7);
      assert.throws(() => check(changed), refused("signature", /^a is not what key/));
    }
    assert.throws(() => check(message, [other]), refused("signature", /^a was signed by key/));
    const comment = Buffer.from(signature.toString("latin1").replace("\ntrusted comment: ", "$&x"));
    assert.throws(
      () => checkSignature(message, "a", comment, [key]),
      refused("signature", /trusted comment of a\.minisig was changed/),
    );
  }
});

test("minisign: its key signs here as it does there, and is written as it writes it", () => {
  const secret = parseSecretKey(text("plain.key"));
  assert.deepEqual(secret.public, key);
  assert.equal(printPublicKey(key), text("plain.pub"));
  assert.equal(printSecretKey(secret).split("\n")[1], text("plain.key").split("\n")[1]);
  // Ed25519 leaves nothing to chance.
  const ours = signatureOf(message, "a trusted comment", secret).split("\n").slice(1);
  assert.deepEqual(ours, text("hashed.minisig").split("\n").slice(1));
});

test("minisign: a key that a password locks is left to it", () => {
  assert.throws(
    () => parseSecretKey(text("locked.key")),
    refused("signature", /^a password locks this secret key: sign with minisign -Sm/),
  );
});
