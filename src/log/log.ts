import { statSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { messageOf, SinewError } from "../core/errors.ts";
import type { Spec } from "../core/spec.ts";
import type { LogEvent } from "./event.ts";
import { textOfSpec } from "./metadata.ts";
import { StepRecord } from "./record.ts";
import { closeRing, countsOfRing, type LogCounts, makeRing } from "./ring.ts";
import { openSuffix } from "./salvage.ts";

export interface LogOptions {
  /** Made where it is missing. */
  readonly directory: string;
  /** The file is called `<name>.mcap`, and `<name>.mcap.open` until it is closed. */
  readonly name: string;
  readonly spec: Spec;
  /** Kept in the file, beside `spec`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Steps that can wait for the writer; by default four seconds' worth, at least 64. */
  readonly slots?: number;
}

/** What a closed log holds. */
export interface ClosedLog {
  /** `.mcap`, or `.mcap.open` where `failure` kept it from being completed. */
  readonly path: string;
  /** Steps in the file. */
  readonly steps: number;
  /** Steps of the run that are not in it. */
  readonly dropped: number;
  /** Why logging ended early, on one line; null where it did not. */
  readonly failure: string | null;
}

/** What the writer thread is given. */
export interface WriterWork {
  readonly ring: SharedArrayBuffer;
  /** Where a second thread tells of events; the first posts them to the writer itself. */
  readonly events: MessagePort;
  readonly openPath: string;
  readonly path: string;
  readonly spec: Spec;
  readonly metadata: readonly (readonly [string, string])[];
}

/** What the writer thread says: once when the file is open or cannot be, once when it is done. */
export type WriterWord =
  | { readonly opened: true }
  | { readonly refused: string }
  | { readonly closed: true; readonly complete: boolean; readonly failure: string | null };

/** A log that is being written by a thread of its own. */
export class Log {
  /** Memory for `new RingProducer(log.ring, spec)` in the control thread. */
  readonly ring: SharedArrayBuffer;
  /** To be sent to the control thread, which posts `LogEvent`s to it. */
  readonly events: MessagePort;
  /** The file while it is being written. */
  readonly path: string;
  readonly #closedPath: string;
  readonly #worker: Worker;
  readonly #ended: Promise<WriterWord>;

  constructor(work: WriterWork, events: MessagePort, worker: Worker, ended: Promise<WriterWord>) {
    this.ring = work.ring;
    this.events = events;
    this.path = work.openPath;
    this.#closedPath = work.path;
    this.#worker = worker;
    this.#ended = ended;
  }

  /** Keeps an event, within 10 ms where the writer is not held up. Never waits or throws. */
  append(event: LogEvent): void {
    this.#worker.postMessage(event);
  }

  /** What became of the steps so far. */
  counts(): LogCounts {
    return countsOfRing(this.ring);
  }

  /**
   * Writes what waits and completes the file. Call it when the control thread appends no more: what
   * comes later is dropped. Never rejects: a disk that failed shows in `failure`.
   */
  async close(): Promise<ClosedLog> {
    this.#worker.ref();
    closeRing(this.ring);
    const word = await this.#ended;
    await this.#worker.terminate();
    const { appended, dropped, written } = this.counts();
    const complete = "complete" in word && word.complete;
    return {
      path: complete ? this.#closedPath : this.path,
      steps: written,
      dropped: dropped + appended - written,
      failure: "failure" in word ? word.failure : "the log's writer ended early",
    };
  }
}

/**
 * Opens a log and starts its writer. An open log does not keep the process alive. Throws
 * `SinewError("log-file")` where the file cannot be made or is there already.
 */
export async function openLog(options: LogOptions): Promise<Log> {
  const { directory, name, spec } = options;
  const path = join(directory, `${name}.mcap`);
  const openPath = path + openSuffix;
  try {
    await mkdir(directory, { recursive: true });
  } catch (error) {
    throw new SinewError(
      "log-file",
      `cannot make the log folder ${directory}: ${messageOf(error)}`,
    );
  }
  if (statSync(path, { throwIfNoEntry: false }) !== undefined) {
    throw new SinewError("log-file", `${path} exists: give the log another name`);
  }
  const slots = options.slots ?? Math.max(64, Math.ceil(4e6 / spec.periodUs));
  const { port1: events, port2: eventsOut } = new MessageChannel();
  const work: WriterWork = {
    events: eventsOut,
    ring: makeRing(new StepRecord(spec).size, slots),
    openPath,
    path,
    spec,
    metadata: [...Object.entries(options.metadata), ["spec", textOfSpec(spec)]],
  };
  const worker = new Worker(new URL("./writer-worker.js", import.meta.url), {
    workerData: work,
    transferList: [eventsOut],
  });
  const { opened, ended } = listen(worker);
  const word = await opened;
  if ("refused" in word) {
    await worker.terminate();
    throw new SinewError("log-file", `cannot write the log ${openPath}: ${word.refused}`);
  }
  worker.unref();
  return new Log(work, events, worker, ended);
}

function listen(worker: Worker): { opened: Promise<WriterWord>; ended: Promise<WriterWord> } {
  let failure = "the log's writer ended early";
  worker.on("error", (error) => {
    failure = messageOf(error);
  });
  const opened = new Promise<WriterWord>((resolve) => {
    worker.once("message", resolve);
    worker.on("exit", () => resolve({ refused: failure }));
  });
  const ended = new Promise<WriterWord>((resolve) => {
    worker.on("message", (word: WriterWord) => {
      if ("closed" in word) resolve(word);
    });
    worker.on("exit", () => resolve({ closed: true, complete: false, failure }));
  });
  return { opened, ended };
}
