import { createPublicKey, verify } from "node:crypto";
import { SinewError } from "../core/errors.ts";
import { bytesIn, keyAlgorithm, keyIdOf, linesOf } from "./minisign.ts";

/** An Ed25519 key that signatures are held against, as minisign writes it. */
export interface PublicKey {
  /** As minisign shows it: 16 hexadecimal digits. Anybody can make another key of that id. */
  readonly id: string;
  /** The whole key: 56 characters of base64. */
  readonly line: string;
}

/** Algorithm, id, point. */
const keyBytes = 2 + 8 + 32;
const pointAt = 10;
/** What stands before the point in the form that Node reads (RFC 8410). */
const spkiHead = Buffer.from("302a300506032b6570032100", "hex");

/**
 * Points of an order of 1, 2, 4 or 8, little-endian, without their highest bit: for such a key
 * signatures can be made up.
 */
const weakPoints: ReadonlySet<string> = new Set([
  `01${"00".repeat(31)}`,
  `ec${"ff".repeat(30)}7f`,
  "00".repeat(32),
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  // The first and the third once more: these numbers are not reduced.
  `ee${"ff".repeat(30)}7f`,
  `ed${"ff".repeat(30)}7f`,
]);

/** Whether `text` is meant as a key, not as the name of a file. */
export function isPublicKeyLine(text: string): boolean {
  return text.length === 56 && bytesIn(text, keyBytes)?.toString("latin1", 0, 2) === keyAlgorithm;
}

/**
 * The key in `text`: its line alone, or the file that minisign keeps it in. Throws
 * `SinewError("signature")` for what is none, and for one that anybody can sign for.
 */
export function parsePublicKey(text: string): PublicKey {
  const lines = linesOf(text);
  if (lines.length === 2 && lines[0].startsWith("untrusted comment:")) lines.shift();
  const [line = "", ...others] = lines;
  if (others.length > 0 || !isPublicKeyLine(line)) {
    throw new SinewError(
      "signature",
      "this is no public key of minisign's: give its 56 characters, RW..., or its .pub file",
    );
  }
  const bytes = Buffer.from(line, "base64");
  const point = Buffer.from(bytes.subarray(pointAt));
  point[31] &= 0x7f;
  if (weakPoints.has(point.toString("hex"))) {
    throw new SinewError("signature", `anybody can sign for the key ${line}: make another`);
  }
  return { id: keyIdOf(bytes.subarray(2, pointAt)), line };
}

/** The key that names itself `id` (8 bytes) and has that point (32 bytes). */
export function publicKeyOf(id: Uint8Array, point: Uint8Array): PublicKey {
  const bytes = Buffer.concat([Buffer.from(keyAlgorithm), id, point]);
  return parsePublicKey(bytes.toString("base64"));
}

/** The file that minisign keeps the key in. */
export function printPublicKey({ id, line }: PublicKey): string {
  return `untrusted comment: minisign public key ${id}\n${line}\n`;
}

/** Whether `signature` (64 bytes) is one of `message` by the key. */
export function hasSigned(key: PublicKey, message: Uint8Array, signature: Uint8Array): boolean {
  const point = Buffer.from(key.line, "base64").subarray(pointAt);
  const der = Buffer.concat([spkiHead, point]);
  return verify(
    null,
    message,
    createPublicKey({ key: der, format: "der", type: "spki" }),
    signature,
  );
}
