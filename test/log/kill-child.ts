// A process that logs at 1 kHz until it is killed. After each step that the ring took, it tells its
// parent by a blocking write of two doubles: the step's `seq`, and how late the cycle was, in us.
import { writeSync } from "node:fs";
import { monotonicClock } from "../../src/core/clock.ts";
import { makeStep } from "../../src/core/step.ts";
import { openLog } from "../../src/log/log.ts";
import { RingProducer } from "../../src/log/ring.ts";
import { fillStep, spec } from "./steps.ts";

const [directory, name] = process.argv.slice(2);
const log = await openLog({ directory, name, spec, metadata: {}, slots: 4096 });
const producer = new RingProducer(log.ring, spec);
const clock = monotonicClock();
const step = makeStep(spec);
const told = new Float64Array(2);
const startUs = clock.now();
for (let seq = 0; seq < 30_000; seq++) {
  const dueUs = startUs + seq * 1000;
  clock.until(dueUs);
  fillStep(step, seq);
  const late = clock.now() - dueUs;
  if (!producer.append(step)) break;
  told[0] = seq;
  told[1] = late;
  writeSync(1, told);
}
