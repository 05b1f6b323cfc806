import { Command } from "commander";
import { SinewError } from "../core/errors.ts";
import type { Spec } from "../core/spec.ts";
import { commandNamed } from "../edge/commands.ts";
import type { Robot } from "../edge/robot.ts";
import type { UnfinishedRobot } from "../edge/robot-unknown.ts";
import { shortOf, type WiggleChoice } from "../edge/wiggle.ts";
import type { WiggleVerdict } from "../edge/wiggle-verdict.ts";
import { reasonsOfStops } from "./drive.ts";
import { numberWithin } from "./option.ts";
import { canAsk, choose } from "./question.ts";
import { checkTogether, isFit, tellMistakes } from "./robot-check.ts";
import { checkUnfinishedFile } from "./robot-file.ts";
import { driveCommanded, warningsOf } from "./run.ts";
import { Terminal } from "./terminal.ts";
import { adviceOf, otherJoints, ownerOf, planLine, type Seen, seenLine } from "./wiggle-words.ts";

interface Options {
  readonly joint: string;
  readonly policy?: string;
  readonly degrees: number;
  readonly share: number;
  readonly seconds: number;
  readonly reset: boolean;
  readonly yes: boolean;
  readonly json: boolean;
}

/** It goes on holding for so long after the move, for what lags behind. */
const holdSeconds = 0.6;

/** `sinew wiggle`. */
export function wiggleCommand(): Command {
  return new Command("wiggle")
    .description("Move one joint a little, through the gate, to see which it is and which way.")
    .argument("<robot>", "the robot's file, robot.yaml; its signs may still be unknown")
    .requiredOption("--joint <name>", "which, such as elbow, or its action channel")
    .option("--policy <path>", "the policy's ONNX file (default: the robot file's)")
    .option("--degrees <deg>", "how far, in degrees, 0.5 to 15", numberWithin(0.5, 15), 3)
    .option(
      "--share <part>",
      "part of an effort's limit, 0.005 to 0.25, or of a length's range, of that 0.05 at most",
      numberWithin(0.005, 0.25),
      0.05,
    )
    .option("--seconds <s>", "for there and back, in seconds, 1 to 20", numberWithin(1, 20), 4)
    .option("--reset", "first leave a stop that the device has latched", false)
    .option("--yes", "move without asking first", false)
    .option("--json", "print the findings as one JSON object on stdout", false)
    .addHelpText(
      "after",
      `
The policy is not run: of its file only the contract counts, so that channels, limits and rate are
those of the run to come. All other joints hold their place, or rest at 0 where they are driven by
a speed or an effort; where one can do neither, nothing is moved. A place or a velocity moves by
--degrees, at 30 degrees/s at most; a length by --share of its range. An effort pushes one way by
--share of its limit, for half of --seconds, and only where an observation tells where its joint is:
seen to go half of --degrees, or faster than 30 degrees/s, the push is taken back and is over. For
an effort give 80 s for each 1 of --share: 4 s for 0.05. What stands beyond its limits is not armed.

Space stops it, and so do Ctrl-C and npx sinew ctl stop. Servos hold under torque afterwards, so the
next one needs --reset. Exit code 1: another joint moved, or the other way, or none, or it stopped.
A software stop is not an emergency stop.

Example:
  npx sinew wiggle robot.yaml --policy policy.onnx --joint elbow --reset`,
    )
    .action(act);
}

