import { type ChildProcess, spawn } from "node:child_process";

/**
 * Keeps both cores from falling asleep while `work` runs: else their waking is measured. Its loops
 * are of the idle class, so that anything else goes first.
 */
export async function whileAwake<T>(work: () => Promise<T>): Promise<T> {
  const loops: ChildProcess[] = ["0", "1"].map((core) => {
    const words = ["-i", "0", "taskset", "-c", core, process.execPath, "-e", "for (;;);"];
    return spawn("chrt", words, { stdio: "ignore" });
  });
  try {
    return await work();
  } finally {
    for (const loop of loops) loop.kill("SIGKILL");
  }
}
