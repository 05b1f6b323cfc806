// What tests of a whole run share: a pendulum's firmware on the emulated board, and robots on it.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseRobot, type Robot } from "../../src/edge/robot.ts";
import type { RunOptions } from "../../src/edge/run.ts";
import type { Board } from "../../src/hil/board.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import { randomPolicy } from "../policy/random-policy.ts";

export const pendulumImage = "firmware-bridge/images/rp2040-pendulum.bin";

/** A folder of the test's own, which is gone when the test is. */
export function ownFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `sinew-${name}-`));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The text of a robot file, as patient as a robot may be: for what a calm machine does. */
export function patientRobot({ path }: Pick<Board, "path">, folder: string): string {
  const lines = ["robot: bench", `link: { serial: { path: ${path} } }`];
  lines.push("commandTtlMs: 900", "observationAgeMs: 900");
  return `${lines.join("\n")}\nlog: { directory: ${JSON.stringify(folder)} }\n`;
}

let runs = 0;

/** A run of a policy of random weights on `board`. */
export async function patientRun(board: Board, folder: string): Promise<RunOptions> {
  const robot: Robot = parseRobot(patientRobot(board, folder), "robot.yaml");
  const bytes = await exportPolicy(randomPolicy(1));
  const startedAt = `2026-01-01T00:00:00.${String(runs++).padStart(3, "0")}Z`;
  return { policy: { bytes, path: "policy.onnx" }, robot, startedAt };
}

/** Waits for what must come; says what it was where it does not. */
export async function until(what: string, condition: () => unknown): Promise<void> {
  for (let turn = 0; turn < 4000; turn++) {
    if (condition()) return;
    await delay(5);
  }
  throw new Error(`waited in vain for ${what}`);
}
