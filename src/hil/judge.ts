import type { Spec } from "../core/spec.ts";
import { DeviceMode, DeviceReason, stopRampUs } from "../wire/messages.ts";
import type { DeviceRecord, Seen } from "./device-record.ts";
import type { HostWord } from "./host-process.ts";
import type { Scenario } from "./scenario.ts";

/** A turn of the firmware and a STATE of it, in which the ramp may have moved on. */
const rampSlack = 0.03;

/** What a trial left behind. */
export interface Evidence {
  readonly spec: Spec;
  readonly record: DeviceRecord;
  /** When the fault began, us of the rig's clock; NaN where there was none. */
  readonly faultUs: number;
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
  const faults = [...outputFaults(evidence)];
  const armedAt = seen.findIndex(({ mode }) => mode === DeviceMode.armed);
  const stopAt = seen.findIndex(({ mode }, i) => i > armedAt && isStop(mode));
  const stopped = armedAt >= 0 && stopAt >= 0;
  const reason = stopped ? reasonOf(seen[stopAt]) : "none";
  let timeToSafeMs: number | null = null;
  if (scenario.expect.end === "refused") {
    if (armedAt >= 0) faults.push("the device was armed");
  } else if (!stopped) {
    faults.push(armedAt < 0 ? "the device was never armed" : "the device did not stop");
  } else {
    faults.push(...stopFaults(seen, stopAt, evidence.record));
    if (scenario.expect.end === "stopped") {
      timeToSafeMs = timeToSafe(evidence, stopAt);
      const { withinMs } = scenario.expect;
      // Written so that NaN fails it.
      if (!(timeToSafeMs <= withinMs)) faults.push(`safe after ${timeToSafeMs} ms: ${withinMs}`);
    }
  }
  faults.push(...wordFaults(scenario, evidence, reason));
  return { ok: faults.length === 0, timeToSafeMs, reason, faults };
}

const isStop = (mode: number): boolean =>
  mode === DeviceMode.stopping || mode === DeviceMode.stopped;

function reasonOf({ reason }: Seen): string {
  return Object.keys(DeviceReason)[reason] ?? `code ${reason}`;
}

/**
 * Whatever happens, an actuator is told what is finite and within its limits, and while the device
 * is armed exactly what a host said.
 */
function* outputFaults({ spec, record }: Evidence): Generator<string> {
  if (record.seen.length === 0) yield "the device said nothing";
  for (const one of record.seen) {
    const { applied, deviceUs } = one;
    for (const [i, { name, low, high }] of spec.action.entries()) {
      if (applied[i] >= low && applied[i] <= high) continue;
      yield `${name} was told ${applied[i]} at ${deviceUs} us`;
      return;
    }
    if (one.mode !== DeviceMode.armed) continue;
    const sent = record.sentFor(one);
    if (sent?.every((value, i) => applied[i] === value)) continue;
    yield `it does ${applied} at ${deviceUs} us, where the host said ${sent ?? "nothing"}`;
    return;
  }
}

/** A stop keeps its profile, latches, and nothing moves again by itself. */
function* stopFaults(
  seen: readonly Seen[],
  stopAt: number,
  record: DeviceRecord,
): Generator<string> {
  const before = seen[stopAt - 1];
  const expired = seen[stopAt].reason === DeviceReason.expired;
  // Told to stop, it began between two STATEs: at the latest when it first says so.
  const beganUs = expired ? record.expiryOf(seen[stopAt]) : seen[stopAt].deviceUs;
  // What the last command told, which may have come between two STATEs.
  const from = seen[stopAt].applied.map((value, i) =>
    Math.max(Math.abs(value), Math.abs(before.applied[i])),
  );
  for (const { deviceUs, mode, applied } of seen.slice(stopAt)) {
    if (!isStop(mode)) {
      yield `it left its stop by itself at ${deviceUs} us`;
      return;
    }
    const left = Math.max(0, 1 - (deviceUs - beganUs) / stopRampUs) + rampSlack;
    const most = mode === DeviceMode.stopped ? 0 : left;
    if (applied.every((value, i) => Math.abs(value) <= most * from[i])) continue;
    yield `off the ramp at ${deviceUs} us: ${applied} of ${from}, ${most} left`;
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

/** What was to be said: the device's reason, and the host's words. */
function* wordFaults(
  { expect, again }: Scenario,
  { host, again: second }: Evidence,
  reason: string,
): Generator<string> {
  if (expect.end === "drives" && reason !== "host") yield `it stopped early: ${reason}`;
  if (expect.reason !== null && reason !== expect.reason) {
    yield `the device's reason is ${reason}, not ${expect.reason}`;
  }
  const said = host === null ? "" : JSON.stringify(host);
  if (expect.says !== null && !new RegExp(expect.says).test(said)) {
    yield `the host said ${said || "nothing"}`;
  }
  if (again && !/reset it first/.test(second?.failure ?? "")) {
    yield `a second host was not refused: ${JSON.stringify(second)}`;
  }
}
