import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf, SinewError } from "../core/errors.ts";
import { Rng } from "../core/rng.ts";
import { pendulumSpec } from "../sim/pendulum.ts";
import { rampingToZero } from "../wire/device-contract.ts";
import { DeviceMode, DeviceReason } from "../wire/messages.ts";
import type { Seen } from "./device-record.ts";
import { drivenFaults } from "./driven-faults.ts";
import { type HostPlace, startHost } from "./host.ts";
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
const lookMs = 2;
const statePeriodUs = 2000;

/** What one kill came to. */
export interface Kill {
  /**
   * How long after the last expiry the device said that it was stopping, ms by its own clock; NaN
   * where it did not.
   */
  readonly lateMs: number;
  /** What was not as it must be, a line each; empty where all was. */
  readonly faults: readonly string[];
}

/**
 * Kills `count` hosts with SIGKILL while they drive a board, at random moments, and yields what
 * each came to. A kill that is not as it must be, as where the host does not arm or the device does
 * not stop for it, is one of them; the next one is done on a board that was started anew. What is
 * awaited has `patienceMs`. Throws `SinewError("board")` where no board starts.
 */
export async function* killTrials(
  target: Pick<Target, "name" | "start">,
  count: number,
  bench: Bench,
  patienceMs: number = 15_000,
): AsyncGenerator<Kill> {
  const rng = new Rng(bench.seed);
  for (let trial = 0; trial < count; ) {
    const closers: (() => unknown)[] = [];
    try {
      const board = await target.start();
      closers.push(() => board.close());
      const rig = await Rig.open(board, bench.clock);
      closers.push(() => rig.close());
      for (let well = true; well && trial < count; trial++) {
        rig.reset();
        const kill = await killOne(rig, rng.uniform(...driveMs), patienceMs, {
          link: { serial: { path: rig.hostPath } },
          folder: join(bench.folder, target.name, "kill"),
          ctl: rig.folder,
          policy: bench.policy,
          startedAt: `${bench.startedAt}-${trial}`,
        });
        yield kill;
        well = kill.faults.length === 0;
      }
    } finally {
      await closeAll(closers);
    }
  }
}

async function killOne(
  rig: Rig,
  afterMs: number,
  patienceMs: number,
  place: HostPlace,
): Promise<Kill> {
  const host = await startHost(scenario, place);
  const { record } = rig;
  const next = (from: number, is: (one: Seen) => boolean): Promise<number> =>
    first(record.seen, from, is, patienceMs);
  let lateMs = Number.NaN;
  try {
    const from = record.seen.length;
    rig.watch(statePeriodUs);
    const armed = await next(from, ({ mode }) => mode === DeviceMode.armed);
    await sleep(afterMs);
    host.child.kill("SIGKILL");
    const at = await next(armed, ({ mode }) => mode !== DeviceMode.armed);
    const stop = record.seen[at];
    lateMs = (stop.saidUs - record.expiryOf(stop)) / 1000;
    if (stop.reason !== DeviceReason.expired) {
      return { lateMs, faults: [`the device stopped for the reason ${stop.reason}`] };
    }
    const end = await next(at, ({ mode }) => mode === DeviceMode.stopped);
    const seen = record.seen.slice(armed, end + 1);
    const { spec, stops: rules } = rampingToZero(pendulumSpec);
    const evidence = { spec, permitted: spec.action, rules, record };
    const faults = [
      ...outputFaults(seen, evidence),
      ...drivenFaults(seen, evidence),
      ...stopFaults(seen, at - armed, evidence),
    ];
    return { lateMs, faults };
  } catch (error) {
    return { lateMs, faults: [messageOf(error)] };
  } finally {
    host.child.kill("SIGKILL");
    await host.word();
  }
}

/**
 * Waits for the first STATE from `from` on of which `is` holds; returns its index. Throws
 * `SinewError("board")` where none comes within `patienceMs`.
 */
async function first(
  seen: readonly Seen[],
  from: number,
  is: (one: Seen) => boolean,
  patienceMs: number,
): Promise<number> {
  let looked = from;
  for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += lookMs) {
    for (; looked < seen.length; looked++) if (is(seen[looked])) return looked;
    await sleep(lookMs);
  }
  throw new SinewError("board", `waited for the device for ${patienceMs / 1000} s in vain`);
}
