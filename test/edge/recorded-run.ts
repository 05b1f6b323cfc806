// Runs that tests of the replay record: the tick that drives robots, on random inputs.

import type { Decimation } from "../../src/core/decimation.ts";
import { Rng } from "../../src/core/rng.ts";
import type { Spec } from "../../src/core/spec.ts";
import { Mode, makeStep, type Step } from "../../src/core/step.ts";
import type { SwapChoice } from "../../src/edge/lineup.ts";
import { Start, type StartChoice } from "../../src/edge/start.ts";
import { type Cycle, type MissPolicy, tick } from "../../src/edge/tick.ts";
import type { Device } from "../../src/link/device.ts";
import { type ClosedLog, type Log, openLog } from "../../src/log/log.ts";
import { RingProducer } from "../../src/log/ring.ts";
import { openDriver, ortRunner } from "../../src/policy/driver.ts";
import type { Policy } from "../../src/policy/policy.ts";
import { Guard } from "../../src/safety/guard.ts";
import { Hold, type HoldTimes } from "../../src/safety/hold.ts";
import { type LimitChoices, limitsOf } from "../../src/safety/limits.ts";
import { Recovery } from "../../src/safety/recovery.ts";
import { Happening } from "../../src/safety/supervisor.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { ownFolder } from "./board-run.ts";

const folder = ownFolder("replay");

/** A device that tells good numbers and bad ones. */
function randomDevice(spec: Spec, rng: Rng): Device {
  return {
    spec,
    lost: false,
    read: (observation) => {
      for (let at = 0; at < 3; at++) observation[at] = rng.uniform(-1, 1);
      if (rng.below(20) === 0) observation[rng.below(3)] = Number.NaN;
      return rng.below(20) === 0 ? 150_000 : rng.uniform(0, 5000);
    },
    write: () => true,
    stop: () => {},
  };
}

/** What a recorded run has beside its policy. */
export interface Recorded {
  readonly start?: StartChoice;
  readonly spec?: Spec;
  /** What tells and takes the numbers; random ones where it is left out. */
  readonly device?: Device;
  readonly onMiss?: MissPolicy;
  readonly choices?: LimitChoices;
  readonly runner?: string;
  /** Stands between the policy and the cycle. */
  readonly between?: (policy: Policy, step: Step) => Cycle["policy"];
  readonly decimation?: Decimation;
  /** Cycles are really skipped, not only told to be. */
  readonly skips?: boolean;
  /** Called before each cycle, with its number. */
  readonly before?: (seq: number, log: Log) => void;
  /** Called after each cycle. */
  readonly after?: (step: Step) => void | Promise<void>;
  readonly swap?: SwapChoice;
  /** How it is held, and that it is where its policy fails, for at least three cycles. */
  readonly hold?: HoldTimes;
}

function metadataOf(
  { start, onMiss, swap, runner, hold, decimation }: Recorded,
  used: string,
): Readonly<Record<string, string>> {
  return {
    commandTtlUs: "70000",
    policyId: "x",
    // As a log from before there was a choice.
    ...(runner !== ortRunner && { runner: used }),
    ...(start !== undefined && { start: JSON.stringify(start) }),
    ...(onMiss !== undefined && { onMiss }),
    ...(hold !== undefined && { hold: JSON.stringify(hold) }),
    ...(swap !== undefined && { swap: JSON.stringify(swap) }),
    ...(decimation !== undefined && { control: JSON.stringify(decimation) }),
  };
}

/**
 * A run of random inputs, good and bad, in every mode, with `change` made to each logged step; one
 * of which it says "lost" is not logged.
 */
export async function recordRun(
  name: string,
  bytes: Uint8Array,
  count: number,
  change: (step: Step) => unknown,
  recorded: Recorded = {},
): Promise<ClosedLog> {
  const { start, spec = pendulumSpec, onMiss, choices, runner, hold } = recorded;
  const fallback = hold === undefined ? "stop" : "hold";
  const { between = (policy) => policy, before = () => {}, after } = recorded;
  const driver = await openDriver(bytes, runner);
  const [{ name: driven }] = spec.action;
  const limits = limitsOf(spec, choices ?? { action: { [driven]: { high: 1, rateMax: 12 } } });
  const metadata = { limits: JSON.stringify(limits), ...metadataOf(recorded, driver.runner) };
  const log = await openLog({ directory: folder, name, spec, metadata, slots: count });
  const ring = new RingProducer(log.ring, spec);
  const step = makeStep(spec);
  const policy = between(driver.policy, step);
  const rng = new Rng(7);
  let nowUs = 1e9;
  let mode: Mode = Mode.disarmed;
  let lost = false;
  const modes = Object.values(Mode);
  const cycle: Cycle = {
    clock: { now: () => (nowUs = nowUs + rng.uniform(10, 300)) },
    device: recorded.device ?? randomDevice(spec, rng),
    policy,
    setpoints: { fill: () => {} },
    approach: new Start(spec, limits, start),
    hold: new Hold(spec, limits, hold ?? { easeCycles: 1, returnCycles: 0 }),
    recovery: new Recovery({ fallback, recoverCycles: 3, recoverMost: count }),
    guard: new Guard(spec, limits),
    supervisor: {
      get mode() {
        return mode;
      },
      tell: (happening) => {
        if (happening === Happening.fallBack) mode = Mode.holding;
        if (happening === Happening.recover) mode = Mode.armed;
        return true;
      },
    },
    log: {
      append: (step) => {
        const copy = structuredClone(step);
        lost = change(copy) === "lost";
        return lost || ring.append(copy);
      },
    },
    meter: { lap: () => {} },
    ttlUs: 70_000,
    onMiss: onMiss ?? "coast",
    step,
  };
  for (let seq = 0; seq < count; seq++) {
    if (rng.below(10) === 0) mode = modes[rng.below(modes.length)];
    if (rng.below(4) === 0) mode = Mode.armed;
    // A gap for a late cycle is another thing than one for a step that was lost.
    const late = rng.below(15) === 0 && !lost;
    if (late && recorded.skips === true) seq += 1 + rng.below(7);
    before(seq, log);
    await tick(cycle, seq, late);
    await after?.(cycle.step);
  }
  await driver.close();
  return log.close();
}
