import type { Spec } from "../core/spec.ts";
import { DeviceMode, DeviceReason, stopRampUs } from "../wire/messages.ts";
import type { DeviceRecord, Seen } from "./device-record.ts";
import type { HostWord } from "./host-process.ts";
import type { Scenario } from "./scenario.ts";

/** A turn of the firmware and a STATE of it, in which the ramp may have moved on. */
const rampSlack = 0.03;
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
  readonly spec: Spec;
  readonly record: DeviceRecord;
  /** When the fault began and when the rig stopped watching, us of its clock; NaN for no fault. */
  readonly faultUs: number;
  readonly endUs: number;
  /** What the host said, and the second one; null where it was killed. */
  readonly host: HostWord | null;
  readonly again: HostWord | null;
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
  const faults = [...outputFaults(seen, evidence), ...presenceFaults(evidence)];
  const armedAt = seen.findIndex(({ mode }) => mode === DeviceMode.armed);
  const stopAt = seen.findIndex(({ mode }, i) => i > armedAt && isStop(mode));
  const stopped = armedAt >= 0 && stopAt >= 0;
  const reason = stopped ? reasonOf(seen[stopAt]) : "none";
  if (armedAt >= 0) faults.push(...trialFaults(seen.slice(0, armedAt)));
  const { end } = scenario.expect;
  let timeToSafeMs: number | null = null;
  if (end === "refused") {
    if (armedAt >= 0) faults.push("the device was armed");
  } else if (!stopped) {
    const unarmed = `the device was never armed: ${evidence.host?.failure}`;
    faults.push(armedAt < 0 ? unarmed : "the device did not stop");
  } else {
    faults.push(...stopFaults(seen, stopAt, evidence.record));
    if (end === "stopped") {
      timeToSafeMs = timeToSafe(evidence, stopAt);
      faults.push(...timeFaults(scenario, evidence, stopAt, timeToSafeMs));
    } else {
      const droveS = (seen[stopAt].hostUs - seen[armedAt].hostUs) / 1e6;
      if (droveS < drivenShare * scenario.seconds) faults.push(`it drove for ${droveS} s only`);
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
  { spec, record }: Pick<Evidence, "spec" | "record">,
): Generator<string> {
  let wasArmed = false;
  for (const one of seen) {
    const { applied, deviceUs, mode } = one;
    for (const [i, { name, low, high }] of spec.action.entries()) {
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
  record: DeviceRecord,
): Generator<string> {
  const [before, stop] = [seen[stopAt - 1], seen[stopAt]];
  const expired = stop.reason === DeviceReason.expired;
  // Told to stop, it began between two STATEs: at the latest when it first says so.
  const latestUs = expired ? record.expiryOf(stop) : stop.deviceUs;
  const earliestUs = expired ? latestUs : before.deviceUs;
  const from = record.sentFor(stop) ?? [];
  for (const { deviceUs, saidUs, mode, applied } of seen.slice(stopAt)) {
    if (!isStop(mode)) {
      yield `it left its stop by itself at ${deviceUs} us`;
      return;
    }
    const most = shareLeft(deviceUs - latestUs, mode) + rampSlack;
    // A late turn bears the stamp that was due, and its output the time that it came.
    const least = shareLeft(saidUs - earliestUs, mode) - rampSlack;
    const good = applied.every((value, i) => {
      if (mode === DeviceMode.stopped) return value === 0;
      const full = from[i] ?? 0;
      return full === 0 ? value === 0 : value / full <= most && value / full >= least;
    });
    if (good) continue;
    yield `off the ramp at ${deviceUs} us: ${applied} of ${from}, ${least} to ${most} left`;
    return;
  }
  if (seen.at(-1)!.mode !== DeviceMode.stopped) yield "the stop was not over at the end";
}

/** What a straight ramp leaves after so long. */
function shareLeft(us: number, mode: number): number {
  return mode === DeviceMode.stopped ? 0 : Math.min(1, Math.max(0, 1 - us / stopRampUs));
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
  { host, again: second }: Evidence,
  reason: string,
): Generator<string> {
  if (expect.end === "drives" && reason !== "host") yield `it stopped early: ${reason}`;
  if (expect.reason !== null && reason !== expect.reason) {
    yield `the device's reason is ${reason}, not ${expect.reason}`;
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
