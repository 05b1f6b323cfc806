// The loop as a program has it that uses serialport and onnxruntime-node as their pages show:
//   node loop-serialport.js <period, us> <seconds> <path of a pty> <policy>
// setInterval calls it; each call reads the newest bytes, infers and writes. Prints its `Turns`.
import { InferenceSession, Tensor } from "onnxruntime-node";
import { SerialPort } from "serialport";
import { Histogram, histogramBytes } from "../../../src/edge/histogram.ts";
import type { Turns } from "./loop-ours.ts";

const [, , period, duration, path, policy] = process.argv;
const periodMs = Number(period) / 1000;
const [observations, commandBytes] = [12, 46];

const session = await InferenceSession.create(policy, {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
});
const port = new SerialPort({ path, baudRate: 1_000_000, autoOpen: false });
await new Promise<void>((resolve, reject) => {
  port.open((error) => (error ? reject(error) : resolve()));
});
const observation = new Float32Array(observations);
port.on("data", (bytes: Buffer) => {
  for (let at = 0; at < observations && 4 * at + 4 <= bytes.length; at++) {
    observation[at] = Math.max(-1, Math.min(1, bytes.readFloatLE(4 * at) || 0));
  }
});
const command = Buffer.alloc(commandBytes, 1);
command[commandBytes - 1] = 0;

const lateness = new Histogram(new ArrayBuffer(histogramBytes));
const startMs = performance.now();
const endMs = startMs + Number(duration) * 1000;
let cycles = 0;
let over = 0;
let busy = false;
const timer = setInterval(() => void cycle(), periodMs);

async function cycle(): Promise<void> {
  const nowMs = performance.now();
  if (nowMs >= endMs) return end();
  cycles++;
  // Late by the schedule that was asked for, of which the nearest deadline before now counts.
  lateness.add(((nowMs - startMs) % periodMs) * 1000);
  if (busy) {
    over++;
    return;
  }
  busy = true;
  const input = new Tensor("float32", observation, [1, observations]);
  const results = await session.run({ [session.inputNames[0]]: input });
  command.writeFloatLE(Number(results[session.outputNames[0]].data[0]), 4);
  port.write(command);
  busy = false;
}

function end(): void {
  clearInterval(timer);
  const due = Math.floor((endMs - startMs) / periodMs);
  const { p50, p99, p999 } = lateness.percentiles();
  const turns: Turns = {
    missed: (100 * Math.max(0, due - cycles)) / due,
    late: (100 * over) / due,
    ...{ p50Us: p50, p99Us: p99, p999Us: p999 },
  };
  process.stdout.write(`${JSON.stringify(turns)}\n`, () => process.exit(0));
}
