import { Command } from "commander";
import { SinewError } from "../core/errors.ts";
import { readPolicyFile } from "./policy-file.ts";
import { Terminal, table } from "./terminal.ts";

interface Options {
  readonly key: readonly string[];
  readonly json: boolean;
}

/** `sinew verify`. */
export function verifyCommand(): Command {
  return new Command("verify")
    .description("Say whether one of your keys signed a policy file as it is.")
    .argument("<policy>", "the policy's ONNX file, with its .minisig beside it")
    .requiredOption(
      "--key <key>",
      "a public key, or its file; may be given again",
      (word: string, words: readonly string[] = []) => [...words, word],
    )
    .option("--json", "print the answer as one JSON object on stdout", false)
    .addHelpText(
      "after",
      `
Exit code 1: it is not signed, was changed, or another key signed it.

Example:
  npx sinew verify policy.onnx --key lab.key.pub`,
    )
    .action(act);
}

async function act(path: string, options: Options): Promise<void> {
  const { readPublicKey, signerOf } = await import("../edge/trust.ts");
  const terminal = new Terminal(options);
  const keys = options.key.map(readPublicKey);
  const bytes = readPolicyFile(path);
  try {
    const { keyId, comment } = signerOf({ bytes, path }, keys)!;
    const rows = [
      ["ok", path],
      ["signed", `by key ${keyId}`],
      ["comment", comment],
    ];
    for (const line of table(rows)) terminal.line(line);
    terminal.result({ ok: true, keyId, comment, why: null });
  } catch (error) {
    if (!(error instanceof SinewError) || error.code !== "signature") throw error;
    terminal.line(`no  ${error.message}`);
    terminal.result({ ok: false, keyId: null, comment: null, why: error.message });
    process.exitCode = 1;
  }
}
