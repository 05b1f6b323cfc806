import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SinewError } from "../core/errors.ts";
import { Rng } from "../core/rng.ts";
import { pendulumSpec } from "../sim/pendulum.ts";
import { rampingToZero } from "../wire/device-contract.ts";
import { DeviceMode, DeviceReason } from "../wire/messages.ts";
import type { Seen } from "./device-record.ts";
import { startHost } from "./host.ts";
import { outputFaults, stopFaults } from "./judge.ts";
import { Rig } from "./rig.ts";
import { parseScenario } from "./scenario.ts";
import type { Target } from "./target.ts";
import { type Bench, closeAll } from "./trial.ts";

const scenario = parseScenario(
  "kill",
  "about: a kill\nseconds: 60\nexpect: { end: stopped, reason: expired }\n",
  "",
);
/** A host is killed so long after it was armed, at random. */
const driveMs = [100, 400] as const;
const patienceMs = 15_000;
const lookMs = 2;
const statePeriodUs = 2000;

/**
 * Kills `count` hosts with SIGKILL while they drive one board, at random moments, and yields for
 * each how long after the last expiry the device said that it was stopping, ms by its own clock.
 * Throws `SinewError("board")` where a host does not arm, or the device does not stop as it must.
 */
export async function* killTrials(
  target: Target,
  count: number,
  bench: Bench,
): AsyncGenerator<number> {
  const closers: (() => unknown)[] = [];
  try {
    const board = await target.start();
    closers.push(() => board.close());
    const rig = await Rig.open(board, bench.clock);
    closers.push(() => rig.close());
    const rng = new Rng(bench.seed);
    for (let trial = 0; trial < count; trial++) {
      rig.reset();
      yield await killOne(rig, rng.uniform(...driveMs), {
        link: { serial: { path: rig.hostPath } },
        folder: join(bench.folder, target.name, "kill"),
        ctl: rig.folder,
        policy: bench.policy,
        startedAt: `${bench.startedAt}-${trial}`,
      });
    }
  } finally {
    await closeAll(closers);
  }
}

async function killOne(
  rig: Rig,
  afterMs: number,
  place: Parameters<typeof startHost>[1],
): Promise<number> {
  const host = await startHost(scenario, place);
  const { record } = rig;
  try {
    const from = record.seen.length;
    rig.watch(statePeriodUs);
    const armed = await first(record.seen, from, ({ mode }) => mode === DeviceMode.armed);
    await sleep(afterMs);
    host.child.kill("SIGKILL");
    const at = await first(record.seen, armed, ({ mode }) => mode !== DeviceMode.armed);
    const stop = record.seen[at];
    if (stop.reason !== DeviceReason.expired) {
      throw new SinewError("board", `the device stopped for the reason ${stop.reason}`);
    }
    const end = await first(record.seen, at, ({ mode }) => mode === DeviceMode.stopped);
    const seen = record.seen.slice(armed, end + 1);
    const { spec, stops: rules } = rampingToZero(pendulumSpec);
    const evidence = { spec, rules, record };
    const faults = [...outputFaults(seen, evidence), ...stopFaults(seen, at - armed, evidence)];
    if (faults.length > 0) throw new SinewError("board", `a kill: ${faults.join("; ")}`);
    return (stop.saidUs - record.expiryOf(stop)) / 1000;
  } finally {
    host.child.kill("SIGKILL");
    await host.word();
  }
}

/** Waits for the first STATE from `from` on of which `is` holds; returns its index. */
async function first(
  seen: readonly Seen[],
  from: number,
  is: (one: Seen) => boolean,
): Promise<number> {
  let looked = from;
  for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += lookMs) {
    for (; looked < seen.length; looked++) if (is(seen[looked])) return looked;
    await sleep(lookMs);
  }
  throw new SinewError("board", `a kill waited ${patienceMs / 1000} s in vain`);
}
