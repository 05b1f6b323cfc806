import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sealBootStage } from "../src/hil/boot-stage.ts";
import { axisSources, buses, coreSources } from "./firmware-sources.ts";
import { uf2Of } from "./uf2.ts";

/** A board that we have an image for. */
export interface FirmwareBoard {
  readonly name: string;
  readonly tools: Tools;
  readonly cpu: readonly string[];
  /** Below ports/. */
  readonly sources: readonly string[];
  /** Below ports/ too; the compiler's own where it has one. */
  readonly linkerScript?: string;
  readonly defines: readonly string[];
  /** Targets that its memory has no room for. */
  readonly lacks?: readonly string[];
  /** Completes the image in place; returns the other files that it is flashed by, by suffix. */
  readonly finish?: (image: Buffer) => Files;
}

/** Files of one image, by suffix. */
export type Files = Readonly<Record<string, Buffer>>;

/** A compiler and what goes with it. */
interface Tools {
  readonly prefix: string;
  readonly debian: string;
  readonly flags: readonly string[];
  readonly sources: readonly string[];
}

const arm: Tools = {
  prefix: "arm-none-eabi-",
  debian: "gcc-arm-none-eabi (Debian 12: gcc 12.2.1)",
  flags: ["-mthumb", "-ffreestanding", "-nostdlib", "-Wl,--build-id=none", "-Lports"],
  sources: ["ports/cortex-m.c"],
};
const avr: Tools = {
  prefix: "avr-",
  debian: "gcc-avr and avr-libc (Debian 12: gcc 5.4.0)",
  flags: [],
  sources: [],
};

