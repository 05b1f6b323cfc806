import { Worker } from "node:worker_threads";
import { type ErrorCode, messageOf, SinewError } from "../core/errors.ts";
import type { LoopWord, LoopWork } from "./worker.ts";

/** The main thread's hold on the thread that runs the loop. */
export class ControlThread {
  /** Settles when the device has accepted the contract; rejects with what the thread threw. */
  readonly ready: Promise<void>;
  /** Settles when the thread is over: whether that was because the link was lost. */
  readonly ended: Promise<boolean>;
  readonly #worker: Worker;

  constructor(work: LoopWork) {
    this.#worker = new Worker(new URL("./worker.js", import.meta.url), { workerData: work });
    const worker = this.#worker;
    let linkLost = false;
    this.ready = new Promise((resolve, reject) => {
      const fail = (code: ErrorCode, line: string): void => reject(new SinewError(code, line));
      worker.on("message", (said: LoopWord) => {
        if (said.word === "ready") resolve();
        else if (said.word === "ended") linkLost = said.linkLost;
        else fail(said.code, said.message);
      });
      worker.on("error", (error) => fail("engine", `the control thread: ${messageOf(error)}`));
      worker.on("exit", () => fail("engine", "the control thread ended early"));
    });
    this.ended = new Promise((resolve) => {
      worker.on("exit", () => resolve(linkLost));
    });
  }

  /** Lets the loop begin, with the log's ring. */
  start(ring: SharedArrayBuffer): void {
    this.#worker.postMessage(ring);
  }

  /** Ends the thread wherever it is. */
  async kill(): Promise<void> {
    await this.#worker.terminate();
  }
}
