// A thread that appends steps in random bursts, says which the ring took, and closes it.
import { parentPort, workerData } from "node:worker_threads";
import { Rng } from "../../src/core/rng.ts";
import { makeStep } from "../../src/core/step.ts";
import { closeRing, RingProducer } from "../../src/log/ring.ts";
import { fillStep, spec } from "./steps.ts";

export interface ProducerWork {
  readonly ring: SharedArrayBuffer;
  readonly steps: number;
  readonly seed: number;
}

const { ring, steps, seed } = workerData as ProducerWork;
const rng = new Rng(seed, 1);
const producer = new RingProducer(ring, spec);
const step = makeStep(spec);
const pillow = new Int32Array(new SharedArrayBuffer(4));
const taken = new Uint8Array(steps);
for (let seq = 0; seq < steps; seq++) {
  if (rng.below(50) === 0) Atomics.wait(pillow, 0, 0, rng.uniform(0, 0.5));
  fillStep(step, seq);
  taken[seq] = producer.append(step) ? 1 : 0;
}
parentPort!.postMessage(taken);
closeRing(ring);
