import type { Spec } from "../core/spec.ts";
import type { StopRule } from "../wire/device-contract.ts";
import { DeviceMode, DeviceReason, StopCategory } from "../wire/messages.ts";
import type { DeviceRecord, Seen } from "./device-record.ts";
import { drivenFaults } from "./driven-faults.ts";
import type { HostWord } from "./host-process.ts";
import type { Answered } from "./orders.ts";
import type { Scenario } from "./scenario.ts";
import { permittedAt, type StopStart } from "./stop-profile.ts";

/** A device that is there says so at least as often. */
const silenceUs = 200_000;
/** What the rig and a busy machine add to a time that is not the device's own. */
const spareMs = 100;
/** Of its time a host drives at least this share: it also loads, arms and stops. */
const drivenShare = 0.8;

/** So much of the furthest that it was from its place a joint that is held may be at the end. */
const awayShare = 0.9;

/** What a trial left behind. */
export interface Evidence {
  /** What the board drives. */
  readonly spec: Spec;
  /** Its actions, within what the host's gate is to permit: none goes beyond while it is armed. */
  readonly permitted: Spec["action"];
  /** How each actuator is to stop. */
  readonly rules: readonly StopRule[];
  readonly record: DeviceRecord;
  /** When the fault began and when the rig stopped watching, us of its clock; NaN for no fault. */
  readonly faultUs: number;
  readonly endUs: number;
  /** What the host said, and the second one; null where it was killed. */
  readonly host: HostWord | null;
  readonly again: HostWord | null;
  /** What became of each order. */
  readonly answers: readonly Answered[];
}

/** The judgement of one trial. */
export interface Verdict {
  readonly ok: boolean;
  /**
   * From the last expiry, by the device's clock, or where the host stopped it from the fault (from
   * the last command where the policy itself is the fault), to the beginning of a stop that stayed;
   * null where nothing was to stop.
   */
  readonly timeToSafeMs: number | null;
  /** Why the device stopped, in its own word; `none` where it was never armed. */
  readonly reason: string;
  /** What was not as it must be. */
  readonly faults: readonly string[];
}

/** Judges what the firmware itself reported, whatever the host says of it. */
export function judge(scenario: Scenario, evidence: Evidence): Verdict {
  const { seen } = evidence.record;
  const faults = [...outputFaults(seen, evidence), ...drivenFaults(seen, evidence)];
  faults.push(...presenceFaults(evidence));
  const armedAt = seen.findIndex(({ mode }) => mode === DeviceMode.armed);
  const stopAt = seen.findIndex(({ mode }, i) => i > armedAt && isStop(mode));
  const stopped = armedAt >= 0 && stopAt >= 0;
  const reason = stopped ? reasonOf(seen[stopAt]) : "none";
  if (armedAt >= 0) {
    faults.push(...trialFaults(seen.slice(0, armedAt)));
    faults.push(...burstFaults(evidence));
    faults.push(...stepFaults(scenario, evidence.spec, seen.slice(armedAt)));
  }
  const { end } = scenario.expect;
  let timeToSafeMs: number | null = null;
  if (end === "refused") {
    if (armedAt >= 0) faults.push("the device was armed");
  } else if (!stopped) {
    const unarmed = `the device was never armed: ${evidence.host?.failure}`;
    faults.push(armedAt < 0 ? unarmed : "the device did not stop");
  } else {
    faults.push(...stopFaults(seen, stopAt, evidence));
    if (end === "stopped") {
      timeToSafeMs = timeToSafe(evidence, stopAt);
      faults.push(...timeFaults(scenario, evidence, stopAt, timeToSafeMs));
    } else {
      const droveS = (seen[stopAt].hostUs - seen[armedAt].hostUs) / 1e6;
      if (droveS < drivenShare * scenario.seconds) faults.push(`it drove for ${droveS} s only`);
      faults.push(...settleFaults(scenario, evidence.spec, seen.slice(armedAt, stopAt)));
    }
  }
  faults.push(...wordFaults(scenario, evidence, reason), ...holdFaults(scenario, evidence));
  return { ok: faults.length === 0, timeToSafeMs, reason, faults };
}

