// Builds the firmware images from firmware-bridge/ with arm-none-eabi-gcc and avr-gcc.
//   node dist/tools/build-firmware.js [--check]
// --check builds into a temporary folder and exits 1 where a committed image differs by a byte.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { busSources, coreSources } from "./firmware-sources.ts";

/** A board that we have an image for. */
interface Board {
  readonly name: string;
  readonly tools: Tools;
  readonly cpu: readonly string[];
  /** Below ports/. */
  readonly sources: readonly string[];
  /** Below ports/ too; the compiler's own where it has one. */
  readonly linkerScript?: string;
  readonly defines: readonly string[];
}

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

function mps2(name: string, cpu: readonly string[]): Board {
  const defines = ["UART_IRQ=0", "UART_TX_IRQ=1", "VECTORS=32", `SINEW_BOARD="${name}"`];
  return { name, tools: arm, cpu, sources: ["mps2.c"], linkerScript: "mps2.ld", defines };
}

const boards: readonly Board[] = [
  {
    name: "rp2040",
    tools: arm,
    cpu: ["-mcpu=cortex-m0plus"],
    sources: ["rp2040.c", "pl011.c"],
    linkerScript: "rp2040.ld",
    defines: ["UART_IRQ=20", "TIMER_IRQ=0", "VECTORS=26", "PL011_BASE=0x40034000u"],
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
    defines: ["F_CPU=16000000UL", "SINEW_FRAME_MAX=128u"],
  },
];

/** An image: a board and what it drives. */
interface Image {
  readonly name: string;
  readonly board: Board;
  /** The name of its `struct sinew_target`. */
  readonly target: string;
  readonly sources: readonly string[];
  /** What runs the board. */
  readonly loop: string;
}

const images: readonly Image[] = [
  ...boards.map((board) => ({
    name: `${board.name}-pendulum`,
    board,
    target: "sinew_pendulum",
    sources: ["targets/pendulum.c"],
    loop: "ports/board.c",
  })),
  {
    name: "rp2040-sts-bus",
    board: boards.find(({ name }) => name === "rp2040")!,
    target: "sinew_sts_bus",
    sources: busSources,
    loop: "ports/bus-board.c",
  },
];

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

/** The bytes of `image`, which depend on the sources and on the compiler's version only. */
function build(root: string, image: Image): Buffer {
  const folder = mkdtempSync(join(tmpdir(), "sinew-firmware-"));
  try {
    const elf = join(folder, `${image.name}.elf`);
    const bin = join(folder, `${image.name}.bin`);
    const { board, target } = image;
    const { tools, linkerScript } = board;
    const ports = [image.loop, ...board.sources.map((name) => `ports/${name}`)];
    const defines = [`SINEW_TARGET=${target}`, ...board.defines].map((one) => `-D${one}`);
    run(root, tools, "gcc", [
      ...[...board.cpu, ...flags, ...tools.flags, ...defines],
      ...[...coreSources, ...image.sources, ...tools.sources, ...ports],
      ...(linkerScript === undefined ? [] : ["-T", `ports/${linkerScript}`]),
      ...["-lgcc", "-o", elf],
    ]);
    run(root, tools, "objcopy", ["-O", "binary", elf, bin]);
    return readFileSync(bin);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** True where the committed image and its hash are what the sources give. */
function check(path: string, bytes: Buffer, hashLine: string): boolean {
  try {
    return readFileSync(path).equals(bytes) && readFileSync(`${path}.sha256`, "utf8") === hashLine;
  } catch {
    return false;
  }
}

function main(): void {
  const root = process.cwd();
  const checking = process.argv.includes("--check");
  for (const image of images) {
    const bytes = build(root, image);
    const hash = createHash("sha256").update(bytes).digest("hex");
    const hashLine = `${hash}  ${image.name}.bin\n`;
    const path = join(root, "firmware-bridge/images", `${image.name}.bin`);
    if (checking && !check(path, bytes, hashLine)) {
      const version = run(root, image.board.tools, "gcc", ["-dumpversion"]).trim();
      process.stderr.write(
        `images/${image.name}.bin differs from what gcc ${version} builds from the sources\n`,
      );
      process.exitCode = 1;
      continue;
    }
    if (!checking) {
      writeFileSync(path, bytes);
      writeFileSync(`${path}.sha256`, hashLine);
    }
    const verb = checking ? "equal" : "wrote";
    process.stdout.write(`${verb} images/${image.name}.bin ${bytes.length} bytes ${hash}\n`);
  }
}

try {
  main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
