import { strict as assert } from "node:assert";
import { monotonicClock } from "../../src/core/clock.ts";
import type { Spec } from "../../src/core/spec.ts";
import { makeStep } from "../../src/core/step.ts";
import { Start } from "../../src/edge/start.ts";
import { type Cycle, Stage, tick } from "../../src/edge/tick.ts";
import { BridgeDevice } from "../../src/link/device.ts";
import { memoryPorts } from "../../src/link/memory.ts";
import { StepRecord } from "../../src/log/record.ts";
import { makeRing, RingProducer } from "../../src/log/ring.ts";
import { openDriver, ortRunner } from "../../src/policy/driver.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import { Guard } from "../../src/safety/guard.ts";
import { Hold } from "../../src/safety/hold.ts";
import { limitsOf } from "../../src/safety/limits.ts";
import { Recovery } from "../../src/safety/recovery.ts";
import { Happening, Supervisor } from "../../src/safety/supervisor.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { Session } from "../../src/wire/session.ts";
import { bytesOf } from "../../test/allocation.ts";
import { DeskDevice } from "../../test/link/desk-device.ts";
import { randomPolicy } from "../../test/policy/random-policy.ts";
import type { Bench, BenchOptions } from "./main.ts";
import type { BenchResult } from "./rounds/result.ts";

const ticksPerRound = 5000;
const ticksBefore = 500;

export const bench: Bench = {
  title:
    "One control cycle, us: read a state frame, infer, gate, write a command frame, " +
    "append to the log's ring, over a link in memory, without a pause between cycles. " +
    "command: from its start to the command being written.",
  rounds: 5,
  run,
};

/** HalfCheetah's sizes, at the pendulum's period. */
const cheetahSpec: Spec = {
  observation: Array.from({ length: 17 }, (_, at) => {
    return { name: `o${at}`, unit: "1", low: -10, high: 10 };
  }),
  action: Array.from({ length: 6 }, (_, at) => {
    return { name: `a${at}`, unit: "N*m", low: -1, high: 1 };
  }),
  periodUs: pendulumSpec.periodUs,
};
/** What is to be reached, us. */
const bars: Readonly<Record<string, number>> = {
  "17-256-256-6, command p50": 60,
  "17-256-256-6, command p99": 300,
};
const shares: Readonly<Record<string, number>> = { p50: 0.5, p99: 0.99, "p99.9": 0.999 };

async function* run({ rounds }: BenchOptions): AsyncGenerator<BenchResult> {
  yield* casesOf("3-64-64-1", pendulumSpec, [64, 64], rounds);
  yield* casesOf("17-256-256-6", cheetahSpec, [256, 256], rounds);
  const url = new URL("../../test/edge/tick-bytes.js", import.meta.url);
  yield {
    case: "4-64-64-1, allocated a cycle",
    unit: "bytes",
    ours: [bytesOf(url)],
    peers: { "ours by ONNX Runtime": [bytesOf(url, ortRunner)] },
  };
}

async function* casesOf(
  name: string,
  spec: Spec,
  hidden: readonly number[],
  rounds: number,
): AsyncGenerator<BenchResult> {
  const bytes = await exportPolicy(randomPolicy(1, spec, hidden));
  const drivers = [await openDriver(bytes), await openDriver(bytes, ortRunner)];
  const found: Times[][] = [[], []];
  for (let round = 0; round < rounds; round++) {
    for (const [at, { policy }] of drivers.entries()) found[at].push(await oneRound(spec, policy));
  }
  for (const driver of drivers) await driver.close();
  for (const what of ["cycle", "command"] as const) {
    for (const [share, value] of Object.entries(shares)) {
      const [ours, byRuntime] = found.map((rounds) =>
        rounds.map((times) => times[what][Math.ceil(ticksPerRound * value) - 1]),
      );
      const peers = { "ours by ONNX Runtime": byRuntime };
      const title = `${name}, ${what} ${share}`;
      const bar = title in bars ? { bar: bars[title] } : {};
      yield { case: title, unit: "us", ours, peers, ...bar };
    }
  }
}

/** A round's times in microseconds, sorted. */
interface Times {
  readonly cycle: Float64Array;
  /** From the start of a cycle to its command being written. */
  readonly command: Float64Array;
}

async function oneRound(spec: Spec, policy: Cycle["policy"]): Promise<Times> {
  const clock = monotonicClock();
  const [near, far] = memoryPorts();
  const desk = new DeskDevice(spec, far);
  const device = new BridgeDevice(spec, near, new Session(spec), true);
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
  const ring = makeRing(new StepRecord(spec).size, slots);
  let writtenUs = 0;
  const cycle: Cycle = {
    clock,
    device,
    policy,
    setpoints: { fill: () => {} },
    approach: new Start(spec, limitsOf(spec), undefined),
    hold: new Hold(spec, limitsOf(spec), { easeCycles: 1, returnCycles: 0 }),
    recovery: new Recovery({ fallback: "stop", recoverCycles: null, recoverMost: 1 }),
    guard: new Guard(spec, limitsOf(spec)),
    supervisor,
    log: new RingProducer(ring, spec),
    meter: {
      lap: (stage) => {
        if (stage === Stage.write) writtenUs = clock.now();
      },
    },
    ttlUs: 900_000,
    onMiss: "coast",
    step: makeStep(spec),
  };
  const times = {
    cycle: new Float64Array(ticksPerRound),
    command: new Float64Array(ticksPerRound),
  };
  for (let seq = -ticksBefore; seq < ticksPerRound; seq++) {
    desk.turn(clock.now());
    const startUs = clock.now();
    await tick(cycle, seq + ticksBefore, false);
    if (seq < 0) continue;
    times.cycle[seq] = clock.now() - startUs;
    times.command[seq] = writtenUs - startUs;
  }
  assert.ok(desk.accepted > ticksPerRound, "the device took the commands");
  assert.equal(cycle.step.reasons, 0);
  for (const each of Object.values(times)) each.sort();
  return times;
}