const isStop = (mode: number): boolean =>
  mode === DeviceMode.stopping || mode === DeviceMode.stopped;

function reasonOf({ reason }: Seen): string {
  return Object.keys(DeviceReason)[reason] ?? `code ${reason}`;
}

/**
 * Whatever happens, an actuator is told what is finite and within its limits; while the device is
 * armed exactly what a host said, and before that nothing.
 */
export function* outputFaults(
  seen: readonly Seen[],
  { spec, permitted, record }: Pick<Evidence, "spec" | "permitted" | "record">,
): Generator<string> {
  let wasArmed = false;
  for (const one of seen) {
    const { applied, deviceUs, mode } = one;
    // A stop is the firmware's own, which knows the contract's limits alone.
    const channels = mode === DeviceMode.armed ? permitted : spec.action;
    for (const [i, { name, low, high }] of channels.entries()) {
      if (applied[i] >= low && applied[i] <= high) continue;
      yield `${name} was told ${applied[i]} at ${deviceUs} us`;
      return;
    }
    wasArmed ||= mode === DeviceMode.armed;
    // What a stop leaves is judged by its profile.
    if (wasArmed && mode !== DeviceMode.armed && mode !== DeviceMode.disarmed) continue;
    const sent = mode === DeviceMode.armed ? record.sentFor(one) : [];
    if (sent !== undefined && applied.every((value, i) => value === (sent[i] ?? 0))) continue;
    const said = sent === undefined || sent.length === 0 ? "nothing" : sent;
    yield `it does ${applied} at ${deviceUs} us, where the host said ${said}`;
    return;
  }
}

/** Before a device is armed for the first time its host sees that it stops by itself. */
function* trialFaults(before: readonly Seen[]): Generator<string> {
  const tried = before.findIndex(({ mode }) => mode === DeviceMode.trial);
  const { stopped } = DeviceMode;
  const shown = before.slice(tried).find(({ mode }) => mode === stopped)?.reason;
  if (tried < 0 || shown !== DeviceReason.expired) yield "its watchdog was not tried before";
}

/** A command's expiry may move by so much with the measured offset of the clocks. */
const offsetShare = 0.25;

/**
 * What is late is skipped, never caught up. A cycle begins late by less than a period, though a
 * machine may stall it once more before it looks at the clock; so of four commands the last was
 * decided at least a period after the first. By their expiries, which no line delays.
 */
function* burstFaults({ spec, record: { promises } }: Evidence): Generator<string> {
  const leastUs = (1 - offsetShare) * spec.periodUs;
  const at = promises.findIndex((us, i) => i >= 3 && us - promises[i - 3] < leastUs);
  if (at < 0) return;
  yield `four commands within ${promises[at] - promises[at - 3]} us: cycles are caught up`;
}

/** What an actuator is told does not jump, once the scenario's fault or orders have begun. */
function* stepFaults(
  { expect: { stepMax }, fault, orders }: Scenario,
  { action }: Spec,
  seen: readonly Seen[],
): Generator<string> {
  if (stepMax === null) return;
  const times = [fault?.from, orders[0]?.at].filter((at) => at !== undefined);
  const fromUs = seen[0].hostUs + Math.min(...times) * 1e6;
  for (const [at, one] of seen.entries()) {
    if (one.mode !== DeviceMode.armed) return;
    if (at === 0 || one.hostUs < fromUs) continue;
    const before = seen[at - 1].applied;
    const jumped = one.applied.findIndex((value, i) => !(Math.abs(value - before[i]) <= stepMax));
    if (jumped < 0) continue;
    const { name } = action[jumped];
    yield `${name} jumped from ${before[jumped]} to ${one.applied[jumped]} at ${one.deviceUs} us`;
    return;
  }
}

