import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Board } from "./board.ts";
import { startEmulated } from "./emulated-board.ts";
import { buildNative, buildSimavr, firmwareFolder } from "./native-program.ts";
import { startProgram } from "./program-board.ts";
import { qemuMachines, startQemu } from "./qemu-board.ts";

/** A board that can be booted here. */
export interface Target {
  readonly name: string;
  /** What runs it: `rp2040js`, `avr8js`, `qemu`, `simavr` or `native`. */
  readonly by: string;
  /** The scenarios' rig can open its stop line. */
  readonly stopLine: boolean;
  /** Whether there is firmware for it that drives this. */
  canDrive(drives: string): boolean;
  /** With the firmware that drives this; left out, what was asked of `targetsHere`. */
  start(drives?: string): Promise<Board>;
}

/** A target that this machine lacks the tool for, and which. */
export interface MissingTarget {
  readonly name: string;
  readonly needs: string;
}

function imageOf(board: string, drives: string): string {
  return join(firmwareFolder, "images", `${board}-${drives}.bin`);
}

function runs(command: string): boolean {
  return spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0;
}

/**
 * Every board there is an image for that drives `drives`, a name of `firmware-bridge/targets`, and
 * those that cannot be booted on this machine.
 */
export function targetsHere(drives: string = "pendulum"): {
  here: Target[];
  missing: MissingTarget[];
} {
  const here: Target[] = [];
  const missing: MissingTarget[] = [];
  for (const [name, by] of [
    ["rp2040", "rp2040js"],
    ["atmega328p", "avr8js"],
  ] as const) {
    if (!existsSync(imageOf(name, drives))) {
      missing.push({ name, needs: `an image that drives ${drives}` });
      continue;
    }
    here.push({
      name,
      by,
      stopLine: true,
      canDrive: (other) => existsSync(imageOf(name, other)),
      start: (other = drives) => startEmulated({ board: name, image: imageOf(name, other) }),
    });
  }
  const qemu = runs("qemu-system-arm");
  for (const name of qemuMachines) {
    const canDrive = (other: string): boolean => existsSync(imageOf(name, other));
    const start = (other = drives): Promise<Board> => startQemu(name, imageOf(name, other));
    if (qemu) here.push({ name, by: "qemu", stopLine: false, canDrive, start });
    else missing.push({ name, needs: "qemu-system-arm" });
  }
  const chip = (other: string): string => imageOf("atmega328p", other);
  const simavr = {
    ...{ name: "atmega328p-simavr", by: "simavr", stopLine: true },
    canDrive: (other: string) => existsSync(chip(other)),
    start: (other = drives) => startSimavr(chip(other)),
  };
  if (!simavr.canDrive(drives))
    missing.push({ name: simavr.name, needs: `an image that drives ${drives}` });
  else if (hasSimavr()) here.push(simavr);
  else missing.push({ name: simavr.name, needs: "libsimavr-dev and a C compiler (cc)" });
  const canDrive = (other: string): boolean =>
    existsSync(join(firmwareFolder, "targets", `${other}.c`));
  const start = (other = drives): Promise<Board> => startNative(other);
  if (runs("cc")) here.push({ name: "native", by: "native", stopLine: true, canDrive, start });
  else missing.push({ name: "native", needs: "a C compiler (cc)" });
  return { here, missing };
}

/** Programs that were built before in this process, by what they are. */
const built = new Map<string, string>();

function builtOnce(name: string, build: () => string): string {
  const program = built.get(name) ?? build();
  built.set(name, program);
  return program;
}

/**
 * Starts the firmware as a process of this machine, built from its sources at the first call.
 * Throws `SinewError("board")` where the compiler refuses them.
 */
export function startNative(drives: string): Promise<Board> {
  const program = builtOnce(`native ${drives}`, () => buildNative(firmwareFolder, drives));
  return startProgram(program, [], { stopLine: true });
}

/**
 * Starts an ATmega328P with `image` on simavr. Throws `SinewError("board")` where libsimavr is not
 * installed.
 */
export function startSimavr(image: string): Promise<Board> {
  return startProgram(builtOnce("simavr", buildSimavr), [image], { stopLine: true });
}

let simavrHere: boolean | null = null;

/** Whether the C compiler finds simavr's headers and library; asked once in this process. */
function hasSimavr(): boolean {
  if (simavrHere !== null) return simavrHere;
  try {
    builtOnce("simavr", buildSimavr);
    simavrHere = true;
  } catch {
    simavrHere = false;
  }
  return simavrHere;
}
