import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/**
 * What one round allocates on the heap, in bytes, as the module at `url` prints it by `printBytes`:
 * in a process of its own, which saw nothing else before, with so much new space that nothing is
 * collected meanwhile, which would hide what was allocated. It is compiled at the same moments each
 * time: else a busy machine compiles later, and finds other numbers to box.
 */
export function bytesOf(url: URL): number {
  const space = ["--min-semi-space-size=64", "--max-semi-space-size=64"];
  const words = ["--predictable", ...space, fileURLToPath(url)];
  return Number(execFileSync(process.execPath, words, { encoding: "utf8" }));
}

/** Prints what one call of `round` allocates at the least, in bytes, compiled and warm. */
export function printBytes(round: (index: number) => void): void {
  const rounds = 50_000;
  let least = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < 5; attempt++) {
    const before = process.memoryUsage().heapUsed;
    for (let index = 0; index < rounds; index++) round(index);
    least = Math.min(least, Math.abs(process.memoryUsage().heapUsed - before) / rounds);
  }
  console.log(least);
}
