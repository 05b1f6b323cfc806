import { readFileSync } from "node:fs";
import { SinewError } from "../core/errors.ts";

/** The bytes of a policy file. Throws `SinewError("policy-file")` where it cannot be read. */
export function readPolicyFile(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new SinewError("policy-file", `${path} cannot be read: train one with npx sinew train`, {
      cause: error,
    });
  }
}