/** What is driven for a purpose is where that says, at the end. */
function* settleFaults(
  { expect: { settles } }: Scenario,
  { observation }: Spec,
  driven: readonly Seen[],
): Generator<string> {
  if (settles === null) return;
  const { channel, low, high, seconds } = settles;
  const at = observation.findIndex(({ name }) => name === channel);
  const endUs = driven.at(-1)!.hostUs;
  // Written so that NaN, and a channel that there is not, fail.
  const off = driven.find(({ hostUs, observation: values }) => {
    return endUs - hostUs <= seconds * 1e6 && !(values[at] >= low && values[at] <= high);
  });
  if (off === undefined) return;
  const leftS = (endUs - off.hostUs) / 1e6;
  yield `${channel} is ${off.observation[at]} ${leftS} s before the end, not ${low} to ${high}`;
}

/** A device that has died moves nothing and says nothing: that is not what was asked. */
function* presenceFaults({ record, endUs }: Evidence): Generator<string> {
  if (record.broken > 0) yield `${record.broken} STATEs are none`;
  const last = record.seen.at(-1);
  if (last === undefined) yield "the device said nothing";
  else if (endUs - last.hostUs > silenceUs) yield "the device fell silent";
}

/** A stop keeps its profile, latches, and nothing moves again by itself. */
export function* stopFaults(
  seen: readonly Seen[],
  stopAt: number,
  { spec, rules, record }: Pick<Evidence, "spec" | "rules" | "record">,
): Generator<string> {
  const [before, stop] = [seen[stopAt - 1], seen[stopAt]];
  const expired = stop.reason === DeviceReason.expired;
  // Told to stop, it began between two STATEs: at the latest when it first says so.
  const latestUs = expired ? record.expiryOf(stop) : stop.deviceUs;
  const earliestUs = expired ? latestUs : before.deviceUs;
  const from = record.sentFor(stop) ?? [];
  const around = seen.slice(stopAt - 1, stopAt + 2);
  const starts = spec.action.map((action, i): StopStart => {
    const rule = rules[i];
    const holds = rule.category === StopCategory.rampAndHold;
    const places = holds ? around.map(({ observation }) => observation[rule.position]) : [];
    return { rule, action, from: from[i] ?? 0, places };
  });
  // One that was never told anything is let go, however it stops.
  const driven = from.length > 0;
  let rest: readonly number[] | null = null;
  for (const { deviceUs, saidUs, mode, applied } of seen.slice(stopAt)) {
    if (!isStop(mode)) {
      yield `it left its stop by itself at ${deviceUs} us`;
      return;
    }
    const over = mode === DeviceMode.stopped;
    const moment = { earliestUs, latestUs, deviceUs, saidUs, over };
    const permitted = starts.map((start) => (driven ? permittedAt(start, moment) : [0, 0]));
    const off = applied.findIndex((value, i) => {
      return !(value >= permitted[i][0] && value <= permitted[i][1]);
    });
    if (off >= 0) {
      const [least, most] = permitted[off];
      const { name } = spec.action[off];
      const between = `${least} to ${most}`;
      yield `off the ramp at ${deviceUs} us: ${name} is told ${applied[off]}, not ${between}`;
      return;
    }
    if (!over) continue;
    rest ??= applied;
    if (applied.every((value, i) => value === rest![i])) continue;
    yield `its stop was over at ${rest}, and at ${deviceUs} us it is told ${applied}`;
    return;
  }
  if (seen.at(-1)!.mode !== DeviceMode.stopped) yield "the stop was not over at the end";
}

