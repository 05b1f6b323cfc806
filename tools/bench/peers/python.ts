import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { messageOf } from "../../../src/core/errors.ts";

const execute = promisify(execFile);

const requirements = resolve("tools/bench/peers/requirements.txt");

/**
 * The Python that has the peers installed, in the versions of `requirements.txt`: a number without
 * its version says nothing. A virtual environment in build/peers, made where it is not there yet or
 * holds other versions. Returns null, and says why, on a machine without Python or without a
 * package index.
 */
export async function pythonWithPeers(note: (line: string) => void): Promise<string | null> {
  const folder = resolve("build/peers");
  const python = resolve(folder, "bin/python");
  const installed = resolve(folder, "installed.txt");
  const wanted = readFileSync(requirements, "utf8");
  if (existsSync(installed) && readFileSync(installed, "utf8") === wanted) return python;
  try {
    note(`installing ${wanted.trim().split("\n").join(", ")}`);
    note(`in ${folder}, once: several GB, several minutes`);
    if (!existsSync(python)) await execute("python3", ["-m", "venv", folder]);
    await execute(python, ["-m", "pip", "install", "--quiet", "-r", requirements]);
    writeFileSync(installed, wanted);
    note("installed");
    return python;
  } catch (thrown) {
    note(`no peers: ${messageOf(thrown).slice(0, 200)}`);
    return null;
  }
}

/** The version of a peer's package that `requirements.txt` asks for. */
export function versionOf(name: string): string {
  const lines = readFileSync(requirements, "utf8").split("\n");
  const line = lines.find((one) => one.startsWith(`${name}==`));
  assert(line !== undefined, `requirements.txt has no ${name}`);
  return line.slice(name.length + 2);
}
