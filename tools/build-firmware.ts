// Builds the firmware images from firmware-bridge/ with arm-none-eabi-gcc.
//   node dist/tools/build-firmware.js [--check]
// --check builds into a temporary folder and exits 1 where a committed image differs by a byte.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

interface Image {
  readonly name: string;
  readonly sources: readonly string[];
  readonly linkerScript: string;
  readonly cpu: string;
}

const compiler = "arm-none-eabi-gcc";
const objcopy = "arm-none-eabi-objcopy";

const images: readonly Image[] = [
  {
    name: "rp2040-pendulum",
    sources: [
      "core/frame.c",
      "core/stop.c",
      "core/drive.c",
      "core/reply.c",
      "core/session.c",
      "targets/pendulum.c",
      "ports/rp2040.c",
      "ports/rp2040-start.c",
    ],
    linkerScript: "ports/rp2040.ld",
    cpu: "cortex-m0plus",
  },
];

/** c11 turns the fusing of multiply and add off, so every core computes the same floats. */
const flags: readonly string[] = [
  "-mthumb",
  "-std=c11",
  "-O2",
  "-Wall",
  "-Wextra",
  "-Werror",
  "-ffreestanding",
  "-ffunction-sections",
  "-fdata-sections",
  "-nostdlib",
  "-Wl,--gc-sections,--build-id=none",
  "-Icore",
  "-Itargets",
];

/** Runs a tool in firmware-bridge/; throws an Error of one line where it is missing or fails. */
function run(root: string, command: string, args: readonly string[]): string {
  const result = spawnSync(command, args, { cwd: join(root, "firmware-bridge"), encoding: "utf8" });
  if (result.error !== undefined) {
    throw new Error(
      `${command} does not start: install gcc-arm-none-eabi (Debian 12: gcc 12.2.1) and try again`,
    );
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
    const link = ["-T", image.linkerScript, "-lgcc", "-o", elf];
    run(root, compiler, [`-mcpu=${image.cpu}`, ...flags, ...image.sources, ...link]);
    run(root, objcopy, ["-O", "binary", elf, bin]);
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
      const version = run(root, compiler, ["-dumpfullversion"]).trim();
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
