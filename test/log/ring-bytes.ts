// What appending one step to the log's ring allocates, until it is full and after.
import { makeStep } from "../../src/core/step.ts";
import { StepRecord } from "../../src/log/record.ts";
import { makeRing, RingProducer } from "../../src/log/ring.ts";
import { printBytes } from "../allocation.ts";
import { spec } from "./steps.ts";

const producer = new RingProducer(makeRing(new StepRecord(spec).size, 200_000), spec);
const step = makeStep(spec);
await printBytes(() => {
  step.seq++;
  step.timeUs += 0.5;
  producer.append(step);
});
