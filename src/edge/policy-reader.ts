// Reads and proves the policy file at workerData, for a run that has other things to do.
import { readFileSync, statSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { type ErrorCode, messageOf, SinewError } from "../core/errors.ts";
import { type PlainPolicy, readPlainPolicy } from "../policy/driver.ts";

/** What it says. */
export type PolicyRead =
  | { readonly plain: PlainPolicy }
  | { readonly code: ErrorCode; readonly message: string };

const bytesMax = 256 * 2 ** 20;

function read(path: string): PolicyRead {
  try {
    const state = statSync(path, { throwIfNoEntry: false });
    if (state?.isFile() !== true || state.size > bytesMax) {
      throw new SinewError("policy-file", `${path} is no file that the run can read`);
    }
    return { plain: readPlainPolicy(readFileSync(path)) };
  } catch (thrown) {
    const code = thrown instanceof SinewError ? thrown.code : "policy-file";
    return { code, message: messageOf(thrown) };
  }
}

const told = read(workerData as string);
parentPort!.postMessage(told, "plain" in told ? [told.plain.image.bytes.buffer] : []);
