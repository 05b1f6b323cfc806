import { existsSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { Command } from "commander";
import { messageOf, SinewError } from "../core/errors.ts";
import type { Import, SideFile } from "../policy/import.ts";
import { readPolicyFile } from "./policy-file.ts";
import { secondFileOf } from "./second-file.ts";
import { Terminal } from "./terminal.ts";

interface Options {
  readonly spec?: string;
  readonly deploy?: string;
  readonly manifest?: string;
  readonly out: string;
  readonly template: string;
  readonly json: boolean;
}

/** `sinew import`. */
export function importCommand(): Command {
  return new Command("import")
    .description("Make a policy file of somebody else's ONNX, and say what is missing in it.")
    .argument("<policy>", "an ONNX file of SB3, CleanRL, d3rlpy, mjlab, BeyondMimic or others")
    .option("--spec <path>", "what the ONNX does not say, as docs/import.md has it (default: none)")
    .option("--deploy <path>", "the deploy.yaml that unitree_rl_lab wrote (default: none)")
    .option("--manifest <path>", "the manifest.json of a microduck's policy (default: none)")
    .option("-o, --out <path>", "the policy file to write", "imported.onnx")
    .option("--template <path>", "the spec to write where something is missing", "spec.yaml")
    .option("--json", "print what was found as one JSON object on stdout", false)
    .addHelpText(
      "after",
      `
Where something is missing, nothing is imported: without --spec a template of one is written, with
what was found filled in. Warnings are kept in the file. Exit code 1: something is missing or wrong.

Examples:
  npx sinew import actor.onnx
  npx sinew import actor.onnx --spec spec.yaml --out policy.onnx`,
    )
    .action(act);
}

async function act(path: string, options: Options): Promise<void> {
  const { importPolicy } = await import("../policy/import.ts");
  const terminal = new Terminal(options);
  const { spec, deploy, manifest, out, template } = options;
  if (deploy !== undefined && manifest !== undefined) {
    throw new SinewError("usage", "--deploy and --manifest: give the one that belongs to the ONNX");
  }
  const bytes = readPolicyFile(path);
  if (existsSync(out) && realpathSync(out) === realpathSync(path)) {
    throw new SinewError("usage", `--out ${out} is the file to import: give another`);
  }
  const result = await importPolicy({
    name: basename(path),
    bytes,
    second: secondFileOf(path),
    spec: sideFile(spec),
    deploy: sideFile(deploy),
    manifest: sideFile(manifest),
  });
  tell(result, terminal);
  let written: string | null = null;
  if (result.file !== null) {
    write(out, result.file, "w");
    written = out;
    await tellPolicy(result, out, terminal);
  } else {
    process.exitCode = 1;
    if (spec === undefined) written = await writeTemplate(result, template, terminal);
  }
  const { source, findings, difference } = result;
  terminal.result({ source, findings, written, difference });
}

function sideFile(path: string | undefined): SideFile | undefined {
  if (path === undefined) return undefined;
  try {
    return { path, text: readFileSync(path, "utf8") };
  } catch (error) {
    throw new SinewError("policy-file", `${path} cannot be read: ${messageOf(error)}`);
  }
}

function tell({ source, findings }: Import, terminal: Terminal): void {
  terminal.line(
    source === "bare" ? "it says nothing of itself but its graph" : `as ${source} has it`,
  );
  const errors = findings.filter(({ severity }) => severity === "error");
  const warnings = findings.filter(({ severity }) => severity === "warning");
  for (const { code, severity, message, advice } of [...errors, ...warnings]) {
    terminal.line(`${severity.padEnd(7)}  ${message} [${code}]`);
    terminal.line(`         ${advice}`);
  }
  const count = `${errors.length} errors, ${warnings.length} warnings`;
  if (findings.length > 0) terminal.line(count);
}

async function tellPolicy(result: Import, out: string, terminal: Terminal): Promise<void> {
  const { idOf } = await import("../policy/file.ts");
  const id = idOf(result.file!).slice(0, 16);
  terminal.line(`${out}: ${result.file!.length} bytes, id ${id}`);
  const apart = result.difference!.toExponential(1);
  terminal.line(`proved on this machine, and compared with the imported file: max error ${apart}`);
  terminal.line(`next      npx sinew inspect ${out}`);
}

/** Writes a template, unless the person has begun one there. */
async function writeTemplate(
  { draft }: Import,
  path: string,
  terminal: Terminal,
): Promise<string | null> {
  const { formatSpec } = await import("../policy/import-template.ts");
  if (existsSync(path)) {
    terminal.line(`next      ${path} is there already: give it as --spec, or another --template`);
    return null;
  }
  write(path, formatSpec(draft), "wx");
  terminal.line(`next      fill in ${path}, and import with --spec ${path}`);
  return path;
}

function write(path: string, content: string | Uint8Array, flag: "w" | "wx"): void {
  try {
    writeFileSync(path, content, { flag });
  } catch (error) {
    throw new SinewError("usage", `${path} cannot be written: ${messageOf(error)}`);
  }
}
