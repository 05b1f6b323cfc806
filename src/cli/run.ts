import { randomBytes } from "node:crypto";
import { Command } from "commander";
import { monotonicClock } from "../core/clock.ts";
import { nameOfMode } from "../core/step.ts";
import type { Dash } from "../dash/dash.ts";
import { type Command as CtlCommand, commands, nameOfKey } from "../edge/commands.ts";
import type { Controls } from "../edge/controls.ts";
import type { Drive } from "../edge/drive.ts";
import type { RunReport } from "../edge/run.ts";
import type { Protection } from "../link/link.ts";
import { liveLine, reasonsOfStops, reportRows } from "./drive.ts";
import { answerLine, StopWatch } from "./history.ts";
import { keysLine, listenToKeys, takesKeys } from "./keyboard.ts";
import { numberWithin, wholeNumber } from "./option.ts";
import { checkWhole, isFit, jointWarnings, tellMistakes } from "./robot-check.ts";
import { runPlaces, serviceTold } from "./runtime-folder.ts";
import { Service } from "./service.ts";
import { interrupted } from "./signal.ts";
import { Terminal, table } from "./terminal.ts";

interface Options {
  readonly policy?: string;
  readonly seconds?: number;
  readonly arm: boolean;
  readonly reset: boolean;
  readonly dryRun: boolean;
  /** A port; true where none is given. */
  readonly dash?: number | true;
  readonly json: boolean;
}

const dashPort = 8420;
/** Bytes of chance in the address of the page. */
const tokenBytes = 18;
const seeSafety = "see docs/safety.md, and keep the switch of their power within reach";

/** What to know before anything moves that has no firmware of ours; nothing where it has. */
export function warningsOf({ gates, silence }: Protection): string[] {
  if (gates.length > 1) return [];
  return [`one protection layer: ${gates[0]};`, `${silence};`, seeSafety];
}

/** `sinew run`. */
export function runCommand(): Command {
  const keys = commands
    .filter(({ key }) => key !== "")
    .map((one) => `  ${nameOfKey(one).padEnd(8)}${one.name}: ${one.help}`);
  return new Command("run")
    .description("Run a policy on a robot: on time, inside limits, every step logged.")
    .argument("<robot>", "the robot's file, robot.yaml")
    .option("--policy <path>", "the policy's ONNX file (default: the robot file's)")
    .option(
      "--seconds <s>",
      "how long to run, in seconds, or until the first stop (default: until Ctrl-C or SIGTERM)",
      numberWithin(0.1, 1e6),
    )
    .option("--arm", "let the policy drive at once; without it nothing moves until an arm", false)
    .option("--reset", "first leave a stop that the device has latched", false)
    .option(
      "--dry-run",
      "check the robot file with the policy, print it whole, open nothing",
      false,
    )
    .option(
      "--dash [port]",
      `show a live page on this machine; 0 stands for any free port (default: ${dashPort})`,
      wholeNumber(0, 65_535),
    )
    .option("--json", "print the report as one JSON object on stdout", false)
    .addHelpText(
      "after",
      `
Keys, in a terminal (never in a pipe); npx sinew ctl does the same from elsewhere:
${keys.join("\n")}

Before the first arm a board must show that it stops by itself: that takes 0.16 s and moves nothing.
Ctrl-C stops the robot and completes the log. Exit code 1: the run was stopped by a fault.
A software stop is not an emergency stop.

Example:
  npx sinew run robot.yaml --policy runs/pendulum-0/policy.onnx --arm --seconds 20`,
    )
    .action(act);
}

async function act(path: string, options: Options): Promise<void> {
  if (options.dryRun) return (await import("./dry-run.ts")).dryRun(path, options);
  const { protectionOf } = await import("../link/link.ts");
  const terminal = new Terminal(options);
  const checked = await checkWhole(path, options.policy);
  if (!isFit(checked)) return tellMistakes(path, checked, options);
  const { robot, policy } = checked;
  for (const line of warningsOf(protectionOf(robot.link))) terminal.line(line);
  for (const line of jointWarnings(robot)) terminal.line(line);
  const startedAt = new Date().toISOString();
  const drive = { ...options, policy, robot, startedAt };
  const report = await driveCommanded(drive, terminal, commands, options.dash);
  for (const line of table(reportRows(report))) terminal.line(line);
  terminal.line(
    `\nnext  npx sinew replay ${report.logPath} --policy ${report.policyPaths.join(" ")}`,
  );
  terminal.result(report);
  if (reasonsOfStops(report).length > 0 || !report.deviceAtRest) process.exitCode = 1;
}

/** Drives while keys of `known` commands, `sinew ctl` and signals command it. */
export async function driveCommanded(
  drive: Omit<Drive, "controls" | "source" | "signal" | "onLook">,
  terminal: Terminal,
  known: readonly CtlCommand[],
  dashOption?: Options["dash"],
): Promise<RunReport> {
  const { runPolicy } = await import("../edge/drive.ts");
  const { Controls } = await import("../edge/controls.ts");
  const { openCtl } = await import("../edge/ctl-server.ts");
  const controls = new Controls((event) => {
    const line = answerLine(event);
    if (line !== null) terminal.line(line);
  });
  const abort = new AbortController();
  void interrupted().then((who) => abort.abort(who));
  const ctl = await openCtl(runPlaces(), drive.robot.robot, controls);
  let stopKeys = (): void => {};
  let dash: Dash | null = null;
  const stops = new StopWatch();
  const clock = monotonicClock();
  const service = new Service(serviceTold());
  let startUs = Number.NaN;
  let told = 0;
  try {
    if (dashOption !== undefined) dash = await startDash(dashOption, drive, controls, terminal);
    stopKeys = startKeys(controls, terminal, known);
    return await runPolicy({
      ...drive,
      controls,
      source: "command line",
      signal: abort.signal,
      onLook: (run) => {
        service.look(run, clock.now());
        if (Number.isNaN(startUs)) {
          startUs = run.status.live().timeUs;
          if (run.holds.cannot !== null) terminal.line(run.holds.cannot);
        }
        for (const line of stops.look(run)) terminal.line(line);
        while (told < run.notices.length) terminal.line(run.notices[told++]);
        terminal.live(`${nameOfMode(run.status.mode).padEnd(8)}  ${liveLine(run, startUs)}`);
      },
    });
  } finally {
    service.end();
    stopKeys();
    dash?.close();
    ctl.close();
  }
}

/** Opens the run's page and tells its address. */
async function startDash(
  port: number | true,
  { robot, policy }: Pick<Drive, "robot" | "policy">,
  controls: Controls,
  terminal: Terminal,
): Promise<Dash> {
  const { openDash } = await import("../dash/dash.ts");
  const dash = await openDash({
    port: port === true ? dashPort : port,
    token: randomBytes(tokenBytes).toString("base64url"),
    robot,
    policyPath: policy.path,
    controls,
    onTrouble: (line) => terminal.line(line),
  });
  terminal.line(`page  ${dash.url}`);
  return dash;
}

/** Takes single keys where somebody sits at the terminal; returns how to end that. */
function startKeys(
  controls: Controls,
  terminal: Terminal,
  known: readonly CtlCommand[],
): () => void {
  if (!takesKeys(process.stdin, terminal.isWatched)) return () => {};
  terminal.line(keysLine(known));
  return listenToKeys(process.stdin, (typed) => {
    if (typed === "interrupt") process.kill(process.pid, "SIGINT");
    else if (typed === "other" || !known.includes(typed)) terminal.line(keysLine(known));
    // Its answer is told as every answer is.
    else void controls.order(typed, "keyboard").catch(() => {});
  });
}
