import { Command } from "commander";
import { type Hardware, ideal } from "../sim/hardware.ts";
import { hardwareGiven, hardwareOptions } from "./setting-option.ts";
import { Terminal, table } from "./terminal.ts";

interface Options extends Partial<Hardware> {
  readonly json: boolean;
}

/** `sinew check-env`. */
export function checkEnvCommand(): Command {
  const command = new Command("check-env")
    .description("Say what is wrong with a task, or with an environment of your own in one file.")
    .argument("<name or file>", "a task's name, or a file such as ./my-env.js")
    .option("--json", "print the result as one JSON object on stdout", false);
  for (const option of hardwareOptions(String)) command.addOption(option);
  return command.addHelpText("after", "\nExample:\n  npx sinew check-env ./my-env.js").action(act);
}

async function act(name: string, options: Options): Promise<void> {
  const { openTask } = await import("../sim/tasks.ts");
  const { withHardware } = await import("../sim/hardware-task.ts");
  const { checkTask } = await import("../sim/check.ts");
  const { checkUserExports, isUserEnv } = await import("../sim/user-env.ts");
  const terminal = new Terminal(options);
  const exported = isUserEnv(name) ? await checkUserExports(name) : [];
  const opens = exported.every(({ problem }) => problem === null);
  const open = async () =>
    withHardware(await openTask(name), { ...ideal, ...hardwareGiven(options) });
  const findings = [...exported, ...(opens ? checkTask(await open()) : [])];
  const rows = findings.map((finding) => [
    finding.problem === null ? "ok" : "WRONG",
    finding.problem === null ? finding.name : `${finding.name}: ${finding.problem}`,
  ]);
  for (const line of table(rows)) terminal.line(line);
  const wrong = findings.filter(({ problem }) => problem !== null).length;
  terminal.line(wrong === 0 ? `\nnext   npx sinew train --env ${name}` : `\n${wrong} wrong`);
  terminal.result({ task: name, ok: wrong === 0, findings });
  if (wrong > 0) process.exitCode = 1;
}