const cortexM0 = ["-mcpu=cortex-m0"];
const cortexM3 = ["-mcpu=cortex-m3"];
const cortexM4F = ["-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"];
const cortexM7F = ["-mcpu=cortex-m7", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"];

function mps2(name: string, cpu: readonly string[]): FirmwareBoard {
  const defines = ["UART_IRQ=0", "UART_TX_IRQ=1", "VECTORS=32", `SINEW_BOARD="${name}"`];
  return { name, tools: arm, cpu, sources: ["mps2.c"], linkerScript: "mps2.ld", defines };
}

export const boards: readonly FirmwareBoard[] = [
  {
    name: "rp2040",
    tools: arm,
    cpu: ["-mcpu=cortex-m0plus"],
    sources: ["rp2040.c", "rp2040-boot.c", "rp2040-start.c", "pl011.c"],
    linkerScript: "rp2040.ld",
    defines: ["UART_IRQ=20", "TIMER_IRQ=0", "VECTORS=26", "PL011_BASE=0x40034000u"],
    finish: (image) => {
      sealBootStage(image);
      return { uf2: uf2Of(image, 0x10000000) };
    },
  },
  mps2("mps2-an385", cortexM3),
  mps2("mps2-an386", cortexM4F),
  mps2("mps2-an500", cortexM7F),
  {
    name: "lm3s6965evb",
    tools: arm,
    cpu: cortexM3,
    sources: ["lm3s6965evb.c", "pl011.c"],
    linkerScript: "lm3s6965evb.ld",
    defines: ["UART_IRQ=5", "VECTORS=44", "PL011_BASE=0x4000c000u"],
  },
  {
    name: "netduinoplus2",
    tools: arm,
    cpu: cortexM4F,
    sources: ["netduinoplus2.c"],
    linkerScript: "netduinoplus2.ld",
    defines: ["UART_IRQ=37", "VECTORS=82"],
  },
  {
    name: "microbit",
    tools: arm,
    cpu: cortexM0,
    sources: ["microbit.c"],
    linkerScript: "microbit.ld",
    defines: ["UART_IRQ=2", "TIMER_IRQ=8", "VECTORS=32"],
  },
  {
    name: "atmega328p",
    tools: avr,
    cpu: ["-mmcu=atmega328p"],
    sources: ["atmega328p.c"],
    defines: ["F_CPU=16000000UL"],
    lacks: ["six-joints"],
  },
];

/** What is driven, by its file below targets/. */
export const targets: readonly string[] = [
  "pendulum",
  "pd-servo",
  "torque-motor",
  "six-joints",
  "heater",
];

/** The name of a C object for `target`. */
export const symbolOf = (target: string): string => `sinew_${target.replaceAll("-", "_")}`;

/** An image that is no device of ours: what is in the place of target and loop. */
interface Stranger {
  readonly sources: readonly string[];
  /** Below ports/, and what it takes for its device, and what else is defined. */
  readonly loop: string;
  readonly defines?: readonly string[];
}

const onBus = Object.entries(buses).map(([name, { sources, line, defines }]) => [
  name,
  { sources, loop: "bus-board.c", defines: [`SINEW_BUS=${line}`, ...defines] },
]);
const onLine = ["odrive-axis", "moteus-axis"].map((name) => [
  name,
  {
    sources: [...axisSources, "targets/torque-motor.c"],
    loop: "line-board.c",
    defines: [`SINEW_LINE_DEVICE=${symbolOf(name)}_device`],
  },
]);
/** Images that stand for other makers' devices, by name. */
export const strangers: readonly string[] = [...onBus, ...onLine].map(([name]) => name as string);

const strangersByName: Readonly<Record<string, Stranger>> = {
  ...Object.fromEntries([...onBus, ...onLine]),
  echo: { sources: [], loop: "echo-board.c" },
};

/** c11 turns the fusing of multiply and add off, so every core computes the same floats. */
const flags: readonly string[] = [
  "-std=c11",
  "-O2",
  "-Wall",
  "-Wextra",
  "-Werror",
  "-ffunction-sections",
  "-fdata-sections",
  "-Wl,--gc-sections",
  "-Icore",
  "-Itargets",
  "-Iports",
];

/** Runs a tool in firmware-bridge/; throws an Error of one line where it is missing or fails. */
function run(root: string, tools: Tools, tool: string, args: readonly string[]): string {
  const command = tools.prefix + tool;
  const result = spawnSync(command, args, { cwd: join(root, "firmware-bridge"), encoding: "utf8" });
  if (result.error !== undefined) {
    throw new Error(`${command} does not start: install ${tools.debian} and try again`);
  }
  if (result.status !== 0) throw new Error(`${command} failed:\n${result.stderr.trim()}`);
  return result.stdout;
}

/**
 * The files of the image of `target` for `board`, from the sources below `root`. They depend on
 * these and on the compiler's version only.
 */
export function buildImage(root: string, board: FirmwareBoard, target: string): Files {
  const folder = mkdtempSync(join(tmpdir(), "sinew-firmware-"));
  try {
    const elf = join(folder, "image.elf");
    const path = join(folder, "image.bin");
    const { tools, linkerScript } = board;
    const stranger = strangersByName[target];
    const made = stranger?.sources ?? [`targets/${target}.c`];
    const sources = [stranger?.loop ?? "board.c", ...board.sources].map((name) => `ports/${name}`);
    const device = stranger?.defines ?? [];
    const named = [`SINEW_TARGET=${symbolOf(target)}`, ...device, ...board.defines];
    const defines = named.map((one) => `-D${one}`);
    run(root, tools, "gcc", [
      ...[...board.cpu, ...flags, ...tools.flags, ...defines],
      ...[...coreSources, ...made, ...tools.sources, ...sources],
      ...(linkerScript === undefined ? [] : ["-T", `ports/${linkerScript}`]),
      ...["-lgcc", "-o", elf],
    ]);
    run(root, tools, "objcopy", ["-O", "binary", elf, path]);
    const bin = readFileSync(path);
    return { ...board.finish?.(bin), bin };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The version of the compiler for `board`. */
export function compilerVersion(root: string, board: FirmwareBoard): string {
  return run(root, board.tools, "gcc", ["-dumpversion"]).trim();
}
