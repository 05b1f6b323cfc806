import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { until } from "./tried-page.ts";

const main = fileURLToPath(new URL("../src/cli/main.js", import.meta.url));

/** A program of ours that serves a page. */
export class Served {
  readonly child: ChildProcess;
  out = "";
  err = "";

  constructor(...words: readonly string[]) {
    this.child = spawn(process.execPath, [main, ...words]);
    this.child.stdout!.on("data", (text: Buffer) => (this.out += text.toString()));
    this.child.stderr!.on("data", (text: Buffer) => (this.err += text.toString()));
  }

  /** The address that it prints. */
  async url(): Promise<string> {
    const line = /page {2}(\S+)/;
    await until(
      "the address",
      () => line.test(this.out + this.err) || this.child.exitCode !== null,
    );
    const found = line.exec(this.out + this.err);
    assert.ok(found !== null, this.err);
    return found[1]!;
  }

  async end(): Promise<void> {
    const { child } = this;
    if (child.exitCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGTERM");
    await gone;
  }
}

/** Runs a command of ours to its end. Throws with what it said where it fails. */
export async function command(...words: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [main, ...words]);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (text: Buffer) => (said += text.toString()));
  }
  const [code] = await once(child, "close");
  assert.equal(code, 0, said);
}

/** The value of one of Prometheus' samples; NaN where there is none. */
export async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(new URL("metrics", url))).text();
  const line = text.split("\n").find((one) => one.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1));
}
