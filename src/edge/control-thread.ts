import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { type ErrorCode, messageOf, SinewError } from "../core/errors.ts";
import type { RealTime } from "./real-time.ts";
import type { Doors, LogDoor, LoopWord, LoopWork, Offer } from "./worker.ts";

/** How the control thread ended. */
export interface ThreadEnd {
  readonly linkLost: boolean;
  /** What broke it, on one line; null where it ended as it should. */
  readonly failure: string | null;
}

/** How the control thread goes to work. */
export interface Ready {
  /** What computes the policy, as `Driver` names it. */
  readonly runner: string;
  /** What the machine granted the thread. */
  readonly realTime: RealTime;
}

/** The main thread's hold on the thread that runs the loop. */
export class ControlThread {
  /**
   * Settles when the device has accepted the contract, with how the thread goes to work; rejects
   * with what it threw.
   */
  readonly ready: Promise<Ready>;
  /** Settles when the thread is over. */
  readonly ended: Promise<ThreadEnd>;
  readonly #worker: Worker;
  #offers: MessagePort | null = null;

  constructor(work: LoopWork) {
    this.#worker = new Worker(new URL("./worker.js", import.meta.url), { workerData: work });
    const worker = this.#worker;
    let end: ThreadEnd = { linkLost: false, failure: "the control thread ended early" };
    this.ready = new Promise((resolve, reject) => {
      const fail = (code: ErrorCode, line: string): void => {
        end = { linkLost: false, failure: line };
        reject(new SinewError(code, line));
      };
      worker.on("message", (said: LoopWord) => {
        if (said.word === "ready") resolve(said);
        else if (said.word === "ended") end = { linkLost: said.linkLost, failure: null };
        else fail(said.code, said.message);
      });
      worker.on("error", (error) => fail("engine", `the control thread: ${messageOf(error)}`));
      worker.on("exit", () => reject(new SinewError("engine", String(end.failure))));
    });
    this.ended = new Promise((resolve) => {
      worker.on("exit", () => resolve(end));
    });
  }

  /** Lets the loop begin, with the way to its log. */
  start({ ring, events }: LogDoor): void {
    const { port1, port2 } = new MessageChannel();
    this.#offers = port1;
    port1.unref();
    const doors: Doors = { ring, events, offers: port2 };
    this.#worker.postMessage(doors, [events, port2]);
  }

  /** Hands a policy over; the loop takes it when it is asked to. */
  offer(offer: Offer): void {
    // Nothing is copied: this thread has no use for it any more.
    this.#offers?.postMessage(offer, [offer.plain.image.bytes.buffer]);
  }

  /** Ends the thread wherever it is. */
  async kill(): Promise<void> {
    await this.#worker.terminate();
  }
}