function timeToSafe({ record, faultUs }: Evidence, stopAt: number): number {
  const stop = record.seen[stopAt];
  const { acknowledged } = stop;
  let us = stop.hostUs - faultUs;
  if (stop.reason === DeviceReason.expired) us = stop.saidUs - record.expiryOf(stop);
  else if (Number.isNaN(faultUs)) {
    // A policy's own fault: it began no later than where the next command would have come.
    us = stop.saidUs - record.seen.find((one) => one.acknowledged === acknowledged)!.deviceUs;
  }
  return Math.round(us / 10) / 100;
}

/** A stop is neither late nor too early, by the device's clock nor by the rig's. */
function* timeFaults(
  { expect, robot }: Scenario,
  { record, faultUs }: Evidence,
  stopAt: number,
  timeToSafeMs: number,
): Generator<string> {
  const stop = record.seen[stopAt];
  if (stop.hostUs < faultUs) yield "it stopped before the fault began";
  // Written so that NaN fails it.
  if (!(timeToSafeMs >= 0 && timeToSafeMs <= expect.withinMs)) {
    yield `safe after ${timeToSafeMs} ms: 0 to ${expect.withinMs}`;
  }
  if (stop.reason !== DeviceReason.expired) return;
  // A device whose own clock stands still is never late by it.
  const sinceMs = (stop.hostUs - record.sentUsFor(stop)) / 1000;
  const mostMs = robot.commandTtlMs + expect.withinMs + spareMs;
  if (!(sinceMs <= mostMs)) yield `it stopped ${sinceMs} ms after the last command: ${mostMs}`;
}

/** What was to be said: the device's reason, and the host's words. */
function* wordFaults(
  { expect, again, fault }: Scenario,
  { host, again: second, answers }: Evidence,
  reason: string,
): Generator<string> {
  for (const { order, ok, line } of answers) {
    const why = order.no ?? order.orNo;
    const fits = ok ? order.no === null : why !== null && new RegExp(why).test(line);
    if (!fits) yield `${order.order} at ${order.at} s was answered ${ok ? "yes" : "no"}: ${line}`;
  }
  if (expect.end === "drives" && reason !== "host") yield `it stopped early: ${reason}`;
  if (expect.reason.length > 0 && !expect.reason.includes(reason)) {
    yield `the device's reason is ${reason}, not ${expect.reason.join(" or ")}`;
  }
  if (host === null && fault?.kind !== "sigkill") yield "the host said no last word";
  if (expect.end === "drives" && host?.failure !== null) yield `the host failed: ${host?.failure}`;
  if (expect.end === "refused" && host?.failure === null) yield "the host was not refused";
  const said = host === null ? "" : JSON.stringify(host);
  if (expect.says !== null && !new RegExp(expect.says).test(said)) {
    yield `the host said ${said || "nothing"}`;
  }
  if (again && !/reset it first/.test(second?.failure ?? "")) {
    yield `a second host was not refused: ${JSON.stringify(second)}`;
  }
}

/** A robot that is held goes on being told what to do, and comes back to where it was. */
function* holdFaults({ expect }: Scenario, { spec, record, host }: Evidence): Generator<string> {
  if (expect.holds === null) return;
  const { times, brings } = expect.holds;
  const holds = host?.holds ?? [];
  if (holds.length !== times) yield `it was held ${holds.length} times, not ${times}`;
  const at = spec.observation.findIndex(({ name }) => name === brings);
  for (const { fromUs, toUs } of holds) {
    const held = record.seen.filter(({ hostUs }) => hostUs >= fromUs && hostUs < (toUs ?? 0));
    if (held.length === 0 || held.some(({ mode }) => mode !== DeviceMode.armed)) {
      yield "while it was held the device was not armed";
      continue;
    }
    const places = held.map(({ observation }) => observation[at]!);
    const away = places.map((place) => Math.abs(place - places[0]!));
    const [most, last] = [Math.max(...away), away.at(-1)!];
    // Written so that NaN, and one that never left its place, fail.
    if (!(last < awayShare * most))
      yield `held, ${brings} was ${most} away, and is ${last} at last`;
  }
}