async function act(path: string, options: Options): Promise<void> {
  const { protectionOf } = await import("../link/link.ts");
  const terminal = new Terminal(options);
  const { checkForWiggle } = await import("../edge/robot-policy.ts");
  const { file, mistakes } = await checkUnfinishedFile(path, { sign: 1 });
  const read = { robot: file?.robot ?? null, mistakes };
  const checked = await checkTogether(read, options.policy, checkForWiggle);
  if (file === null || !isFit(checked)) return tellMistakes(path, mistakes.list(), options);
  const { robot, policy, spec } = checked;
  const { own, choice } = await planned(robot, spec, options);
  for (const line of warningsOf(protectionOf(robot.link))) terminal.line(line);
  terminal.line(planLine(spec, choice));
  if (!options.yes) await permission(terminal);
  const startedAt = new Date().toISOString();
  const still = { ...robot, start: { speed: 1, softSeconds: 0, near: choice.near } };
  const report = await driveCommanded(
    {
      ...{ policy, robot: still, startedAt, wiggle: choice, arm: true, reset: options.reset },
      seconds: options.seconds + holdSeconds,
    },
    terminal,
    [commandNamed("stop")],
  );
  const faults = reasonsOfStops(report);
  const verdict = faults.length > 0 ? null : await verdictOf(report.logPath, own, choice);
  terminal.line(`log  ${report.logPath}`);
  terminal.line(verdict === null ? stoppedLine(faults) : seenLine(spec, choice, verdict));
  const seen = verdict === null ? null : await seenBy(terminal, file, spec, choice, verdict);
  const advice = seen === null ? [] : adviceOf(file, spec, choice, seen);
  for (const line of advice) terminal.line(line);
  const right = seen?.outcome === "right";
  const { deviceAtRest, logPath } = report;
  if (!deviceAtRest) terminal.line("the device has NOT said that it is at rest");
  terminal.result({ ok: right && deviceAtRest, seen, verdict, faults, advice, logPath });
  if (!right || !deviceAtRest) process.exitCode = 1;
}

/** What is to be moved how; `own` channels are observed by the device. */
async function planned(
  robot: Robot,
  spec: Spec,
  options: Options,
): Promise<{ readonly own: number; readonly choice: WiggleChoice }> {
  const { limitsOfRobot } = await import("../edge/robot.ts");
  const { specOfDevice } = await import("../edge/setpoints.ts");
  const { planWiggle } = await import("../edge/wiggle.ts");
  const own = specOfDevice(spec, robot.setpoints).observation.length;
  return { own, choice: planWiggle(spec, own, limitsOfRobot(robot, spec), options) };
}

async function permission(terminal: Terminal): Promise<void> {
  if (!canAsk(terminal)) {
    throw new SinewError("usage", "nobody is at a terminal to be asked: give --yes to move it");
  }
  const answer = await choose("Is everybody clear of it? Move it", ["yes", "no"], null);
  if (answer === "no") throw new SinewError("usage", "nothing was moved");
}

async function verdictOf(
  logPath: string,
  own: number,
  choice: WiggleChoice,
): Promise<WiggleVerdict | null> {
  const { readLog } = await import("../log/reader.ts");
  const { judgeWiggle } = await import("../edge/wiggle-verdict.ts");
  const log = readLog(logPath);
  // The loop may have turned faster than the policy's rate.
  return judgeWiggle(log.spec, own, choice, log.steps());
}

function stoppedLine(faults: readonly string[]): string {
  const why = faults.length === 0 ? "it ended before the move was over" : faults.join("; ");
  return `nothing can be said of it: ${why}`;
}

/** What the observations showed, and where these were as they should be, what a person saw. */
async function seenBy(
  terminal: Terminal,
  { robot }: UnfinishedRobot,
  spec: Spec,
  choice: WiggleChoice,
  verdict: WiggleVerdict,
): Promise<Seen> {
  const { outcome, most } = verdict;
  const told: Seen = { outcome, other: null, moved: most.name, byPerson: false };
  if (outcome === "other") return { ...told, other: ownerOf(robot, spec, most.name) };
  if (outcome !== "right" || !canAsk(terminal)) return told;
  const joints = otherJoints(spec, choice);
  const words = joints.length === 0 ? [] : ["another" as const];
  const { name } = spec.action[choice.at];
  const sense = `the way that ${verdict.up ? "more" : "less"} of ${name} means`;
  const question = `Did ${shortOf(name)} move, at first ${sense}?`;
  const answer = await choose(question, ["yes", "reversed", ...words, "nothing"], null);
  if (answer === "yes") return { ...told, byPerson: true };
  if (answer === "reversed") return { ...told, outcome: "reversed", byPerson: true };
  if (answer === "nothing") return { ...told, outcome: "still", byPerson: true };
  const which = await choose("Which one moved?", joints, joints.length === 1 ? joints[0] : null);
  const other = spec.action.find((action) => shortOf(action.name) === which)!.name;
  return { ...told, outcome: "other", other, byPerson: true };
}
