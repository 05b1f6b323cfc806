import { isatty } from "node:tty";

/**
 * Settles when someone asks this process to end: Ctrl-C, SIGTERM, its terminal going away, or the
 * process that started it (its IPC channel closing). Tells which.
 */
export function interrupted(): Promise<string> {
  // Without a terminal a hang-up is as it was: `nohup` has it ignored.
  const signals = isatty(0)
    ? (["SIGINT", "SIGTERM", "SIGHUP"] as const)
    : (["SIGINT", "SIGTERM"] as const);
  return new Promise((resolve) => {
    for (const signal of signals) process.once(signal, () => resolve(`signal ${signal}`));
    process.once("disconnect", () => resolve("the end of the process that started it"));
  });
}
