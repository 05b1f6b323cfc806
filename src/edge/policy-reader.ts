// Reads and proves a policy file, for a run that has other things to do.
import { readFileSync, statSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { type ErrorCode, messageOf, SinewError } from "../core/errors.ts";
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
    if (state?.isFile() !== true || state.size > bytesMax) {
      throw new SinewError("policy-file", `${path} is no file that the run can read`);
    }
    // Read once: these bytes are proved, and no others.
    const bytes = readFileSync(path);
    const signer = signerOf({ bytes, path }, keys);
    return { plain: readPlainPolicy(bytes), signer };
  } catch (thrown) {
    const code = thrown instanceof SinewError ? thrown.code : "policy-file";
    return { code, message: messageOf(thrown) };
  }
}

const told = read(workerData as PolicyReading);
parentPort!.postMessage(told, "plain" in told ? [told.plain.image.bytes.buffer] : []);
