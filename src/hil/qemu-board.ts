import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import type { Board } from "./board.ts";
import { startProgram } from "./program-board.ts";

const emulator = "qemu-system-arm";
/** Where `ports/cortex-m.ld` puts what survives a reset. */
const noinitAt = 0x20000000;

/** QEMU's machines that there is a port for. */
export const qemuMachines: readonly string[] = [
  "lm3s6965evb",
  "mps2-an385",
  "mps2-an386",
  "mps2-an500",
  "netduinoplus2",
  "microbit",
];

/** Of util-linux: keeps a program to some of the machine's CPUs. */
const taskset = "/usr/bin/taskset";
let started = 0;

/**
 * What keeps an emulator to one CPU, another for each. Its two threads, one for the core and one
 * for the line, hand over to each other several times for each byte. Between two CPUs each time
 * wakes the other one, which on a virtual machine takes four times as long as all the rest.
 */
function onOneCpu(): string[] {
  if (!existsSync(taskset)) return [];
  const [, list] = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync("/proc/self/status", "utf8"))!;
  const cpus = list.split(",").flatMap((range) => {
    const [first, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, at) => first + at);
  });
  // The last one first: this process is as likely on the first.
  return [taskset, "-c", String(cpus[cpus.length - 1 - (started++ % cpus.length)])];
}

/**
 * Starts one of `qemuMachines` with the raw flash image at `image`. Its clock is the host's. Throws
 * `SinewError("board")` where it does not start.
 */
export function startQemu(machine: string, image: string): Promise<Board> {
  // Its RAM starts as zeros; noise there tells one start from another, as on silicon.
  const noise = `loader,addr=${noinitAt},data=${randomBytes(4).readUInt32LE()},data-len=4`;
  const [command, ...words] = [...onOneCpu(), emulator];
  return startProgram(command, [
    ...[...words, "-M", machine, "-kernel", image, "-device", noise],
    ...["-nographic", "-monitor", "none", "-chardev", "stdio,id=line,signal=off"],
    ...["-serial", "chardev:line"],
  ]);
}
