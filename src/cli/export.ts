import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { SinewError } from "../core/errors.ts";
import { Terminal, table } from "./terminal.ts";

interface Options {
  readonly last: boolean;
  readonly out?: string;
  readonly networks?: string;
  readonly json: boolean;
}

/** `sinew export`. */
export function exportCommand(): Command {
  return new Command("export")
    .description("Write a run's policy as one ONNX file with contract and proof, or its networks.")
    .argument("<folder>", "the run's folder, such as runs/pendulum-0")
    .option("--last", "the policy of the last checkpoint in place of the best by evaluation", false)
    .option("--out <path>", "the file to write (default: policy.onnx)")
    .option(
      "--networks <folder>",
      "in place of the policy: actor, actor-target, critic and critic-target, as the checkpoint " +
        "has them, an .onnx each (default: none)",
    )
    .option("--json", "print the result as one JSON object on stdout", false)
    .addHelpText(
      "after",
      "\nExamples:\n  npx sinew export runs/pendulum-0 --out policy.onnx" +
        "\n  npx sinew export runs/pendulum-0 --networks networks",
    )
    .action(act);
}

async function act(folder: string, options: Options): Promise<void> {
  const terminal = new Terminal(options);
  const checkpoint = join(folder, "checkpoint");
  if (options.networks === undefined) await exportPolicy(checkpoint, options, terminal);
  else await exportNetworks(checkpoint, options.networks, options, terminal);
}

async function exportPolicy(
  checkpoint: string,
  { last, out = "policy.onnx" }: Options,
  terminal: Terminal,
): Promise<void> {
  const { exportFromCheckpoint } = await import("../learn/training.ts");
  const { loadPolicy } = await import("../policy/policy.ts");
  const file = await exportFromCheckpoint(checkpoint, last);
  const policy = await loadPolicy(file);
  await policy.close();
  write(out, file);
  terminal.line(`${out}: ${file.length} bytes, id ${policy.id.slice(0, 16)}`);
  terminal.line(`proved on this machine: max error ${policy.proofError.toExponential(1)}`);
  terminal.result({
    path: out,
    id: policy.id,
    bytes: file.length,
    proof: { maxAbsError: policy.proofError },
  });
}

async function exportNetworks(
  checkpoint: string,
  into: string,
  { last, out }: Options,
  terminal: Terminal,
): Promise<void> {
  const { networksFromCheckpoint } = await import("../learn/training.ts");
  if (last || out !== undefined) {
    const why = "the networks are the last checkpoint's, in that folder";
    throw new SinewError("usage", `--networks ${into}: ${why}: leave --last and --out off`);
  }
  const files = Object.entries(await networksFromCheckpoint(checkpoint));
  try {
    mkdirSync(into, { recursive: true });
  } catch (error) {
    throw new SinewError("usage", `cannot write to the folder ${into}`, { cause: error });
  }
  const written = files.map(([name, bytes]) => ({ path: join(into, `${name}.onnx`), bytes }));
  for (const { path, bytes } of written) write(path, bytes);
  const rows = written.map(({ path, bytes }) => [path, `${bytes.length} bytes`]);
  for (const line of table(rows)) terminal.line(line);
  terminal.result({
    networks: written.map(({ path, bytes }) => ({ path, bytes: bytes.length })),
  });
}

function write(path: string, bytes: Uint8Array): void {
  try {
    writeFileSync(path, bytes);
  } catch (error) {
    throw new SinewError("usage", `cannot write ${path}`, { cause: error });
  }
}
