import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { messageOf, SinewError } from "../../core/errors.ts";
import type { Machine, NumberArray } from "./machine.ts";
import type { Plan } from "./plan.ts";

/** What the addon exports; see core/addon.c. */
interface Addon {
  arena(bytes: number): ArrayBuffer;
  team(threads: number): Handle;
  close(team: Handle): void;
  program(
    team: Handle,
    arena: Float32Array,
    words: Int32Array,
    strides: Int32Array,
    rowWidths: Int32Array,
    level: number,
  ): Handle;
  run(program: Handle, rounds: number, table?: readonly (NumberArray | null)[]): number;
  features(level: number): string;
}

/** An object of the addon's own. */
type Handle = object;

/** What the addon of one path said when it was tried; null: it works. */
const tried = new Map<string, string | null>();

/** The addon of this platform. Compiled files lie one folder deeper than their sources. */
export function addonPath(): string {
  const name = `${process.platform}-${process.arch}.node`;
  return fileURLToPath(new URL(`../../../../src/learn/kernel/prebuilt/${name}`, import.meta.url));
}

/** A trial that hangs ends. Long, so that a busy machine decides as an idle one does. */
const trialMs = 120_000;

/** The last word of a trial that has computed all it had to: one that only ends has not. */
export const selfCheckPassed = "computes what is known\n";

/**
 * Why the addon at `path` cannot be used here, or null if it can. It is tried once for each
 * process, in another one, where a crash does no harm: it has to load and to compute what is known,
 * within `limitMs`.
 */
export function nativeProblem(
  path: string = addonPath(),
  limitMs: number = trialMs,
): string | null {
  const known = tried.get(path);
  if (known !== undefined) return known;
  const program = fileURLToPath(new URL("./self-check.js", import.meta.url));
  const child = spawnSync(process.execPath, [program, path], {
    encoding: "utf8",
    timeout: limitMs,
    // One that hangs in native code hears no other signal.
    killSignal: "SIGKILL",
    stdio: ["ignore", "pipe", "pipe"],
  });
  let problem: string | null = null;
  if (child.error !== undefined) problem = messageOf(child.error);
  else if (child.signal !== null) problem = `it ended by ${child.signal}`;
  else if (child.status !== 0) {
    const thrown = /^\w*Error(?: \[\w+\])?: (.*)$/m.exec(child.stderr);
    problem = thrown?.[1].trim() || `it ended with ${child.status}`;
  } else if (child.stdout !== selfCheckPassed) problem = "its trial ended before it had computed";
  tried.set(path, problem);
  return problem;
}

/** How much of an x64 processor may be used, at most: the numbers that addon.c knows. */
export const levels = { base: 0, avx2: 1, avx512: 2 } as const;

/** Runs a plan in the addon at `path`, on what the processor has of `level`. */
export function openNative(
  plan: Plan,
  threads: 1 | 2,
  path: string = addonPath(),
  level: number = levels.avx512,
): Machine {
  let addon: Addon;
  try {
    addon = createRequire(import.meta.url)(path) as Addon;
  } catch (thrown) {
    throw new SinewError("engine", `the kernel's addon does not load: ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
  const arena = new Float32Array(addon.arena(plan.size * 4));
  const team = addon.team(threads);
  const programs = plan.programs.map(({ words, externals }) => {
    const strides = Int32Array.from(externals, ({ stride }) => stride);
    const rowWidths = Int32Array.from(externals, ({ rowWidth }) => rowWidth);
    return addon.program(team, arena, words, strides, rowWidths, level);
  });
  return {
    features: addon.features(level),
    arena,
    run: (program, rounds, table) => addon.run(programs[program], rounds, table),
    step: (program) => addon.run(programs[program], 1),
    close: () => addon.close(team),
  };
}
