import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SinewError } from "../core/errors.ts";
import type { Board } from "./board.ts";
import { startEmulated } from "./emulated-board.ts";
import { startProgram } from "./program-board.ts";
import { qemuMachines, startQemu } from "./qemu-board.ts";

const firmware = fileURLToPath(new URL("../../../firmware-bridge", import.meta.url));

/** A board that can be booted here. */
export interface Target {
  readonly name: string;
  /** What runs it: `rp2040js`, `avr8js`, `qemu` or `native`. */
  readonly by: string;
  start(): Promise<Board>;
}

/** A target that this machine lacks the tool for, and which. */
export interface MissingTarget {
  readonly name: string;
  readonly needs: string;
}

const imageOf = (board: string): string => join(firmware, "images", `${board}-pendulum.bin`);

function runs(command: string): boolean {
  return spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0;
}

/** Every target there is, and those that cannot be booted on this machine. */
export function targetsHere(): { here: Target[]; missing: MissingTarget[] } {
  const here: Target[] = [];
  const missing: MissingTarget[] = [];
  for (const [name, by] of [
    ["rp2040", "rp2040js"],
    ["atmega328p", "avr8js"],
  ] as const) {
    here.push({ name, by, start: () => startEmulated({ board: name, image: imageOf(name) }) });
  }
  const qemu = runs("qemu-system-arm");
  for (const name of qemuMachines) {
    if (qemu) here.push({ name, by: "qemu", start: () => startQemu(name, imageOf(name)) });
    else missing.push({ name, needs: "qemu-system-arm" });
  }
  if (runs("cc")) here.push({ name: "native", by: "native", start: startNative });
  else missing.push({ name: "native", needs: "a C compiler (cc)" });
  return { here, missing };
}

let built: string | null = null;

/**
 * Starts the firmware as a process of this machine, built from its sources at the first call.
 * Throws `SinewError("board")` where the compiler refuses them.
 */
export function startNative(): Promise<Board> {
  built ??= buildNative();
  return startProgram(built, []);
}

function buildNative(): string {
  const folder = mkdtempSync(join(tmpdir(), "sinew-native-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const program = join(folder, "sinew-native");
  const core = readdirSync(join(firmware, "core"))
    .filter((name) => name.endsWith(".c"))
    .map((name) => join("core", name));
  const words = ["-std=c11", "-O2", "-Icore", "-Itargets", ...core, "targets/pendulum.c"];
  const result = spawnSync("cc", [...words, "ports/native.c", "-o", program], {
    cwd: firmware,
    encoding: "utf8",
  });
  if (result.status === 0) return program;
  throw new SinewError("board", `cc failed: ${result.error?.message ?? result.stderr.trim()}`);
}
