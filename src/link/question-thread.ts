import { Worker } from "node:worker_threads";
import { type ErrorCode, messageOf, SinewError } from "../core/errors.ts";
import { makeRingPair, type RingPair } from "./byte-ring.ts";
import { carrySerial, type SerialCarrier } from "./event-line.ts";
import type { ServosLink } from "./link.ts";
import type { Probe, ScanChoice } from "./scan.ts";

/** What is asked over a port by a thread that blocks until it is answered. */
export type Question =
  /** `usb` is of the port, as in `ScanDoors`. */
  | { readonly what: "scan"; readonly choice: ScanChoice; readonly usb: string }
  | { readonly what: "counts"; readonly link: ServosLink };

/** What the thread is given. */
export interface QuestionWork {
  readonly path: string;
  readonly rings: RingPair;
  readonly question: Question;
}

/** What it says: the first two as often as need be, then one of the others. */
export type QuestionWord =
  | { readonly word: "part"; readonly probe: Probe; readonly part: number }
  /** Answered with null, or with why the port does not have that rate. */
  | { readonly word: "rate"; readonly baud: number }
  | { readonly word: "answer"; readonly answer: unknown }
  | { readonly word: "failed"; readonly code: ErrorCode; readonly message: string };

/**
 * Asks over the serial port at `path`, at `baud` bits/s, where only the event loop of this thread
 * can carry its bytes: so another thread asks, and waits for what it carries. The port is locked
 * meanwhile. Resolves with what the thread answers, and throws what that throws, and
 * `SinewError("port")` as `lockSerialLine`.
 */
export async function askOverPlain(
  path: string,
  baud: number,
  question: Question,
  onProgress: (probe: Probe, part: number) => void = () => {},
): Promise<unknown> {
  const rings = makeRingPair();
  const carrier = await carrySerial(path, baud, rings);
  const workerData: QuestionWork = { path, rings, question };
  const worker = new Worker(new URL("./question-worker.js", import.meta.url), { workerData });
  try {
    return await new Promise((resolve, reject) => {
      worker.on("message", (said: QuestionWord) => {
        if (said.word === "part") onProgress(said.probe, said.part);
        else if (said.word === "rate") void answerRate(worker, carrier, said.baud);
        else if (said.word === "answer") resolve(said.answer);
        else reject(new SinewError(said.code, said.message));
      });
      worker.on("error", reject);
    });
  } finally {
    await worker.terminate();
    await carrier.close();
  }
}

async function answerRate(
  worker: Worker,
  carrier: Pick<SerialCarrier, "setBaud">,
  baud: number,
): Promise<void> {
  const refusal = await carrier.setBaud(baud).then(() => null, messageOf);
  worker.postMessage(refusal);
}
