import { strict as assert } from "node:assert";
import { monotonicClock } from "../../src/core/clock.ts";
import { makeStep } from "../../src/core/step.ts";
import { Start } from "../../src/edge/start.ts";
import { type Cycle, tick } from "../../src/edge/tick.ts";
import { BridgeDevice } from "../../src/link/device.ts";
import { memoryPorts } from "../../src/link/memory.ts";
import { StepRecord } from "../../src/log/record.ts";
import { makeRing, RingProducer } from "../../src/log/ring.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import { loadPolicy } from "../../src/policy/policy.ts";
import { Guard } from "../../src/safety/guard.ts";
import { limitsOf } from "../../src/safety/limits.ts";
import { Happening, Supervisor } from "../../src/safety/supervisor.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { Session } from "../../src/wire/session.ts";
import { DeskDevice } from "../../test/link/desk-device.ts";
import { randomPolicy } from "../../test/policy/random-policy.ts";
import type { Bench, BenchOptions } from "./main.ts";
import type { BenchResult } from "./rounds/result.ts";

const ticksPerRound = 5000;
const ticksBefore = 500;

export const bench: Bench = {
  title:
    "One control cycle, us: read a state frame, infer (ONNX, 3-64-64-1), gate, write a command " +
    "frame, append to the log's ring, over a link in memory, without a pause between cycles.",
  rounds: 5,
  run,
};

async function* run({ rounds }: BenchOptions): AsyncGenerator<BenchResult> {
  const shares = { p50: 0.5, p99: 0.99, "p99.9": 0.999 };
  const found: Record<string, number[]> = { p50: [], p99: [], "p99.9": [] };
  const policy = await loadPolicy(await exportPolicy(randomPolicy(1)));
  for (let round = 0; round < rounds; round++) {
    const times = await oneRound(policy);
    for (const [name, share] of Object.entries(shares)) {
      found[name].push(times[Math.ceil(times.length * share) - 1]);
    }
  }
  await policy.close();
  for (const [name, ours] of Object.entries(found)) {
    yield { case: name, unit: "us", ours, peers: {} };
  }
}

/** The times of a round's cycles in microseconds, sorted. */
async function oneRound(policy: Cycle["policy"]): Promise<Float64Array> {
  const clock = monotonicClock();
  const [near, far] = memoryPorts();
  const desk = new DeskDevice(pendulumSpec, far);
  const device = new BridgeDevice(pendulumSpec, near, new Session(pendulumSpec));
  const turn = (): void => {
    desk.turn(clock.now());
    device.poll(clock.now());
  };
  while (device.phase !== "ready") turn();
  device.arm(clock.now());
  while (!device.armed) turn();
  const supervisor = new Supervisor();
  supervisor.tell(Happening.arm, clock.now());
  const slots = 2 * (ticksBefore + ticksPerRound);
  const ring = makeRing(new StepRecord(pendulumSpec).size, slots);
  const cycle: Cycle = {
    clock,
    device,
    policy,
    setpoints: { fill: () => {} },
    approach: new Start(pendulumSpec, limitsOf(pendulumSpec), undefined),
    guard: new Guard(pendulumSpec, limitsOf(pendulumSpec)),
    supervisor,
    log: new RingProducer(ring, pendulumSpec),
    meter: { lap: () => {} },
    ttlUs: 900_000,
    onMiss: "coast",
    step: makeStep(pendulumSpec),
  };
  const times = new Float64Array(ticksPerRound);
  for (let seq = -ticksBefore; seq < ticksPerRound; seq++) {
    desk.turn(clock.now());
    const startUs = clock.now();
    await tick(cycle, seq + ticksBefore, false);
    if (seq >= 0) times[seq] = clock.now() - startUs;
  }
  assert.ok(desk.accepted > ticksPerRound, "the device took the commands");
  assert.equal(cycle.step.reasons, 0);
  return times.sort();
}
