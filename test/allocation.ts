import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/**
 * What one round allocates on the heap, in bytes, as the module at `url` prints it by `printBytes`:
 * in a process of its own, which saw nothing else before, with so much new space that nothing is
 * collected meanwhile, which would hide what was allocated. `choice` is what it finds in its
 * `process.argv`. It is compiled at the same moments each
 * time: else a busy machine compiles later, and finds other numbers to box.
 */
export function bytesOf(url: URL, ...choice: string[]): number {
  const space = ["--min-semi-space-size=64", "--max-semi-space-size=64"];
  const words = ["--predictable", ...space, fileURLToPath(url), ...choice];
  return Number(execFileSync(process.execPath, words, { encoding: "utf8" }));
}

/**
 * Prints what one call of `round` allocates at the least, in bytes, compiled and warm. `rounds` of
 * it at once fit into the new space, which has 64 MiB.
 */
export async function printBytes(
  round: (index: number) => void | Promise<void>,
  rounds: number = 50_000,
): Promise<void> {
  let least = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < 5; attempt++) {
    const before = process.memoryUsage().heapUsed;
    for (let index = 0; index < rounds; index++) {
      const done = round(index);
      if (done !== undefined) await done;
    }
    least = Math.min(least, Math.abs(process.memoryUsage().heapUsed - before) / rounds);
  }
  console.log(least);
}
