import type { TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Spec } from "../../src/core/spec.ts";
import type { ControlThread } from "../../src/edge/control-thread.ts";
import { Holds } from "../../src/edge/holds.ts";
import { Lineup, type SwapChoice } from "../../src/edge/lineup.ts";
import { Members } from "../../src/edge/members.ts";
import { Run, type RunFacts } from "../../src/edge/run.ts";
import { Shadow } from "../../src/edge/shadow.ts";
import { Request, State } from "../../src/edge/status.ts";
import { Succession } from "../../src/edge/succession.ts";
import type { Offer } from "../../src/edge/worker.ts";
import type { LogEvent } from "../../src/log/event.ts";
import type { Log } from "../../src/log/log.ts";
import { StepRecord } from "../../src/log/record.ts";
import { countsOfRing, makeRing, RingConsumer, RingProducer } from "../../src/log/ring.ts";
import { policyOfPlain } from "../../src/policy/driver.ts";
import type { Policy } from "../../src/policy/policy.ts";
import { Guard } from "../../src/safety/guard.ts";
import { Hold } from "../../src/safety/hold.ts";
import { type Limits, limitsOf } from "../../src/safety/limits.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { randomPolicy } from "../policy/random-policy.ts";
import { LoopStage } from "./loop-stage.ts";

const slots = 256;

/** A policy of 20 Hz that is asked in each cycle, and a short watch. */
export const defaultTerms: Pick<RunFacts, "pace" | "swap"> = {
  pace: { every: 1, between: "hold", policyPeriodUs: pendulumSpec.periodUs },
  swap: { blendCycles: 4, watchCycles: 8, limitedMax: 0.25 },
};

/** The run's policies, of which the first one does what the stage says. */
class StagedPolicies implements Pick<Succession, "obey" | "look"> {
  readonly lineup: Lineup;
  readonly #shadow: Shadow;
  readonly #offers: Offer[] = [];
  #stage: LoopStage | null = null;
  #succession: Succession | null = null;

  constructor(spec: Spec, limits: Limits, swap: SwapChoice) {
    const act: Policy["act"] = (observation, action) => this.#stage!.act(observation, action);
    this.lineup = new Lineup({ id: "x", spec, act }, swap);
    this.#shadow = new Shadow(spec, limits);
  }

  begin(stage: LoopStage): void {
    this.#stage = stage;
    const events = { append: (event: LogEvent) => void stage.events.push(event) };
    this.#succession = new Succession(this.lineup, this.#shadow, stage.status, events, () => {
      const offer = this.#offers.pop();
      return offer === undefined ? null : { ...offer, policy: policyOfPlain(offer.plain) };
    });
  }

  offer(offer: Offer): void {
    this.#offers.push(offer);
  }

  obey(...words: Parameters<Succession["obey"]>): void {
    this.#succession!.obey(...words);
  }

  look(...words: Parameters<Succession["look"]>): void | Promise<void> {
    return this.#succession!.look(...words);
  }
}

/**
 * A run whose loop turns in this thread and in simulated time, with a device on the desk. It ends
 * with its test, whether that fails or not.
 */
export class StagedRun {
  readonly stage: LoopStage;
  readonly run: Run;
  /** What the log would keep, of commands and of the loop. */
  readonly events: LogEvent[];

  constructor(
    t: Pick<TestContext, "after">,
    limits: Limits = limitsOf(pendulumSpec),
    spec: Spec = pendulumSpec,
    terms: Partial<typeof defaultTerms> = {},
  ) {
    const whole = { ...defaultTerms, ...terms };
    const policies = new StagedPolicies(spec, limits, whole.swap);
    this.stage = new LoopStage(spec, undefined, {}, [], {
      ...{ policy: policies.lineup, succession: policies },
      guard: new Guard(spec, limits),
    });
    const { stage } = this;
    policies.begin(stage);
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
          offer: (offer) => policies.offer(offer),
        }),
        holds: new Holds(cannot, stage.status),
        spec,
        limits,
        ...whole,
        realTime: { granted: false, line: "no" },
      },
      stage.status,
      link,
      log as unknown as Log,
      { ended } as unknown as ControlThread,
    );
  }
}
