import { Command } from "commander";
import { historyRows } from "./history.ts";
import { ofPolicyFile, readPolicyFile } from "./policy-file.ts";
import { Terminal, table } from "./terminal.ts";

interface Options {
  readonly policy: readonly string[];
  readonly json: boolean;
}

/** `sinew replay`. */
export function replayCommand(): Command {
  return new Command("replay")
    .description("Put a log through the code that drove the robot and compare it byte for byte.")
    .argument("<log>", "a log of the robot, .mcap")
    .requiredOption(
      "--policy <paths...>",
      "the policy's ONNX file, the one that drove first or another; then those swapped in",
    )
    .option("--json", "print the result as one JSON object on stdout", false)
    .addHelpText(
      "after",
      `
With another policy it tells where and by how much that one would have acted differently.
Exit code 1: a step differs.

Example:
  npx sinew replay logs/arm-1-2026-11-24T09-30-00-000Z.mcap --policy policy.onnx`,
    )
    .action(act);
}

async function act(path: string, options: Options): Promise<void> {
  const { readLog } = await import("../log/reader.ts");
  const { replayLog } = await import("../edge/replay.ts");
  const terminal = new Terminal(options);
  const log = readLog(path);
  const [driver, ...others] = options.policy.map((one) => readPolicyFile(one));
  // Of several nobody knows here which one is meant.
  const named = options.policy.join(", ");
  const report = await ofPolicyFile(named, () => replayLog(log, driver, others));
  const { equal, steps, differing, unverified, first, samePolicy } = report;
  const rows = [
    ["steps", String(steps)],
    ["policy", samePolicy ? "the one that drove" : "another than the one that drove"],
    ["equal", equal ? "yes, byte for byte" : `no, ${differing} steps differ`],
  ];
  if (unverified > 0) {
    rows.push(["unverified", `${unverified} steps behind some that the log lacks`]);
  }
  if (first !== null) {
    const { seq, field, logged, replayed } = first;
    rows.push(["first", `seq ${seq}: ${field} was ${logged}, is ${replayed}`]);
  }
  const events = log.events();
  rows.push(...historyRows(events, events[0]?.timeUs ?? 0));
  if (log.damaged > 0) rows.push(["damaged", `${log.damaged} chunks of the log were skipped`]);
  for (const line of table(rows)) terminal.line(line);
  const { damaged } = log;
  terminal.result({ equal, steps, differing, unverified, first, samePolicy, damaged, events });
  if (!equal) process.exitCode = 1;
}
