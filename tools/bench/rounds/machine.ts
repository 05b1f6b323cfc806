import { cpus, loadavg } from "node:os";

/** Where and when numbers were measured. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly node: string;
  /** Day, in UTC. */
  readonly date: string;
  /** Cores that were busy over the last minute before the first round. */
  readonly load: number;
}

/** This machine, now. */
export function machineNow(): Machine {
  const all = cpus();
  return {
    cpu: all[0].model.trim(),
    cores: all.length,
    node: process.versions.node,
    date: new Date().toISOString().slice(0, 10),
    load: Number(loadavg()[0].toFixed(2)),
  };
}

/** `AMD EPYC, 2 cores, Node 20.19.0, 2026-01-31, load 0.05 before the start`. */
export function machineText({ cpu, cores, node, date, load }: Machine): string {
  return `${cpu}, ${cores} cores, Node ${node}, ${date}, load ${load} before the start`;
}
