import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";

/** What a program prints on stdout; throws all that it prints where it does not end well. */
export function run(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: "utf8" });
  const why = error?.message ?? `${stderr}${stdout}`.trim();
  const failed = `${command} ${args.join(" ")} failed: ${why}`;
  assert(error === undefined && status === 0, failed);
  return stdout;
}
