/**
 * Settles with null when someone asks this process to end: Ctrl-C, SIGTERM, or the process that
 * started it going away (its IPC channel closing).
 */
export function interrupted(): Promise<null> {
  return new Promise((resolve) => {
    const end = (): void => resolve(null);
    process.once("SIGINT", end);
    process.once("SIGTERM", end);
    process.once("disconnect", end);
  });
}
