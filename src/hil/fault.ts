/** Faults of one direction of the line, or of what it carries. */
export type LineKind =
  | ("drop" | "duplicate" | "reorder" | "delay" | "flip" | "truncate" | "length")
  | ("nan" | "infinity" | "denormal" | "out_of_range" | "stuck" | "stale" | "clock_jump");
/** Faults that a host's own threads do to themselves. */
export type TroubleKind = "block" | "block_loop" | "garbage" | "wall_clock";
/** Faults of the host's process, of its cable or broker, of its disk; or the stop switch. */
export type HostKind =
  | TroubleKind
  | ("sigkill" | "sigstop" | "unplug" | "broker" | "disk_full" | "disk_fills")
  | "stop_line";

/** A fault. Its times are seconds since the device was armed. */
export interface Fault {
  readonly kind: LineKind | HostKind;
  readonly on: "to_device" | "from_device" | "both";
  /** Of the frames, above 0 to 1. */
  readonly share: number;
  /** Of a delay, a block, a jump of a clock; how long garbage is made. */
  readonly ms: number;
  readonly from: number;
  readonly to: number;
}

/** The words for `kind`. */
export const faultKinds: readonly Fault["kind"][] = [
  ...(["drop", "duplicate", "reorder", "delay", "flip", "truncate", "length"] as const),
  ...(["nan", "infinity", "denormal", "out_of_range", "stuck", "stale", "clock_jump"] as const),
  ...(["block", "block_loop", "garbage", "wall_clock"] as const),
  ...(["sigkill", "sigstop", "unplug", "broker", "disk_full", "disk_fills"] as const),
  "stop_line",
];

/** Sensors and their stamps come from the device. */
const fromDevice: readonly string[] = ["denormal", "stuck", "stale", "clock_jump"];
/** What is put into frames is put into all of them. */
const values: readonly string[] = [...fromDevice, "nan", "infinity", "out_of_range", "length"];

/** Where a fault of the kind happens when its scenario does not say. */
export function directionOf(kind: Fault["kind"]): Fault["on"] {
  return fromDevice.includes(kind) ? "from_device" : "to_device";
}

/** Why a fault would do nothing, or less than it says; null where it does what it says. */
export function uselessness({ kind, on, share, from, to }: Fault, seconds: number): string | null {
  if (to <= from) return `a fault from ${from} to ${to} s does nothing`;
  if (from >= seconds)
    return `a fault from ${from} s on comes when the host's ${seconds} s are over`;
  if (!values.includes(kind)) return null;
  if (share !== 1) return `"${kind}" hits every frame: leave share out`;
  if (on === "both") return `"${kind}" is of one direction: say which`;
  const known = !fromDevice.includes(kind) || on === "from_device";
  return known ? null : `"${kind}" is of what comes from the device: leave on out`;
}

/** The trouble that a host's threads make for themselves; null where the fault is none of them. */
export function troubleOf({ kind }: Fault): TroubleKind | null {
  const own: readonly string[] = ["block", "block_loop", "garbage", "wall_clock"];
  return own.includes(kind) ? (kind as TroubleKind) : null;
}
