import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { troubleOf } from "./fault.ts";
import { hostPolicy } from "./host-policy.ts";
import type { HostWord, HostWork } from "./host-process.ts";
import { hostSignature } from "./host-signature.ts";
import type { Scenario } from "./scenario.ts";

/** What a host is given beside its scenario. */
export interface HostPlace {
  /** The `link:` of its robot file. */
  readonly link: object;
  /** Where it leaves its log; made where it is not there. */
  readonly folder: string;
  /** The folder for its socket; of a short path, as sockets' are. */
  readonly ctl: string;
  /** The policy that swings the pendulum up. */
  readonly policy: string;
  /** ISO 8601: names the log. */
  readonly startedAt: string;
}

/** A process that drives a board and knows of no rig. */
export interface Host {
  readonly child: ChildProcess;
  /** It has not ended, by itself or by a signal. */
  runs(): boolean;
  /** Its last word; null where it was killed or said none. */
  word(): Promise<HostWord | null>;
}

const hostProgram = fileURLToPath(new URL("./host-process.js", import.meta.url));
const troubleProgram = new URL("./host-trouble.js", import.meta.url).href;
/** Of util-linux: bounds the size of every file that a program writes. */
export const prlimit = "prlimit";
const diskBytes = 32_768;
/** A host that has not ended so long after its time is killed. */
const graceS = 20;

/** Starts a host that arms and drives. */
export async function startHost(scenario: Scenario, place: HostPlace): Promise<Host> {
  const { link, folder, startedAt, ctl } = place;
  mkdirSync(folder, { recursive: true });
  const policy = join(folder, "policy.onnx");
  const bytes = await hostPolicy(scenario.policy, scenario.drives, place.policy);
  writeFileSync(policy, bytes);
  const signature = hostSignature(scenario.signature, bytes, place.policy);
  if (typeof signature?.text === "string") writeFileSync(`${policy}.minisig`, signature.text);
  const trust = signature === null ? {} : { trust: [signature.publicKey] };
  const { fault, seconds } = scenario;
  const robot = JSON.stringify({ ...scenario.robot, link, ...trust, log: { directory: folder } });
  const trouble = troubleIn(scenario);
  const work: HostWork = { policy, robot, seconds, startedAt, ctl, trouble };
  const words = [process.execPath, hostProgram, JSON.stringify(work)];
  if (trouble !== null) words.splice(1, 0, "--import", troubleProgram);
  if (fault?.kind === "disk_full") words.unshift(prlimit, `--fsize=${diskBytes}`);
  const child = spawn(words[0], words.slice(1), { stdio: ["ignore", "pipe", "inherit"] });
  void sleep((seconds + graceS) * 1000, undefined, { ref: false }).then(() =>
    child.kill("SIGKILL"),
  );
  let said = "";
  child.stdout!.on("data", (bytes: Buffer) => {
    said += bytes.toString();
  });
  const ended = new Promise<HostWord | null>((resolve) => {
    child.once("close", () => resolve(wordIn(said)));
    child.once("error", () => resolve(null));
  });
  const runs = (): boolean => child.exitCode === null && child.signalCode === null;
  return { child, runs, word: () => ended };
}

function troubleIn({ fault }: Scenario): HostWork["trouble"] {
  const kind = fault === null ? null : troubleOf(fault);
  return fault === null || kind === null ? null : { kind, ms: fault.ms };
}

/** The last line, where it is a host's word: libraries may have written before it. */
function wordIn(said: string): HostWord | null {
  try {
    return JSON.parse(said.trim().split("\n").at(-1)!) as HostWord;
  } catch {
    return null;
  }
}
