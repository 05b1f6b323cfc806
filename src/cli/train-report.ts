import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../core/errors.ts";
import { noiseMoments } from "../learn/noise-moments.ts";
import { settingsOf } from "../learn/presets.ts";
import { progressName, readProgress } from "../learn/progress-csv.ts";
import { type ReportFilm, reportHtml } from "../learn/report.ts";
import { algorithmOf } from "../learn/settings.ts";
import type { TrainResult } from "../learn/train.ts";
import type { Task } from "../sim/env.ts";
import { canBeFilmed, filmOfPolicy } from "./policy-film.ts";

/**
 * Writes `report.html`, a page for people, and `report.json`, the same numbers for programs, beside
 * the policy. `command` is what repeats the run. Returns the page's path.
 */
export async function writeReport(
  folder: string,
  task: Task,
  result: TrainResult,
  command: string,
): Promise<string> {
  const { settings, best, final, random, bestStep, engine, threads, weights, seconds } = result;
  const sha256 = createHash("sha256").update(result.policy).digest("hex");
  const algorithm = algorithmOf(settings);
  const page = join(folder, "report.html");
  // First: it asks nothing of the world, whose scene may fail.
  const report = {
    task: task.name,
    algorithm,
    command,
    seed: settings.seed,
    steps: result.finalStep,
    engine,
    threads,
    weights,
    seconds,
    bestReturn: best.mean,
    bestInterval: [best.low, best.high],
    bestStep,
    finalReturn: final.mean,
    randomReturn: random.mean,
    randomStarts: random.returns.length,
    starts: { first: 1_000_000, count: best.returns.length },
    sha256,
    settings,
    // As the noise is at the first step, of half the action's range.
    noise: noiseMoments(settings),
    alarms: result.alarms,
  };
  writeFileSync(join(folder, "report.json"), `${JSON.stringify(report, null, 2)}\n`);
  const html = reportHtml({
    task: task.name,
    algorithm,
    engine,
    seconds,
    settings: { ...settings },
    defaults: { ...settingsOf("ours", task.name) },
    command,
    judged: [
      { name: "best", step: bestStep, returns: best.returns },
      { name: "final", step: result.finalStep, returns: final.returns },
    ],
    random: random.returns,
    ...(await filmOf(task, result.policy)),
    ...(task.solvedReturn !== undefined && { solvedReturn: task.solvedReturn }),
    rows: readProgress(join(folder, progressName)),
    files: [{ name: "policy.onnx", bytes: result.policy.length, sha256 }],
  });
  writeFileSync(page, html);
  return page;
}

/** The policy at work, for a task that can be drawn; a scene that fails costs no report. */
async function filmOf(
  task: Task,
  policy: Uint8Array,
): Promise<{ film?: ReportFilm; filmProblem?: string }> {
  try {
    if (!canBeFilmed(task)) return {};
    const bytes = await filmOfPolicy(task, policy);
    const caption = "the kept policy, noise off, from the first fixed start";
    return { film: { type: "image/svg+xml", bytes, caption } };
  } catch (error) {
    return { filmProblem: messageOf(error) };
  }
}
