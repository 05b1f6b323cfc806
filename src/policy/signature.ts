import { createHash } from "node:crypto";
import { SinewError } from "../core/errors.ts";
import { bytesIn, keyAlgorithm, keyIdOf, linesOf } from "./minisign.ts";
import { hasSigned, type PublicKey } from "./public-key.ts";
import { type SecretKey, signatureBy } from "./secret-key.ts";

/** Who signed a file, and what was signed with it. */
export interface Signed {
  /** Of the key, as minisign shows it. */
  readonly keyId: string;
  /** Made for people to read: the trusted comment, on one line. */
  readonly comment: string;
}

/** Behind the name of a file it names its signature. */
export const signatureEnding = ".minisig";
/** No signature has more: minisign bounds its comments. */
export const signatureBytesMax = 16_384;

/** Names the algorithm of a signature of the file's BLAKE2b-512, as minisign makes them now. */
const hashedAlgorithm = "ED";
const untrusted = "untrusted comment: ";
const trusted = "trusted comment: ";
/** Algorithm, key id, signature. */
const signatureBytes = 2 + 8 + 64;

/** The parts of a signature's file, of which nothing is proved yet. */
interface Signature {
  readonly keyId: string;
  readonly hashed: boolean;
  /** Of the file; [64] */
  readonly ofFile: Buffer;
  readonly comment: Buffer;
  /** Of `ofFile` and the comment; [64] */
  readonly ofComment: Buffer;
}

/** The text of a signature of `content`, with a `comment` of one line that is signed, too. */
export function signatureOf(content: Uint8Array, comment: string, key: SecretKey): string {
  const ofFile = signatureBy(key, hashOf(content));
  const ofComment = signatureBy(key, Buffer.concat([ofFile, Buffer.from(comment)]));
  const whole = Buffer.concat([Buffer.from(hashedAlgorithm), key.id, ofFile]);
  const lines = [
    `${untrusted}signature by key ${key.public.id}`,
    whole.toString("base64"),
    trusted + comment,
    ofComment.toString("base64"),
  ];
  return `${lines.join("\n")}\n`;
}

/**
 * Holds the file `content`, read from `path`, against the bytes of its signature, which one of
 * `keys` must have made. Throws `SinewError("signature")`, which says what to do next.
 */
export function checkSignature(
  content: Uint8Array,
  path: string,
  signature: Uint8Array,
  keys: readonly PublicKey[],
): Signed {
  const found = parseSignature(signature, path);
  const { keyId, hashed, ofFile, comment, ofComment } = found;
  const known = keys.filter(({ id }) => id === keyId);
  if (known.length === 0) {
    const ids = keys.map(({ id }) => id).join(", ");
    throw refusal(
      `${path} was signed by key ${keyId}, not by ${ids}: have one that is trusted sign it`,
    );
  }
  const message = hashed ? hashOf(content) : content;
  const signer = known.find((key) => hasSigned(key, message, ofFile));
  if (signer === undefined) {
    const changed = "it or its signature was changed, or it was exported anew";
    throw refusal(`${path} is not what key ${keyId} signed: ${changed}; have it signed again`);
  }
  if (!hasSigned(signer, Buffer.concat([ofFile, comment]), ofComment)) {
    const line = `the trusted comment of ${path}${signatureEnding} was changed`;
    throw refusal(`${line}: get that file anew from who signed it`);
  }
  return { keyId, comment: shown(comment) };
}

function parseSignature(content: Uint8Array, path: string): Signature {
  const fail = (why: string): never => {
    const line = `${path}${signatureEnding} is no signature of minisign's: ${why}`;
    throw refusal(`${line}; sign ${path} again`);
  };
  if (content.length > signatureBytesMax) fail(`it has more than ${signatureBytesMax} bytes`);
  // One character for each byte, whatever they spell: what is signed are bytes.
  const lines = linesOf(Buffer.from(content).toString("latin1"));
  if (lines.length !== 4) fail(`it has ${lines.length} lines, not 4`);
  const [first, second, third, fourth] = lines;
  if (!first.startsWith(untrusted)) fail(`it does not begin with "${untrusted}"`);
  if (!third.startsWith(trusted)) fail(`its third line does not begin with "${trusted}"`);
  const whole = bytesIn(second, signatureBytes) ?? fail("its second line is damaged");
  const ofComment = bytesIn(fourth, 64) ?? fail("its last line is damaged");
  const algorithm = whole.toString("latin1", 0, 2);
  if (algorithm !== keyAlgorithm && algorithm !== hashedAlgorithm) {
    fail("its algorithm is not known here");
  }
  return {
    keyId: keyIdOf(whole.subarray(2, 10)),
    hashed: algorithm === hashedAlgorithm,
    ofFile: whole.subarray(10),
    comment: Buffer.from(third.slice(trusted.length), "latin1"),
    ofComment,
  };
}

/** What of a comment can be shown to people, on one line: a tab is a space. */
function shown(comment: Buffer): string {
  const text = comment.toString("utf8").replaceAll("\t", " ");
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "?");
}

function hashOf(content: Uint8Array): Buffer {
  return createHash("blake2b512").update(content).digest();
}

function refusal(line: string): SinewError {
  return new SinewError("signature", line);
}
