import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { Command } from "commander";
import { SinewError } from "../core/errors.ts";
import { type Command as CtlCommand, commandNamed, commands } from "../edge/commands.ts";
import { runPlaces } from "./runtime-folder.ts";
import { Terminal } from "./terminal.ts";

interface Options {
  readonly json: boolean;
}

/** A run answers within 2 s, but one with a period of seconds needs some of them to arm. */
const timeoutMs = 5000;
const longTimeoutMs = 30_000;

/** `sinew ctl`. */
export function ctlCommand(): Command {
  const rows = commands.map(({ name, help }) => `  ${name.padEnd(8)}${help}`);
  return new Command("ctl")
    .description("Command a run that is alive on this machine: arm it, stop it, ask how it stands.")
    .argument("<command>", commands.map(({ name }) => name).join(", "))
    .argument("[words...]", "what it needs to be told; then the robot's name, or its robot.yaml")
    .option("--json", "print the answer as one JSON object on stdout", false)
    .addHelpText(
      "after",
      `
Commands:
${rows.join("\n")}

Without a robot it is the only run there is.
Exit code 1: the run answered no. Exit code 2: there is no such run, or it did not answer.
A software stop is not an emergency stop.

Example:
  npx sinew ctl stop arm-1
  npx sinew ctl shadow candidate.onnx arm-1`,
    )
    .action(act);
}

async function act(name: string, words: readonly string[], options: Options): Promise<void> {
  const { askRun, socketOf } = await import("../edge/ctl-client.ts");
  const terminal = new Terminal(options);
  const command = commandNamed(name);
  const [argument, target] = wordsFor(command, words);
  const robot = target === undefined ? undefined : await robotOf(target);
  const path = await socketOf(runPlaces(), robot);
  const who = { pid: process.pid, ...(process.getuid && { uid: process.getuid() }) };
  const timeMs = command.takesTime ? longTimeoutMs : timeoutMs;
  const answer = await askRun(path, { command: command.name, ...argument, ...who }, timeMs);
  terminal.line(`${answer.robot}  ${answer.line}`);
  terminal.result(answer);
  if (!answer.ok) process.exitCode = 1;
}

/** What the command needs to be told, and for which robot. */
function wordsFor(
  { name, argument }: CtlCommand,
  words: readonly string[],
): [told: { argument?: string }, target: string | undefined] {
  const most = argument === undefined ? 1 : 2;
  if (words.length > most) throw new SinewError("usage", `${words[most]}: one word too many`);
  if (argument === undefined) return [{}, words[0]];
  if (words.length === 0) throw new SinewError("usage", `say which: ${name} <${argument}>`);
  // The run may be at work in another folder.
  return [{ argument: resolve(words[0]) }, words[1]];
}

/** The name in a robot file, of which nothing else needs to be right, or the name itself. */
async function robotOf(target: string): Promise<string> {
  if (!/[./\\]/.test(target)) return target;
  const { parseYaml } = await import("../core/yaml.ts");
  let text: string;
  try {
    text = readFileSync(target, "utf8");
  } catch (error) {
    throw new SinewError("robot-file", `${target} cannot be read: give the robot's name`, {
      cause: error,
    });
  }
  const { value } = parseYaml(text, target, "robot-file");
  const robot = typeof value === "object" && value !== null && "robot" in value ? value.robot : "";
  if (typeof robot === "string" && /^[a-z0-9][a-z0-9_-]*$/.test(robot)) return robot;
  throw new SinewError("robot-file", `${target} names no robot: give the robot's name`);
}
