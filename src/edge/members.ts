import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { SinewError } from "../core/errors.ts";
import { differenceOfSpecs, type Spec } from "../core/spec.ts";
import { readPlainPolicy } from "../policy/driver.ts";
import { deviceSpecOf } from "../policy/history-policy.ts";
import type { ControlThread } from "./control-thread.ts";
import { Second } from "./lineup.ts";
import { shadowLine } from "./shadow-counts.ts";
import { Request, type Status } from "./status.ts";

/** A policy that a run was given. */
export interface MemberFile {
  /** SHA-256 of the file. */
  readonly id: string;
  readonly path: string;
}

/** A cycle of a slow robot takes long. */
const waitMs = 5000;
const lookMs = 5;

/** The main thread's side of a run's policies: it reads and proves, and the loop takes over. */
export class Members {
  readonly #files: MemberFile[];
  readonly #spec: Spec;
  readonly #status: Status;
  readonly #thread: Pick<ControlThread, "offer">;

  /** `spec` is the device's: of what all of them drive. */
  constructor(first: MemberFile, spec: Spec, status: Status, thread: Pick<ControlThread, "offer">) {
    this.#files = [first];
    this.#spec = spec;
    this.#status = status;
    this.#thread = thread;
  }

  /** The policy that drives now. */
  get driver(): MemberFile {
    return this.#files[this.#status.driver];
  }

  /** The files of all of them, in the order in which they came. */
  get paths(): readonly string[] {
    return this.#files.map(({ path }) => path);
  }

  /** The one beside it; null: there is none. */
  get second(): MemberFile | null {
    return this.#files[this.#status.second] ?? null;
  }

  /**
   * Reads the policy file at `path`, proves it on this machine, and has it asked beside the one
   * that drives. Throws `SinewError`: "policy-file", "proof", "contract-mismatch" where it is for
   * another device, and "command" where another policy stands by.
   */
  async shadow(path: string): Promise<string> {
    if (this.#status.secondAs === Second.standby) throw standsBy();
    const plain = readPlainPolicy(bytesOf(path));
    const difference = differenceOfSpecs(this.#spec, deviceSpecOf(plain.contract));
    if (difference !== null) {
      const line = `this policy is not for what is driven: ${difference}`;
      throw new SinewError("contract-mismatch", line);
    }
    const index = this.#files.push({ id: plain.id, path }) - 1;
    this.#thread.offer({ index, plain });
    if (!(await this.#ask(Request.shadow, () => this.#status.second === index))) throw standsBy();
    return `${nameOf(this.#files[index])} is asked beside ${nameOf(this.driver)}`;
  }

  /** Lets the one in the shadow drive. Throws `SinewError("command")` where that did not happen. */
  async swap(): Promise<string> {
    const how = shadowLine(this.#status.shadow());
    const { second: next, secondAs } = this.#status;
    if (secondAs !== Second.shadow) throw new SinewError("command", "no policy is in the shadow");
    if (!(await this.#ask(Request.swap, () => this.#status.driver === next))) {
      throw new SinewError("command", "nothing was swapped: sinew ctl status says how it stands");
    }
    const [now, before] = [this.driver, this.second!];
    return `${nameOf(now)} drives, ${nameOf(before)} stands by; in the shadow: ${how}`;
  }

  /** Lets the one drive that drove before. Throws `SinewError("command")` where there is none. */
  async back(): Promise<string> {
    const { driver, canGoBack } = this.#status;
    if (!canGoBack) throw new SinewError("command", "no policy drove before this one");
    if (!(await this.#ask(Request.back, () => this.#status.driver !== driver))) {
      throw new SinewError("command", "the loop did not go back: is it late?");
    }
    return `${nameOf(this.driver)} drives again; ${nameOf(this.second!)} is in its shadow`;
  }

  async #ask(request: number, done: () => boolean): Promise<boolean> {
    this.#status.ask(request);
    for (let waitedMs = 0; waitedMs < waitMs && !done(); waitedMs += lookMs) await delay(lookMs);
    return done();
  }
}

function bytesOf(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new SinewError("policy-file", `${path} cannot be read by the run`, { cause: error });
  }
}

/** Enough of an id to tell it from others. */
function nameOf({ id, path }: MemberFile): string {
  return `${path} (${id.slice(0, 8)})`;
}

function standsBy(): SinewError {
  return new SinewError(
    "command",
    "another policy stands by after a swap: wait until its watch is over, or go back first",
  );
}
