import { randomBytes } from "node:crypto";
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

/**
 * Starts one of `qemuMachines` with the raw flash image at `image`. Its clock is the host's. Throws
 * `SinewError("board")` where it does not start.
 */
export function startQemu(machine: string, image: string): Promise<Board> {
  // Its RAM starts as zeros; noise there tells one start from another, as on silicon.
  const noise = `loader,addr=${noinitAt},data=${randomBytes(4).readUInt32LE()},data-len=4`;
  return startProgram(emulator, [
    ...["-M", machine, "-kernel", image, "-device", noise],
    ...["-nographic", "-monitor", "none", "-chardev", "stdio,id=line,signal=off"],
    ...["-serial", "chardev:line"],
  ]);
}
