// Reads and proves a policy file, for a run that has other things to do.
import { readFileSync, type Stats, statSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { aboutPolicy, type ErrorCode, messageOf, SinewError } from "../core/errors.ts";
import { type PlainPolicy, readPlainPolicy } from "../policy/driver.ts";
import type { PublicKey } from "../policy/public-key.ts";
import type { Signed } from "../policy/signature.ts";
import { signerOf } from "./trust.ts";

/** What it is to do. */
export interface PolicyReading {
  readonly path: string;
  /** One of them must have signed the file; null: nobody must. */
  readonly keys: readonly PublicKey[] | null;
}

/** What it says. */
export type PolicyRead =
  | { readonly plain: PlainPolicy; readonly signer: Signed | null }
  | { readonly code: ErrorCode; readonly message: string };

const bytesMax = 256 * 2 ** 20;

function read({ path, keys }: PolicyReading): PolicyRead {
  try {
    const state = statSync(path, { throwIfNoEntry: false });
    const against = obstacleOf(state);
    if (against !== null) {
      throw new SinewError("policy-file", `${path} is no file that the run can read: ${against}`);
    }
    // Read once: these bytes are proved, and no others.
    const bytes = readFileSync(path);
    const signer = signerOf({ bytes, path }, keys);
    return { plain: readPlainPolicy(bytes), signer };
  } catch (thrown) {
    const code = thrown instanceof SinewError ? thrown.code : "policy-file";
    return { code, message: messageOf(aboutPolicy(thrown, path)) };
  }
}

/** Why nothing is read of what is in such a `state`; null: it is a file. */
function obstacleOf(state: Stats | undefined): string | null {
  if (state === undefined) return "there is none";
  if (state.isDirectory()) return "it is a folder";
  if (!state.isFile()) return "it is something else";
  return state.size > bytesMax ? `it has more than ${bytesMax} bytes` : null;
}

const told = read(workerData as PolicyReading);
parentPort!.postMessage(told, "plain" in told ? [told.plain.image.bytes.buffer] : []);
