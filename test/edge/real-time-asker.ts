// Asks for real time by the module at argv[2], and prints an `Asked` as JSON.
import { existsSync, readFileSync } from "node:fs";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import type { RealTime } from "../../src/edge/real-time.ts";

/** What a process was granted that asked in its first thread. */
export interface Asked {
  readonly realTime: RealTime;
  /** The scheduling policies, by their numbers, of that thread and of one that it started then. */
  readonly policies: readonly [number, number];
  /** null where the kernel does not tell. */
  readonly slackNs: number | null;
}

/** The 41st field of this thread's stat, proc(5); the second one may hold spaces. */
function policy(): number {
  const [, fields] = readFileSync("/proc/thread-self/stat", "utf8").split(") ");
  return Number(fields.split(" ")[38]);
}

const slackFile = "/proc/self/timerslack_ns";

if (!isMainThread) parentPort!.postMessage(policy());
else if (process.argv[2] !== undefined) {
  const { askRealTime } = await import(process.argv[2]);
  const realTime = await askRealTime("auto");
  const own = policy();
  const slackNs = existsSync(slackFile) ? Number(readFileSync(slackFile, "utf8")) : null;
  new Worker(new URL(import.meta.url)).once("message", (theirs: number) => {
    const asked: Asked = { realTime, policies: [own, theirs], slackNs };
    console.log(JSON.stringify(asked));
  });
}
