import { readFileSync } from "node:fs";
import { join } from "node:path";
import { aboutPolicy, messageOf, SinewError } from "../core/errors.ts";

/** The bytes of a policy file. Throws `SinewError("policy-file")` where it cannot be read. */
export function readPolicyFile(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new SinewError("policy-file", `${path} ${reasonOf(error, path)}`, { cause: error });
  }
}

/** What `body` makes of the policy at `path`; what it finds wrong with that names the file. */
export async function ofPolicyFile<Value>(
  path: string,
  body: () => Value | Promise<Value>,
): Promise<Value> {
  try {
    return await body();
  } catch (error) {
    throw aboutPolicy(error, path);
  }
}

function reasonOf(error: unknown, path: string): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "EISDIR") return `is a folder: give the file in it, as ${join(path, "policy.onnx")}`;
  if (code === "EACCES") return "cannot be read: permission denied";
  const none = "there is no such file: train one with npx sinew train";
  return `cannot be read: ${code === "ENOENT" ? none : messageOf(error)}`;
}
