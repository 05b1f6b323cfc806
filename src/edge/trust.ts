import { readFileSync, statSync } from "node:fs";
import { messageOf, SinewError } from "../core/errors.ts";
import { isPublicKeyLine, type PublicKey, parsePublicKey } from "../policy/public-key.ts";
import {
  checkSignature,
  type Signed,
  signatureBytesMax,
  signatureEnding,
} from "../policy/signature.ts";
import type { Robot } from "./robot.ts";

/** The bytes that are to be loaded, and where they were read. */
export interface PolicyBytes {
  readonly bytes: Uint8Array;
  readonly path: string;
}

const keyBytesMax = 4096;

/**
 * The keys that `trust` of a robot file names: each itself, or the file that holds it. Null where
 * there is none, and no signature is asked for. Throws `SinewError("robot-file")` for what is no
 * key.
 */
export function trustedKeys({ trust }: Pick<Robot, "trust">): PublicKey[] | null {
  return trust?.map((word) => trustedKey(word)) ?? null;
}

/** What `trustedKeys` would say of each entry: its place in the list, and the line. */
export function faultsOfTrust({
  trust = [],
}: Pick<Robot, "trust">): { readonly at: number; readonly line: string }[] {
  return trust.flatMap((word, at) => {
    try {
      trustedKey(word);
      return [];
    } catch (error) {
      return [{ at, line: messageOf(error) }];
    }
  });
}

function trustedKey(word: string): PublicKey {
  try {
    return readPublicKey(word);
  } catch (error) {
    throw new SinewError("robot-file", `trust: ${messageOf(error)}`, { cause: error });
  }
}

/** The public key `word`, or the one in the file of that name. Throws `SinewError("signature")`. */
export function readPublicKey(word: string): PublicKey {
  if (isPublicKeyLine(word)) return parsePublicKey(word);
  const bytes = bytesOf(word, keyBytesMax);
  if (bytes === null) {
    throw new SinewError(
      "signature",
      `${word} is no public key (56 characters, RW...), and no file of that name is there`,
    );
  }
  try {
    return parsePublicKey(Buffer.from(bytes).toString("latin1"));
  } catch (error) {
    throw new SinewError("signature", `${word}: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * Who signed the very bytes of `policy`, which must be one of `keys`; null where no keys are given.
 * The signature lies in the file beside it. Throws `SinewError("signature")`.
 */
export function signerOf(policy: PolicyBytes, keys: readonly PublicKey[] | null): Signed | null {
  if (keys === null) return null;
  const { bytes, path } = policy;
  const signature = bytesOf(path + signatureEnding, signatureBytesMax);
  if (signature === null) {
    const next = `sign it with npx sinew sign ${path} --key <secret key>`;
    const line = `${path} is not trusted: it has no signature ${path}${signatureEnding}; ${next}`;
    throw new SinewError("signature", line);
  }
  return checkSignature(bytes, path, signature, keys);
}

/** The bytes of a file of at most `most`; null where there is none. */
function bytesOf(path: string, most: number): Uint8Array | null {
  const fail = (why: string): never => {
    throw new SinewError("signature", `${path} ${why}`);
  };
  try {
    const state = statSync(path, { throwIfNoEntry: false });
    if (state === undefined) return null;
    if (!state.isFile()) fail("is no file");
    if (state.size > most) fail(`has more than ${most} bytes: it is neither key nor signature`);
    return readFileSync(path);
  } catch (error) {
    if (error instanceof SinewError) throw error;
    return fail(`cannot be read: ${messageOf(error)}`);
  }
}
