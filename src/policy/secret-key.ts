import { createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { SinewError } from "../core/errors.ts";
import { bytesIn, keyAlgorithm, linesOf } from "./minisign.ts";
import { type PublicKey, publicKeyOf } from "./public-key.ts";

/** An Ed25519 key that signs. Never to be shown or logged. */
export interface SecretKey {
  readonly public: PublicKey;
  /** The eight bytes of the key's id. */
  readonly id: Uint8Array;
  /** [32] */
  readonly seed: Uint8Array;
}

/** How much chance a key is made of: its seed, then its id. */
export const secretKeyChanceBytes = 40;

const locked = "Sc";
const unlocked = "\0\0";
const checksum = "B2";
/** Algorithm, derivation, checksum; 48 bytes of how it is locked; id, seed, point, checksum. */
const headBytes = 6 + 48;
const keyBytes = headBytes + 8 + 64 + 32;
/** What stands before the seed in the form that Node reads (RFC 8410). */
const pkcs8Head = Buffer.from("302e020100300506032b657004220420", "hex");

/** A key made of `chance`, [secretKeyChanceBytes]. */
export function newSecretKey(chance: Uint8Array): SecretKey {
  return secretKeyOf(chance.slice(32, secretKeyChanceBytes), chance.slice(0, 32));
}

function secretKeyOf(id: Uint8Array, seed: Uint8Array): SecretKey {
  return { public: publicKeyOf(id, pointOf(seed)), id, seed };
}

/**
 * The key in the file that minisign keeps it in, which must not be locked by a password. Throws
 * `SinewError("signature")`, which tells nothing of the key.
 */
export function parseSecretKey(text: string): SecretKey {
  const [comment = "", line, ...others] = linesOf(text);
  const bytes = bytesIn(line, keyBytes);
  const fail = (why: string): never => {
    throw new SinewError("signature", why);
  };
  if (!comment.startsWith("untrusted comment:") || bytes === null || others.length > 0) {
    return fail("this is no secret key of minisign's: make one with npx sinew sign --new-key");
  }
  const [key, derivation, sum] = [0, 2, 4].map((at) => bytes.toString("latin1", at, at + 2));
  if (derivation === locked) {
    return fail("a password locks this secret key: sign with minisign -Sm <policy> -s <key>");
  }
  const body = bytes.subarray(headBytes, keyBytes - 32);
  const isKnown = key === keyAlgorithm && derivation === unlocked && sum === checksum;
  const [id, seed] = [body.subarray(0, 8), body.subarray(8, 40)].map((part) =>
    Uint8Array.from(part),
  );
  if (!isKnown || !pointOf(seed).equals(body.subarray(40))) {
    return fail("this secret key is damaged, or of a kind that is not known here");
  }
  return secretKeyOf(id, seed);
}

/** The file that minisign keeps the key in; no password locks it. */
export function printSecretKey(secret: SecretKey): string {
  const { id, seed } = secret;
  const body = Buffer.concat([id, seed, pointOf(seed)]);
  const head = Buffer.alloc(headBytes);
  head.write(keyAlgorithm + unlocked + checksum, "latin1");
  // Where there is no password to be wrong, minisign leaves the checksum 0.
  const bytes = Buffer.concat([head, body, Buffer.alloc(32)]);
  const comment = `minisign secret key ${secret.public.id}, without a password`;
  return `untrusted comment: ${comment}\n${bytes.toString("base64")}\n`;
}

/** Signs `message`; [64] */
export function signatureBy({ seed }: SecretKey, message: Uint8Array): Buffer {
  return sign(null, message, privateKeyOf(seed));
}

function pointOf(seed: Uint8Array): Buffer {
  return createPublicKey(privateKeyOf(seed)).export({ format: "der", type: "spki" }).subarray(-32);
}

function privateKeyOf(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([pkcs8Head, seed]), format: "der", type: "pkcs8" });
}
