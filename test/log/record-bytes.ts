// What encoding one step allocates.
import { makeStep } from "../../src/core/step.ts";
import { StepRecord } from "../../src/log/record.ts";
import { printBytes } from "../allocation.ts";
import { spec } from "./steps.ts";

const record = new StepRecord(spec);
const step = makeStep(spec);
const bytes = new Uint8Array(record.size);
await printBytes(() => {
  step.timeUs += 0.5;
  record.encode(step, bytes, 0);
});
