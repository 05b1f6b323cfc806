import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../core/clock.ts";
import type { Spec } from "../core/spec.ts";
import { DeviceMode } from "../wire/messages.ts";
import { DeviceRecord } from "./device-record.ts";
import { type Host, startHost } from "./host.ts";
import { specOf } from "./host-policy.ts";
import type { HostWord } from "./host-process.ts";
import { judge, type Verdict } from "./judge.ts";
import { Medium } from "./medium.ts";
import { giveOrders, orderedPolicies } from "./orders.ts";
import { Rig } from "./rig.ts";
import { rulesOf, type Scenario } from "./scenario.ts";
import { suffer } from "./suffering.ts";
import type { Target } from "./target.ts";

/** What every trial needs. */
export interface Bench {
  readonly clock: Clock;
  /** ISO 8601: names the hosts' logs. */
  readonly startedAt: string;
  /** Where hosts leave their logs. */
  readonly folder: string;
  /** The policy that swings the pendulum up. */
  readonly policy: string;
  /** Of the faults' chance. */
  readonly seed: number;
}

/** One scenario on one target. */
export interface Trial {
  readonly scenario: Scenario;
  readonly target: string;
  readonly verdict: Verdict;
  readonly record: DeviceRecord;
  /** Its actuators; none where it never came to that. */
  readonly actions: Spec["action"];
  /** When the device was armed and when the fault began, us of the rig's clock, or NaN. */
  readonly armedUs: number;
  readonly faultUs: number;
}

const statePeriodUs = 2000;
/** An ATmega328P computes what it says in floats of its own. */
const slowStatePeriodUs = 5000;
/** A host loads, proves, shakes hands and arms in this time, or never. */
const armMs = 12_000;
/** How long the device is watched after everything: nothing may move again. */
const tailMs = 700;
const lookMs = 2;

/** One scenario on one target, judged. Throws `SinewError` where the rig itself fails. */
export async function runTrial(scenario: Scenario, target: Target, bench: Bench): Promise<Trial> {
  const closers: (() => unknown)[] = [];
  try {
    return await tried(scenario, target, bench, closers);
  } finally {
    await closeAll(closers);
  }
}

/** Why the scenario cannot be played on the target; null: it can. */
export function misfit(
  { fault, drives }: Scenario,
  target: Pick<Target, "stopLine" | "drives">,
): string | null {
  if (!target.drives(drives)) return `there is no image of it that drives ${drives}`;
  return target.stopLine || fault?.kind !== "stop_line" ? null : "it has no stop line here";
}

/** Whether the scenario can be played on the target. */
export function suits(scenario: Scenario, target: Pick<Target, "stopLine" | "drives">): boolean {
  return misfit(scenario, target) === null;
}

/** A trial that the rig itself could not carry out. */
export function failedTrial(scenario: Scenario, target: string, why: string): Trial {
  const verdict = { ok: false, timeToSafeMs: null, reason: "none", faults: [why] };
  const times = { armedUs: Number.NaN, faultUs: Number.NaN };
  return { scenario, target, verdict, record: new DeviceRecord(), actions: [], ...times };
}

/** Leaves in `closers` what ends what it began, in the order in which it began. */
async function tried(
  scenario: Scenario,
  target: Target,
  bench: Bench,
  closers: (() => unknown)[],
): Promise<Trial> {
  const spec = specOf(scenario.policy, scenario.drives);
  const rules = rulesOf(scenario, spec);
  const board = await target.start(scenario.drives);
  closers.push(() => board.close());
  const rig = await Rig.open(board, bench.clock);
  closers.push(() => rig.close());
  const medium = await Medium.open(scenario.link, rig);
  closers.push(() => medium.close());
  let turn = 0;
  const { policy, startedAt } = bench;
  const own = join(bench.folder, target.name, scenario.name);
  const policies = await orderedPolicies(scenario, own, policy);
  const nextHost = async (): Promise<Host> => {
    const at = { link: medium.link, folder: join(own, String(++turn)), ctl: rig.folder };
    const host = await startHost(scenario, { ...at, policy, startedAt });
    closers.push(() => host.child.kill("SIGKILL"));
    return host;
  };
  const host = await nextHost();
  const armedUs = await armed(rig, host, bench.clock);
  rig.watch(target.name === "atmega328p" ? slowStatePeriodUs : statePeriodUs);
  const isArmed = !Number.isNaN(armedUs);
  const { clock, seed } = bench;
  const runs = (): boolean => host.runs();
  const way = { clock, ctl: rig.folder, policies, runs };
  const answering = isArmed ? giveOrders(scenario, way, armedUs) : [];
  const { fault } = scenario;
  let faultUs = Number.NaN;
  if (isArmed && fault !== null) {
    faultUs = await suffer(fault, { board, rig, medium, host, clock, seed }, armedUs);
  }
  const answers = await answering;
  const word = await host.word();
  const again: HostWord | null = scenario.again ? await (await nextHost()).word() : null;
  await sleep(tailMs);
  const { record } = rig;
  const endUs = clock.now();
  const seen = { spec, permitted: permittedOf(scenario, spec), rules, record };
  const verdict = judge(scenario, { ...seen, faultUs, endUs, host: word, again, answers });
  const { action: actions } = spec;
  return { scenario, target: target.name, verdict, record, actions, armedUs, faultUs };
}

/** The actions of `spec`, within what the host's gate is to permit. */
export function permittedOf(
  { robot }: Pick<Scenario, "robot">,
  { action }: Pick<Spec, "action">,
): Spec["action"] {
  const limits = (robot["limits"] ?? {}) as Record<string, { low?: number; high?: number }>;
  return action.map((channel) => {
    const { low = channel.low, high = channel.high } = limits[channel.name] ?? {};
    // As it is sent.
    return { ...channel, low: Math.fround(low), high: Math.fround(high) };
  });
}

/** When the device was armed; NaN where the host ended without. */
async function armed(rig: Rig, host: Host, clock: Clock): Promise<number> {
  const endUs = clock.now() + armMs * 1000;
  while (clock.now() < endUs && host.runs()) {
    const first = rig.record.seen.find(({ mode }) => mode === DeviceMode.armed);
    if (first !== undefined) return first.hostUs;
    await sleep(lookMs);
  }
  return Number.NaN;
}

/** Calls all of them, the last first, and then throws what the first one of them threw, if any. */
export async function closeAll(closers: readonly (() => unknown)[]): Promise<void> {
  const thrown: unknown[] = [];
  for (const close of [...closers].reverse()) {
    try {
      await close();
    } catch (error) {
      thrown.push(error);
    }
  }
  if (thrown.length > 0) throw thrown[0];
}
