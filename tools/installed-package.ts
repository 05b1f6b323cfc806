import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { monotonicClock } from "../src/core/clock.ts";
import { Mode } from "../src/core/step.ts";
import { readLog } from "../src/log/reader.ts";
import { run } from "./run-program.ts";

/** How a run's process did. */
export interface Driven {
  /** Relative to the package's home. */
  readonly logPath: string;
  /** From the start of its process to the first command. */
  readonly firstCommandS: number;
  /** The most that it had in memory. */
  readonly residentMb: number;
}

/** Sinew as who installs it has it: packed, and installed in a folder that has nothing else. */
export class InstalledPackage {
  readonly home: string;
  /** The folder of each package is in it. */
  readonly packages: string;
  readonly #folder: string;
  readonly #node: string;

  /** `node` is the command that runs it. */
  constructor(folder: string, node: string) {
    this.#folder = folder;
    this.#node = node;
    this.home = join(folder, "app");
    this.packages = join(this.home, "node_modules");
  }

  get program(): string {
    return join(this.packages, "sinew/dist/src/cli/main.js");
  }

  /** `platform` holds npm's flags for another one than this machine's. Returns what it takes. */
  install(platform: readonly string[] = []): string {
    rmSync(this.#folder, { recursive: true, force: true });
    mkdirSync(this.home, { recursive: true });
    const [packed] = run(
      "npm",
      ["pack", "--silent", "--pack-destination", this.#folder],
      ".",
    ).match(/\S+\.tgz/) ?? [""];
    writeFileSync(join(this.home, "package.json"), '{ "private": true }\n');
    const quiet = ["--no-audit", "--no-fund", "--onnxruntime-node-install=skip"];
    const words = ["install", "--omit=dev", ...platform, ...quiet, join(this.#folder, packed)];
    run("npm", words, this.home);
    const ours = sizeMbOf(join(this.packages, "sinew"));
    return `${sizeMbOf(this.packages)} MB installed, of which ours are ${ours} MB`;
  }

  /** What `sinew` prints in the package's home, where it has to end well. */
  sinew(...words: readonly string[]): string {
    return run(this.#node, [this.program, ...words], this.home);
  }

  /** Drives the board at `path` for 2 s with a robot.yaml that has patience with this machine. */
  async drive(path: string, policy: string, before: readonly string[] = []): Promise<Driven> {
    const patience = "commandTtlMs: 900\nobservationAgeMs: 900\n";
    const robot = `robot: bench\nlink: { serial: { path: ${path} } }\n${patience}`;
    writeFileSync(join(this.home, "robot.yaml"), robot);
    const words = ["run", "robot.yaml", "--policy", policy, "--arm", "--seconds", "2", "--json"];
    const startUs = monotonicClock().now();
    const child = spawn(this.#node, [...before, this.program, ...words], {
      cwd: this.home,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let mostKb = 0;
    const timer = setInterval(() => {
      mostKb = Math.max(mostKb, residentKb(child));
    }, 50);
    const ended = once(child, "exit");
    const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
    const [code] = (await ended) as [number | null];
    clearInterval(timer);
    assert.equal(code, 0, `${errors}${out}`);
    const { logPath } = JSON.parse(out) as { logPath: string };
    const firstCommandS = (firstCommandUs(join(this.home, logPath)) - startUs) / 1e6;
    return { logPath, firstCommandS, residentMb: Math.round(mostKb / 1024) };
  }
}

function firstCommandUs(logPath: string): number {
  for (const { mode, decidedUs } of readLog(logPath).steps()) {
    if (mode === Mode.armed) return decidedUs;
  }
  throw new Error("it did not drive");
}

/** The most that a process had in memory so far; 0 where it has ended. */
function residentKb({ pid }: ChildProcess): number {
  const path = `/proc/${pid}/status`;
  if (!existsSync(path)) return 0;
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(path, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

function sizeMbOf(path: string): number {
  return Number(run("du", ["-sm", path], ".").split("\t")[0]);
}
