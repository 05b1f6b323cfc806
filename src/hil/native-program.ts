import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SinewError } from "../core/errors.ts";

/** Where the firmware's sources and images are. */
export const firmwareFolder: string = fileURLToPath(
  new URL("../../../firmware-bridge", import.meta.url),
);
const simavrSource = fileURLToPath(new URL("../../../src/hil/simavr.c", import.meta.url));

let place: string | null = null;
let programs = 0;

/** Made at the first call, removed when this process ends. */
function ownFolder(): string {
  if (place !== null) return place;
  const made = mkdtempSync(join(tmpdir(), "sinew-native-"));
  process.once("exit", () => rmSync(made, { recursive: true, force: true }));
  place = made;
  return made;
}

/** The path of the program that `cc` makes of `words` in `cwd`. */
function compile(name: string, cwd: string, words: readonly string[]): string {
  const program = join(ownFolder(), `${name}-${programs++}`);
  const result = spawnSync("cc", ["-O2", ...words, "-o", program], { cwd, encoding: "utf8" });
  if (result.status === 0) return program;
  throw new SinewError("board", `cc failed: ${result.error?.message ?? result.stderr.trim()}`);
}

/**
 * Builds the native port from the firmware's sources in `folder`; the program is removed when this
 * process ends. Throws `SinewError("board")` where the compiler refuses them.
 */
export function buildNative(folder: string, drives: string): string {
  const core = readdirSync(join(folder, "core"))
    .filter((name) => name.endsWith(".c"))
    .map((name) => join("core", name));
  const chosen = `-DSINEW_TARGET=sinew_${drives.replaceAll("-", "_")}`;
  const words = ["-std=c11", "-Icore", "-Itargets", chosen, ...core, `targets/${drives}.c`];
  return compile(`native-${drives}`, folder, [...words, "ports/native.c"]);
}

/**
 * Builds the program that runs an ATmega328P's image on simavr, as `buildNative` does. Throws
 * `SinewError("board")` where libsimavr is not installed.
 */
export function buildSimavr(): string {
  return compile("simavr", ownFolder(), [simavrSource, "-lsimavr"]);
}
