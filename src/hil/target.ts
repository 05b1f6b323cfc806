import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Board } from "./board.ts";
import { startEmulated } from "./emulated-board.ts";
import { buildNative, buildSimavr, firmwareFolder } from "./native-program.ts";
import { startProgram } from "./program-board.ts";
import { qemuMachines, startQemu } from "./qemu-board.ts";
import { isImage } from "./scenario.ts";

/** A board that can be booted here. */
export interface Target {
  readonly name: string;
  /** What runs it: `rp2040js`, `avr8js`, `qemu`, `simavr` or `native`. */
  readonly by: string;
  /** The scenarios' rig can open its stop line. */
  readonly stopLine: boolean;
  /** Whether it can be booted with what drives `what`, or with the firmware image of that path. */
  drives(what: string): boolean;
  /** Boots it with that. */
  start(what?: string): Promise<Board>;
}

/** A target that this machine lacks the tool for, and which. */
export interface MissingTarget {
  readonly name: string;
  readonly needs: string;
}

function imageOf(board: string, what: string): string {
  return isImage(what) ? what : join(firmwareFolder, "images", `${board}-${what}.bin`);
}

function runs(command: string): boolean {
  return spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0;
}

/** What boots a board with the firmware image at a path. */
type Starter = (image: string) => Promise<Board>;

/**
 * Every board there is an image for that drives `drives`, a name of `driven`, and those that cannot
 * be booted on this machine.
 */
export function targetsHere(drives: string = "pendulum"): {
  here: Target[];
  missing: MissingTarget[];
} {
  const here: Target[] = [];
  const missing: MissingTarget[] = [];
  const add = (target: Target): void => {
    if (target.drives(drives)) here.push(target);
    else missing.push({ name: target.name, needs: `an image that drives ${drives}` });
  };
  const imaged = (name: string, by: string, stopLine: boolean, boot: Starter, chip = name): void =>
    add({
      ...{ name, by, stopLine },
      drives: (what) => existsSync(imageOf(chip, what)),
      start: (what = drives) => boot(imageOf(chip, what)),
    });
  for (const board of ["rp2040", "atmega328p"] as const) {
    const by = board === "rp2040" ? "rp2040js" : "avr8js";
    imaged(board, by, true, (image) => startEmulated({ board, image }));
  }
  const qemu = runs("qemu-system-arm");
  for (const name of qemuMachines) {
    if (qemu) imaged(name, "qemu", false, (image) => startQemu(name, image));
    else missing.push({ name, needs: "qemu-system-arm" });
  }
  const simavr = "atmega328p-simavr";
  if (hasSimavr()) imaged(simavr, "simavr", true, startSimavr, "atmega328p");
  else missing.push({ name: simavr, needs: "libsimavr-dev and a C compiler (cc)" });
  if (!runs("cc")) missing.push({ name: "native", needs: "a C compiler (cc)" });
  else {
    add({
      ...{ name: "native", by: "native", stopLine: true },
      drives: (what) => existsSync(join(firmwareFolder, "targets", `${what}.c`)),
      start: (what = drives) => startNative(what),
    });
  }
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
