import type { Spec } from "../core/spec.ts";
import { nameOfMode, namesOfReasons, reasonsOfOneChannel } from "../core/step.ts";
import { nameOfDeviceMode, nameOfDeviceReason, nameOfStopLine } from "../link/device.ts";
import type { Status } from "./status.ts";

/**
 * Who was furthest from home, or beyond its limits, or seen beyond what a joint may be, and by how
 * much, in words, when a cycle was last refused for that; null where none was.
 */
export function furthestOf(status: Status, spec: Spec): string | null {
  const furthest = status.furthest();
  if (furthest === null) return null;
  const { name, unit } = [...spec.action, ...spec.observation][furthest.at];
  return `${name} by ${furthest.by.toFixed(3)} ${unit}`;
}

/** How a run stands that did not do what it was asked, and what to do, in words for a person. */
export function situationOf(status: Status, spec: Spec): string {
  const device = nameOfDeviceMode(status.deviceMode);
  const stopped = device === "stopped";
  const why = stopped ? ` (${nameOfDeviceReason(status.deviceReason)})` : "";
  const named = namesOfReasons(status.reasons);
  const ofOne = (status.reasons & reasonsOfOneChannel) !== 0;
  const furthest = ofOne ? furthestOf(status, spec) : null;
  const far = furthest === null ? "" : `: ${furthest}`;
  const reasons = named.join(", ") + far;
  const loop = nameOfMode(status.mode) + (reasons === "" ? "" : ` (${reasons})`);
  return `the device is ${device}${why}, the loop is ${loop}${adviceFor(status, stopped)}`;
}

function adviceFor({ stopLine }: Status, stopped: boolean): string {
  if (nameOfStopLine(stopLine) !== "open") return stopped ? "; reset it first" : "";
  return stopped ? "; close its stop line, then reset it" : "; close its stop line first";
}
