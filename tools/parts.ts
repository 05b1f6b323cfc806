import { messageOf } from "../src/core/errors.ts";

/** One part of a test program; what its body returns is printed below its name. */
export type Part = readonly [name: string, body: () => string | Promise<string>];

/**
 * Runs one part after the other and says which failed; nothing without the first. The exit code is
 * 1 where one failed.
 */
export async function runParts(parts: readonly Part[]): Promise<void> {
  let failed = 0;
  for (const [name, body] of parts) {
    const start = Date.now();
    try {
      const told = await body();
      console.log(`ok   ${name}, ${((Date.now() - start) / 1000).toFixed(0)} s`);
      if (told !== "") console.log(`     ${told}`);
    } catch (thrown) {
      failed++;
      console.log(`NOT OK   ${name}: ${messageOf(thrown)}`);
      if (name === parts[0][0]) break;
    }
  }
  console.log(`${parts.length - failed} passed, ${failed} failed`);
  if (failed > 0) process.exitCode = 1;
}
