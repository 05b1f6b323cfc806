import { randomBytes } from "node:crypto";
import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { Command } from "commander";
import { messageOf, SinewError } from "../core/errors.ts";
import type { SecretKey } from "../policy/secret-key.ts";
import { ofPolicyFile, readPolicyFile } from "./policy-file.ts";
import { Terminal, table } from "./terminal.ts";

interface Options {
  readonly key?: string;
  readonly newKey?: string;
  readonly json: boolean;
}

/** `sinew sign`. */
export function signCommand(): Command {
  return new Command("sign")
    .description("Sign a policy file for robots whose robot.yaml says whom they trust.")
    .argument("[policy]", "the policy's ONNX file; the signature lies beside it, .minisig")
    .option("--key <file>", "the secret key, as minisign keeps it (default: none)")
    .option("--new-key <file>", "make a key pair: this file, and <file>.pub (default: none)")
    .option("--json", "print what was made as one JSON object on stdout", false)
    .addHelpText(
      "after",
      `
Signatures and keys are those of minisign: each reads what the other made. A new secret key has no
password, and mode 0600: keep it off the robots. Nothing is ever written over a key; the policy's
older signature is.

Example:
  npx sinew sign --new-key lab.key
  npx sinew sign policy.onnx --key lab.key`,
    )
    .action(act);
}

async function act(policy: string | undefined, options: Options): Promise<void> {
  const { key, newKey } = options;
  const terminal = new Terminal(options);
  if (newKey !== undefined) {
    if (policy !== undefined || key !== undefined) {
      throw new SinewError("usage", "--new-key only makes a key: sign with it afterwards");
    }
    return makeKey(newKey, terminal);
  }
  if (policy === undefined) throw new SinewError("usage", "say which policy to sign");
  if (key === undefined) {
    const make = "make one with npx sinew sign --new-key lab.key";
    throw new SinewError("usage", `say with which secret key: --key <file>; ${make}`);
  }
  return signPolicy(policy, key, terminal);
}

async function makeKey(path: string, terminal: Terminal): Promise<void> {
  const { newSecretKey, printSecretKey, secretKeyChanceBytes } = await import(
    "../policy/secret-key.ts"
  );
  const { printPublicKey } = await import("../policy/public-key.ts");
  const secret = newSecretKey(randomBytes(secretKeyChanceBytes));
  const publicPath = `${path}.pub`;
  writeNew(publicPath, printPublicKey(secret.public), 0o644);
  try {
    writeNew(path, printSecretKey(secret), 0o600);
  } catch (error) {
    rmSync(publicPath);
    throw error;
  }
  const { id, line } = secret.public;
  const rows = [
    ["secret", `${path}: signs; keep it from others, and off the robots`],
    ["public", `${publicPath}: key ${id}`],
    ["next", `npx sinew sign policy.onnx --key ${path}; and in robot.yaml:`],
    ["", `trust: [${line}]`],
  ];
  for (const row of table(rows)) terminal.line(row);
  terminal.result({ secretPath: path, publicPath, keyId: id, publicKey: line });
}

async function signPolicy(path: string, keyPath: string, terminal: Terminal): Promise<void> {
  const { readPolicyFile: parsePolicy } = await import("../policy/file.ts");
  const { signatureEnding, signatureOf } = await import("../policy/signature.ts");
  const { hashSpec } = await import("../core/spec.ts");
  const bytes = readPolicyFile(path);
  const { id, contract } = await ofPolicyFile(path, () => parsePolicy(bytes));
  const secret = await readSecretKey(keyPath);
  const name = basename(path).replaceAll(/\p{Cc}/gu, "?");
  const hash = hashSpec(contract.spec).toString(16).padStart(8, "0");
  const date = new Date().toISOString();
  const comment = `file:${name}\tsha256:${id}\tcontract:${hash}\tdate:${date}`;
  const signaturePath = path + signatureEnding;
  write(signaturePath, signatureOf(bytes, comment, secret), { mode: 0o644 });
  terminal.line(`signed     ${path} by key ${secret.public.id}`);
  terminal.line(`signature  ${signaturePath}: keep it beside the policy`);
  const keyId = secret.public.id;
  terminal.result({ signaturePath, keyId, publicKey: secret.public.line, comment });
}

async function readSecretKey(path: string): Promise<SecretKey> {
  const { parseSecretKey } = await import("../policy/secret-key.ts");
  try {
    if (process.platform !== "win32" && (statSync(path).mode & 0o077) !== 0) {
      throw new SinewError("signature", `others can read or change it: chmod go= ${path}`);
    }
    return parseSecretKey(readFileSync(path, "latin1"));
  } catch (error) {
    throw new SinewError("signature", `${path}: ${messageOf(error)}`, { cause: error });
  }
}

/** Writes a file that is not there yet. */
function writeNew(path: string, text: string, mode: number): void {
  write(path, text, { mode, flag: "wx" });
}

function write(path: string, text: string, how: { mode: number; flag?: string }): void {
  try {
    writeFileSync(path, text, how);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const there = "it is there already, and no key is written over: give another name";
    throw new SinewError("usage", `${path} cannot be written: ${code === "EEXIST" ? there : code}`);
  }
}
