import { Mode, namesOfReasons, reasonsOfOneChannel } from "../core/step.ts";
import { memoryLine } from "../edge/real-time.ts";
import type { Run, RunReport } from "../edge/run.ts";
import { Count, Measure } from "../edge/status.ts";
import { nameOfDeviceReason } from "../link/device.ts";
import { Happening } from "../safety/supervisor.ts";
import { eventsOf, historyRows } from "./history.ts";

/** The line that someone who watches a run sees: the newest cycle and how the loop keeps time. */
export function liveLine(run: Run, startUs: number): string {
  const { observation, action, timeUs } = run.status.live();
  const seconds = Math.max(0, (timeUs - startUs) / 1e6)
    .toFixed(1)
    .padStart(5);
  const loopUs = run.status.percentiles(Measure.total).p50.toFixed(0);
  const missed = run.status.count(Count.missed);
  return `${seconds} s  ${motion(run, observation, action)}  loop ${loopUs} us  missed ${missed}`;
}

/** A pendulum is told by its angle; other robots by their channels. */
function motion(run: Run, observation: Float32Array, action: Float32Array): string {
  const names = run.spec.observation.map(({ name }) => name);
  const [cos, sin] = [names.indexOf("pole_cos"), names.indexOf("pole_sin")];
  if (cos < 0 || sin < 0) {
    const values = run.spec.observation.map(({ name, unit }, i) => {
      return `${name} ${observation[i].toFixed(2)} ${unit}`;
    });
    return values.slice(0, 4).join("  ");
  }
  const angle = Math.atan2(observation[sin], observation[cos]);
  const torque = action[0].toFixed(2).padStart(5);
  return `angle ${angle.toFixed(2).padStart(5)} rad ${gauge(angle)}  torque ${torque} N*m`;
}

/** The angle from -pi to pi on a line of 25 places; upright is the middle. */
function gauge(angle: number): string {
  const at = Math.min(24, Math.max(0, Math.round(((angle + Math.PI) / (2 * Math.PI)) * 24)));
  return `[${"-".repeat(at)}O${"-".repeat(24 - at)}]`;
}

/** What is measured of each cycle, as people call it. */
const timeNames = {
  lateness: "lateness",
  total: "loop",
  read: "  read",
  decide: "  decide",
  guard: "  guard",
  write: "  write",
  log: "log",
  age: "observation age",
  roundTrip: "round trip",
} as const satisfies Record<keyof RunReport["times"], string>;

/** What the device told of its stop line. */
const stopLines: Readonly<Record<string, string>> = {
  none: "none: this device has no stop line",
  closed: "on the device's stop line, which is closed",
  open: "the device's stop line is open",
};

/** The report of a run as rows of a table. */
export function reportRows(report: RunReport): string[][] {
  const us = (value: number): string => (Number.isFinite(value) ? `${value.toFixed(0)} us` : "-");
  const times = Object.entries(timeNames).map(([name, title]) => {
    const { p50, p99, p999, max } = report.times[name as keyof typeof timeNames];
    const [middle, late, rare, most] = [p50, p99, p999, max].map(us);
    return [title, `p50 ${middle}, p99 ${late}, p99.9 ${rare}, max ${most}`];
  });
  const rows = [
    ...signedRows(report),
    ["cycles", `${report.cycles}, missed ${report.missed}, late ${report.late}`],
    ["policy", `asked in ${report.policyCalls} of them`],
    ["real time", `${report.realTime.line}; ${memoryLine}`],
    ...times,
    ["gate", `limited ${report.limited}${limitedBy(report)}, refused ${report.refused}`],
    ["joints", jointsLine(report)],
    ["hold", report.cannotHold ?? "by a place, no velocity, or a joint's gains"],
    ["log", `${report.steps} steps, dropped ${report.droppedSteps}: ${report.logPath}`],
  ];
  if (report.failedReads > 0) rows.push(["failed reads", String(report.failedReads)]);
  const { gates, silence } = report.protection;
  rows.push(["protection", gates.length === 1 ? "one layer" : "two layers"]);
  for (const what of [...gates, silence]) rows.push(["", what]);
  rows.push(["stop switch", stopLines[report.stopLine] ?? report.stopLine]);
  if (report.logFailure !== null) rows.push(["log ended early", report.logFailure]);
  for (const line of report.notices) rows.push(["link", line]);
  for (const why of reasonsOfStops(report)) rows.push(["stopped", why]);
  rows.push(...historyRows(eventsOf(report), report.startUs));
  rows.push(["device at rest", report.deviceAtRest ? "yes" : "NOT CONFIRMED"]);
  return rows;
}

/** Who vouches for the policy that drove last; nothing where nobody was asked. */
function signedRows({ signer }: RunReport): string[][] {
  return signer === null ? [] : [["signed", `by key ${signer.keyId}; ${signer.comment}`]];
}

/** What bounded the actions; nothing where nothing did. */
function limitedBy({ limitedBy }: RunReport): string {
  const words = Object.entries(limitedBy)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${name} ${count}`);
  return words.length === 0 ? "" : ` (${words.join(", ")})`;
}

function jointsLine({ jointsWithEnds }: RunReport): string {
  if (jointsWithEnds === null) return "not described: nothing brakes before their ends";
  if (jointsWithEnds === 0) return "all unlimited: nothing brakes before their ends";
  return `braked before their ends: ${jointsWithEnds}`;
}

/** Why a run stopped without being asked to; empty where nothing stopped it. */
export function reasonsOfStops(report: RunReport): string[] {
  const reasons: string[] = [];
  for (const { to, happening, reason } of report.transitions) {
    if (to !== Mode.stopped) continue;
    if (happening === Happening.fault) {
      const isOne = (reason & reasonsOfOneChannel) !== 0;
      const who = isOne && report.furthest !== null ? `: ${report.furthest}` : "";
      reasons.push(namesOfReasons(reason).join(", ") + who);
    }
    if (happening === Happening.deviceStopped) {
      const why = report.why === "" ? "" : `: ${report.why}`;
      reasons.push(`by the device itself (${nameOfDeviceReason(reason)})${why}`);
    }
  }
  if (report.linkLost) reasons.push("the link was lost");
  return reasons;
}
