// What the firmware's core takes of a chip: built by itself, -O2, with a program that drives
// nothing. Writes the table between the marks of docs/your-board.md.
//   node dist/tools/core-size.js [--into docs/your-board.md] [--check]
// --check writes nothing, and exits 1 where the page says otherwise. Needs the compilers of
// build-firmware.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { coreSources } from "./firmware-sources.ts";

/** A core and its compiler. */
interface Core {
  readonly name: string;
  readonly prefix: string;
  readonly flags: readonly string[];
}

const arm = ["-mthumb", "-nostartfiles", "-Wl,-e,main", "--specs=nosys.specs"];
const cores: readonly Core[] = [
  {
    name: "Cortex-M4F",
    prefix: "arm-none-eabi-",
    flags: [...arm, "-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"],
  },
  {
    name: "Cortex-M0+, whose floats are software",
    prefix: "arm-none-eabi-",
    flags: [...arm, "-mcpu=cortex-m0plus"],
  },
  { name: "AVR, likewise", prefix: "avr-", flags: ["-mmcu=atmega328p"] },
];

function run(command: string, words: readonly string[]): string {
  const result = spawnSync(command, words, { cwd: "firmware-bridge", encoding: "utf8" });
  if (result.error !== undefined) throw new Error(`${command} does not start`);
  if (result.status !== 0) throw new Error(`${command} failed:\n${result.stderr}`);
  return result.stdout;
}

/** Bytes of flash and of RAM, without what a chip itself takes. */
function sizeOf({ prefix, flags }: Core, folder: string): { flash: number; ram: number } {
  const elf = join(folder, "core.elf");
  const sections = ["-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections"];
  const sources = [...coreSources, "test/size.c"];
  run(`${prefix}gcc`, [
    ...["-std=c11", "-O2", "-Wall", "-Icore"],
    ...[...sections, ...flags, ...sources, "-o", elf],
  ]);
  const [text, data, bss] = run(`${prefix}size`, [elf]).split("\n")[1].trim().split(/\s+/);
  return { flash: Number(text) + Number(data), ram: Number(data) + Number(bss) };
}

function main(): void {
  const { values } = parseArgs({
    options: {
      into: { type: "string", default: "docs/your-board.md" },
      check: { type: "boolean", default: false },
    },
  });
  const folder = mkdtempSync(join(tmpdir(), "sinew-size-"));
  try {
    const rows = cores.map((core) => {
      const { flash, ram } = sizeOf(core, folder);
      return `| ${core.name} | ${flash.toLocaleString("en")} | ${ram.toLocaleString("en")} |`;
    });
    const head = ["| core | flash, bytes | RAM, bytes, without the stack |", "|---|---|---|"];
    const table = [...head, ...rows].join("\n");
    process.stdout.write(`${table}\n`);
    const page = readFileSync(values.into, "utf8");
    const place = /(<!-- core-size -->\n)[\s\S]*(<!-- \/core-size -->)/;
    if (!place.test(page)) throw new Error(`${values.into} has no place for it`);
    const next = page.replace(place, (_, start, end) => `${start}${table}\n${end}`);
    if (next === page) return;
    if (values.check) throw new Error(`${values.into} says otherwise`);
    writeFileSync(values.into, next);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

main();
