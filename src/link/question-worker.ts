import { parentPort, workerData } from "node:worker_threads";
import { monotonicClock } from "../core/clock.ts";
import { SinewError } from "../core/errors.ts";
import { servosBehind } from "./link.ts";
import { RingPort } from "./memory.ts";
import type { Question, QuestionWord, QuestionWork } from "./question-thread.ts";
import { type Probe, scanPort } from "./scan.ts";
import { countsOver } from "./servo-calibration.ts";

const port = parentPort!;
const say = (word: QuestionWord): void => port.postMessage(word);
const { path, rings, question } = workerData as QuestionWork;

/** Has the port set to `baud` bits/s by the thread that holds it. */
async function setBaud(baud: number): Promise<void> {
  const refusal = await new Promise<string | null>((resolve) => {
    port.once("message", resolve);
    say({ word: "rate", baud });
  });
  if (refusal !== null) throw new SinewError("port", refusal);
}

async function answerOf(asked: Question): Promise<unknown> {
  const clock = monotonicClock();
  const open = (): RingPort => new RingPort(rings.toDevice, rings.fromDevice);
  if (asked.what === "counts") {
    const { family, line } = servosBehind(asked.link);
    return countsOver(family, line.servos, open, clock);
  }
  const lock = async () => ({ path, setBaud, close: async () => {} });
  const doors = { lock, open, usbOf: () => asked.usb };
  const tell = (probe: Probe, part: number): void => say({ word: "part", probe, part });
  return scanPort(path, asked.choice, clock, tell, doors);
}

try {
  say({ word: "answer", answer: await answerOf(question) });
} catch (error) {
  if (!(error instanceof SinewError)) throw error;
  say({ word: "failed", code: error.code, message: error.message });
}
