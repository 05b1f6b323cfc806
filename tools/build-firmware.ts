// Builds the firmware images from firmware-bridge/ with arm-none-eabi-gcc and avr-gcc.
//   node dist/tools/build-firmware.js [--check] [image ...]
// --check builds into a temporary folder and exits 1 where a committed image differs by a byte.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  boards,
  buildImage,
  compilerVersion,
  type FirmwareBoard,
  strangers,
  targets,
} from "./firmware-image.ts";

/** An image that is committed: a board and what it drives. */
interface Image {
  readonly name: string;
  readonly board: FirmwareBoard;
  readonly target: string;
}

/**
 * Every target for the Pico, and virtual servos and drives; of the others each has the pendulum and
 * the load of six joints.
 */
const everywhere: readonly string[] = ["pendulum", "six-joints"];

const images: readonly Image[] = boards
  .flatMap((board) => [...targets, ...strangers].map((target) => ({ board, target })))
  .filter(({ board, target }) => board.name === "rp2040" || everywhere.includes(target))
  .filter(({ board, target }) => !board.lacks?.includes(target))
  .map(({ board, target }) => ({ name: `${board.name}-${target}`, board, target }));

/** True where the committed file and its hash are what the sources give. */
function check(path: string, bytes: Buffer, hashLine: string): boolean {
  try {
    return readFileSync(path).equals(bytes) && readFileSync(`${path}.sha256`, "utf8") === hashLine;
  } catch {
    return false;
  }
}

/** Writes one file, or compares it with the committed one. */
function settle(root: string, file: string, bytes: Buffer, checking: boolean): boolean {
  const hash = createHash("sha256").update(bytes).digest("hex");
  const hashLine = `${hash}  ${file}\n`;
  const path = join(root, "firmware-bridge/images", file);
  if (checking && !check(path, bytes, hashLine)) return false;
  if (!checking) {
    writeFileSync(path, bytes);
    writeFileSync(`${path}.sha256`, hashLine);
  }
  const verb = checking ? "equal" : "wrote";
  process.stdout.write(`${verb} images/${file} ${bytes.length} bytes ${hash}\n`);
  return true;
}

function main(): void {
  const root = process.cwd();
  const words = process.argv.slice(2);
  const checking = words.includes("--check");
  const wanted = words.filter((word) => word !== "--check");
  for (const image of images) {
    if (wanted.length > 0 && !wanted.includes(image.name)) continue;
    for (const [suffix, bytes] of Object.entries(buildImage(root, image.board, image.target))) {
      const file = `${image.name}.${suffix}`;
      if (settle(root, file, bytes, checking)) continue;
      const version = compilerVersion(root, image.board);
      process.stderr.write(
        `images/${file} differs from what gcc ${version} builds from the sources\n`,
      );
      process.exitCode = 1;
    }
  }
}

try {
  main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
