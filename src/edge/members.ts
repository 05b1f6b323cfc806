import { setTimeout as delay } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { type ErrorCode, messageOf, SinewError } from "../core/errors.ts";
import { differenceOfSpecs } from "../core/spec.ts";
import type { PolicyEvent } from "../log/event.ts";
import type { Contract } from "../policy/contract.ts";
import { deviceSpecOf } from "../policy/history-policy.ts";
import type { PublicKey } from "../policy/public-key.ts";
import type { Signed } from "../policy/signature.ts";
import type { ControlThread } from "./control-thread.ts";
import { Second } from "./lineup.ts";
import type { PolicyRead, PolicyReading } from "./policy-reader.ts";
import { eventOfChange } from "./policy-record.ts";
import { shadowLine, sharesOf } from "./shadow-counts.ts";
import { Count, Request, State, type Status } from "./status.ts";

/** A policy that a run was given. */
export interface MemberFile {
  /** SHA-256 of the file. */
  readonly id: string;
  readonly path: string;
  /** Who signed it; null where nobody had to. */
  readonly signer: Signed | null;
}

/** A cycle of a slow robot takes long. */
const waitMs = 5000;
const lookMs = 5;
const readMs = 20_000;

/** The main thread's side of a run's policies: it reads and proves, and the loop takes over. */
export class Members {
  readonly #files: MemberFile[];
  readonly #contract: Contract;
  readonly #keys: readonly PublicKey[] | null;
  readonly #status: Status;
  readonly #thread: Pick<ControlThread, "offer">;
  readonly #takesOthers: boolean;

  /**
   * `contract` is the first one's: what all of them drive. One of `keys` must have signed each that
   * comes; null: nobody must. Without `takesOthers` none may come.
   */
  constructor(
    first: MemberFile,
    contract: Contract,
    keys: readonly PublicKey[] | null,
    status: Status,
    thread: Pick<ControlThread, "offer">,
    takesOthers: boolean = true,
  ) {
    this.#takesOthers = takesOthers;
    this.#files = [first];
    this.#contract = contract;
    this.#keys = keys;
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

  /** Who followed whom, and who was asked beside them: the newest, oldest first. */
  events(): PolicyEvent[] {
    const known = ({ id, signer }: MemberFile) => ({ id, ...signedBy(signer) });
    return this.#status.policies.changes().map((change) => {
      const beside = this.#files[change.beside];
      return eventOfChange(
        change,
        known(this.#files[change.drives]),
        beside ? known(beside) : null,
      );
    });
  }

  /**
   * Reads the policy file at `path`, proves it on this machine, and has it asked beside the one
   * that drives. Throws `SinewError`: "signature" where one is asked for and does not hold,
   * "policy-file", "proof", "contract-mismatch" where it is for another device, and "command" where
   * another policy stands by.
   */
  async shadow(path: string): Promise<string> {
    if (!this.#takesOthers) throw new SinewError("command", "a wiggle takes no policy beside it");
    if (this.#status.secondAs === Second.standby) throw standsBy();
    const { plain, signer } = await readElsewhere({ path, keys: this.#keys });
    const [ours, theirs] = [this.#contract, plain.contract].map(deviceSpecOf);
    const difference = differenceOfSpecs(ours, theirs);
    if (difference !== null) {
      const line = `${path} is not for what is driven: ${difference}`;
      throw new SinewError("contract-mismatch", line);
    }
    const index = this.#files.push({ id: plain.id, path, signer }) - 1;
    this.#thread.offer({ index, plain, ...signedBy(signer) });
    try {
      await this.#ask(Request.shadow);
    } finally {
      if (this.#status.second !== index) this.#files.pop();
    }
    if (this.#status.second !== index) {
      throw new SinewError("command", "it was not taken: is a swap or a way back under way?");
    }
    return `${nameOf(this.#files[index])} is asked beside ${nameOf(this.driver)}`;
  }

  /** Lets the one in the shadow drive. Throws `SinewError("command")` where that did not happen. */
  async swap(): Promise<string> {
    const how = shadowLine(sharesOf(this.#status.shadow()));
    const { second: next, secondAs } = this.#status;
    if (secondAs !== Second.shadow) throw new SinewError("command", "no policy is in the shadow");
    const [before, after] = [this.driver, this.#files[next]].map(nameOf);
    await this.#ask(Request.swap);
    if (this.#status.driver !== next) {
      throw new SinewError("command", `${before} drives: ${after} was gone back from at once`);
    }
    return `${after} drives, ${before} stands by; in the shadow: ${how}`;
  }

  /** Lets the one drive that drove before. Throws `SinewError("command")` where there is none. */
  async back(): Promise<string> {
    const { driver, canGoBack } = this.#status;
    if (!canGoBack) throw new SinewError("command", "no policy drove before this one");
    await this.#ask(Request.back);
    if (this.#status.driver === driver) throw new SinewError("command", "it did not go back");
    return `${nameOf(this.driver)} drives again; ${nameOf(this.second!)} is in its shadow`;
  }

  /** Returns once the loop has looked at it. Throws `SinewError("command")` where it does not. */
  async #ask(request: number): Promise<void> {
    const status = this.#status;
    const looks = status.count(Count.policyRequests);
    status.ask(request);
    for (let waitedMs = 0; waitedMs < waitMs; waitedMs += lookMs) {
      if (status.count(Count.policyRequests) !== looks) return;
      if (status.state === State.ended) break;
      await delay(lookMs);
    }
    // It must not happen when nobody expects it any more.
    status.withdraw(request);
    throw new SinewError("command", "the loop gave no answer: it has ended, or hangs");
  }
}

type GoodRead = Extract<PolicyRead, { readonly signer: unknown }>;

/** Reads and proves a file in a thread of its own: this one has stops to take. */
function readElsewhere(reading: PolicyReading): Promise<GoodRead> {
  const program = new URL("./policy-reader.js", import.meta.url);
  const worker = new Worker(program, { workerData: reading });
  const { path } = reading;
  const timer = AbortSignal.timeout(readMs);
  return new Promise<GoodRead>((resolve, reject) => {
    const fail = (why: string, code: ErrorCode = "policy-file"): void => {
      reject(new SinewError(code, why));
    };
    timer.addEventListener("abort", () => fail(`${path} was not read in ${readMs / 1000} s`));
    worker.once("error", (error) => fail(messageOf(error)));
    worker.once("exit", () => fail(`${path} was not read`));
    worker.once("message", (read: PolicyRead) => {
      if ("plain" in read) resolve(read);
      else fail(read.message, read.code);
    });
  }).finally(() => void worker.terminate());
}

/** What the loop and its log are told of who signed a policy. */
export function signedBy(signer: Signed | null): { readonly signedBy?: string } {
  return signer === null ? {} : { signedBy: signer.keyId };
}

/** Enough of an id to tell it from others, and who vouches for it. */
function nameOf({ id, path, signer }: MemberFile): string {
  const by = signer === null ? "" : `, signed by ${signer.keyId}`;
  return `${path} (${id.slice(0, 8)}${by})`;
}

function standsBy(): SinewError {
  return new SinewError(
    "command",
    "another policy stands by after a swap: wait until its watch is over, or go back first",
  );
}
