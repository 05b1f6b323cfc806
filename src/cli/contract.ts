import { readFileSync, writeFileSync } from "node:fs";
import { Command } from "commander";
import { messageOf, SinewError } from "../core/errors.ts";
import { ofPolicyFile, readPolicyFile } from "./policy-file.ts";
import { tellMistakes } from "./robot-check.ts";
import { checkRobotFile, chosenPolicy } from "./robot-file.ts";
import { Terminal } from "./terminal.ts";

interface Options {
  readonly policy?: string;
  readonly out: string;
  readonly check: boolean;
  readonly json: boolean;
}

/** `sinew contract`. */
export function contractCommand(): Command {
  return new Command("contract")
    .description("Write the header by which a robot's firmware states its contract.")
    .argument("<robot>", "the robot's file, robot.yaml")
    .option("--policy <path>", "the policy's ONNX file (default: the robot file's)")
    .option("--out <path>", "where the header is written", "contract.h")
    .option("--check", "write nothing; say whether the header there is this one", false)
    .option("--json", "print the hash and the path as one JSON object on stdout", false)
    .addHelpText(
      "after",
      `
Channels, their order, units and limits are the policy's; the names and the order where the device
has others ("channels"), how each actuator stops, and the period where the loop turns faster than
the policy's rate ("control.rateHz"), are the robot file's.
Exit code 1: with --check, the header there is another.

Example:
  npx sinew contract robot.yaml --policy runs/pendulum-0/policy.onnx`,
    )
    .action(act);
}

async function act(path: string, options: Options): Promise<void> {
  const { contractHeader } = await import("../wire/contract-header.ts");
  const { contractBehind, hashContract } = await import("../wire/device-contract.ts");
  const { stopRulesOf } = await import("../wire/stop-choice.ts");
  const { readPolicyFile: parsePolicy } = await import("../policy/file.ts");
  const { deviceSpecOf } = await import("../policy/history-policy.ts");
  const { channelsOfRobot } = await import("../edge/robot-channels.ts");
  const { checkForContract } = await import("../edge/robot-policy.ts");
  const { controlSpecOfRobot } = await import("../edge/robot-control.ts");
  const { specOfDevice } = await import("../edge/setpoints.ts");
  const terminal = new Terminal(options);
  const { robot, mistakes } = await checkRobotFile(path);
  const isNamed = (options.policy ?? robot?.policy) !== undefined;
  if (robot === null || !(mistakes.none || isNamed)) {
    return tellMistakes(path, mistakes.list(), options);
  }
  const file = chosenPolicy(options.policy, robot, path);
  const stated = await ofPolicyFile(file, () => parsePolicy(readPolicyFile(file)));
  const seen = deviceSpecOf(stated.contract);
  checkForContract(robot, seen, mistakes);
  if (!mistakes.none) return tellMistakes(path, mistakes.list(), options);
  const loop = controlSpecOfRobot(robot, seen);
  const stops = stopRulesOf(specOfDevice(loop, robot.setpoints), robot.stops ?? {});
  const contract = contractBehind(channelsOfRobot(robot, loop), stops);
  const header = contractHeader(contract);
  const hash = hashContract(contract).toString(16).padStart(8, "0");
  const same = options.check ? readHeader(options.out) === header : null;
  if (same === null) writeHeader(options.out, header);
  if (same === false) process.exitCode = 1;
  const what = same === null ? "written" : same ? "is this one" : "is another: write it again";
  terminal.line(`contract  ${hash}`);
  terminal.line(`header    ${options.out} ${what}`);
  if (same !== false) terminal.line("next      build the firmware with it: docs/your-board.md");
  terminal.result({ hash, path: options.out, same });
}

function readHeader(path: string): string | null {
  try {
    return readFileSync(path, "utf8").replaceAll("\r\n", "\n");
  } catch {
    return null;
  }
}

function writeHeader(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw new SinewError("usage", `${path} cannot be written: ${messageOf(error)}`);
  }
}
