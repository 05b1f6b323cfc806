import { Mode, namesOfReasons, Reason } from "../core/step.ts";
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

/** The report of a run as rows of a table. */
export function reportRows(report: RunReport): string[][] {
  const { total, lateness, age, roundTrip } = report.times;
  const us = (value: number): string => (Number.isFinite(value) ? `${value.toFixed(0)} us` : "-");
  const spread = ({ p50, p99, max }: typeof total): string =>
    `p50 ${us(p50)}, p99 ${us(p99)}, max ${us(max)}`;
  const rows = [
    ["cycles", `${report.cycles}, missed ${report.missed}, skipped ${report.skipped}`],
    ["loop", spread(total)],
    ["lateness", spread(lateness)],
    ["observation age", spread(age)],
    ["round trip", spread(roundTrip)],
    ["gate", `limited ${report.limited}, refused ${report.refused}`],
    ["log", `${report.steps} steps, dropped ${report.droppedSteps}: ${report.logPath}`],
  ];
  if (report.failedReads > 0) rows.push(["failed reads", String(report.failedReads)]);
  const { gates, silence } = report.protection;
  rows.push(["protection", gates.length === 1 ? "one layer" : "two layers"]);
  for (const what of [...gates, silence]) rows.push(["", what]);
  if (report.logFailure !== null) rows.push(["log ended early", report.logFailure]);
  for (const line of report.notices) rows.push(["link", line]);
  for (const why of reasonsOfStops(report)) rows.push(["stopped", why]);
  rows.push(...historyRows(eventsOf(report), report.startUs));
  rows.push(["device at rest", report.deviceAtRest ? "yes" : "NOT CONFIRMED"]);
  return rows;
}

/** Why a run stopped without being asked to; empty where nothing stopped it. */
export function reasonsOfStops(report: RunReport): string[] {
  const reasons: string[] = [];
  for (const { to, happening, reason } of report.transitions) {
    if (to !== Mode.stopped) continue;
    if (happening === Happening.fault) {
      const far = (reason & (Reason.homeMissed | Reason.beyondLimits)) !== 0;
      const who = far && report.furthest !== null ? `: ${report.furthest}` : "";
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
