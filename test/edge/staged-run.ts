import type { TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Spec } from "../../src/core/spec.ts";
import type { ControlThread } from "../../src/edge/control-thread.ts";
import { Holds } from "../../src/edge/holds.ts";
import { Members } from "../../src/edge/members.ts";
import { Run } from "../../src/edge/run.ts";
import { Request, State } from "../../src/edge/status.ts";
import type { LogEvent } from "../../src/log/event.ts";
import type { Log } from "../../src/log/log.ts";
import { StepRecord } from "../../src/log/record.ts";
import { countsOfRing, makeRing, RingConsumer, RingProducer } from "../../src/log/ring.ts";
import { Hold } from "../../src/safety/hold.ts";
import { type Limits, limitsOf } from "../../src/safety/limits.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { randomPolicy } from "../policy/random-policy.ts";
import { LoopStage } from "./loop-stage.ts";

const slots = 256;

/**
 * A run whose loop turns in this thread and in simulated time, with a device on the desk. It ends
 * with its test, whether that fails or not.
 */
export class StagedRun {
  readonly stage: LoopStage;
  readonly run: Run;
  /** What the log would keep, of commands and of the loop. */
  readonly events: LogEvent[];

  constructor(t: TestContext, limits: Limits = limitsOf(pendulumSpec), spec: Spec = pendulumSpec) {
    this.stage = new LoopStage(spec);
    const { stage } = this;
    t.after(() => stage.status.ask(Request.end));
    this.events = stage.events;
    // A cycle takes a moment, in which others turn.
    stage.act = async (_, action) => {
      action.fill(0.5);
      await delay(1);
    };
    const link = { name: "desk", door: { serialPath: "" }, notices: [], close: async () => {} };
    const ring = makeRing(new StepRecord(spec).size, slots);
    const [producer, consumer] = [new RingProducer(ring, spec), new RingConsumer(ring)];
    stage.also = (step) => {
      producer.append(step);
      consumer.drain(() => {});
    };
    const closed = { path: "x.mcap", steps: 0, dropped: 0, failure: null };
    const log = {
      path: "x.mcap.open",
      ring,
      counts: () => countsOfRing(ring),
      append: (event: LogEvent) => this.events.push(event),
      close: () => Promise.resolve(closed),
    };
    const ended = stage
      .run(Number.POSITIVE_INFINITY, {})
      .then(() => ({ linkLost: false, failure: null }));
    stage.status.setState(State.running);
    const { cannot } = new Hold(spec, limits, { easeCycles: 1, returnCycles: 1 });
    const first = { id: "x", path: "x.onnx", signer: null };
    this.run = new Run(
      {
        members: new Members(first, randomPolicy(1).contract, null, stage.status, {
          offer: () => {},
        }),
        holds: new Holds(cannot, stage.status),
        spec,
        limits,
        realTime: { granted: false, line: "no" },
      },
      stage.status,
      link,
      log as unknown as Log,
      { ended } as unknown as ControlThread,
    );
  }
}
