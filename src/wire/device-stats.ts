import { Layout } from "./messages.ts";

type Counter = Exclude<keyof typeof Layout.stats, "size">;

/** The device's counters since it started, modulo 2^32, by the names of STATS. */
export type DeviceStats = Record<Counter, number>;

const { size: _size, ...offsets } = Layout.stats;
const counters = Object.keys(offsets) as Counter[];

/** Every counter at 0. */
export function makeDeviceStats(): DeviceStats {
  return Object.fromEntries(counters.map((name) => [name, 0])) as DeviceStats;
}

/** Overwrites `stats` with what the frame of a STATS says. */
export function takeDeviceStats(frame: DataView, stats: DeviceStats): void {
  for (const name of counters) stats[name] = frame.getUint32(offsets[name], true);
}
