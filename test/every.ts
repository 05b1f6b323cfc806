import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));

/** Rooms whose tests compute, and never look at a clock. */
const computing = /^(learn|onnx|policy|safety|sim)\//;

/**
 * Runs the project's tests in this one process: those that compute, or all others. One process for
 * each file would cost more than the tests.
 */
export async function runTests(share: "computing" | "others"): Promise<void> {
  const files = readdirSync(here, { recursive: true, encoding: "utf8" })
    .map((name) => name.replaceAll("\\", "/"))
    .filter((name) => name.endsWith(".test.js"))
    .filter((name) => computing.test(name) === (share === "computing"))
    .sort();
  for (const name of files) await import(pathToFileURL(join(here, name)).href);
}
