import type { PolicyEvent, RollbackCause } from "../log/event.ts";

type What = PolicyEvent["what"];

/** What can happen to the policies of a run, and why a roll-back did. */
export const policyChanges: readonly (readonly [what: What, why: RollbackCause | null])[] = [
  ...(["shadow", "swap", "keep", "back"] as const).map((what) => [what, null] as const),
  ...(["unfit", "refused", "limited"] as const).map((why) => ["rollback", why] as const),
];

const causeWords: Readonly<Record<RollbackCause, string>> = {
  unfit: "it failed, or answered what is no number",
  refused: "the gate refused a cycle of it",
  limited: "the gate bounded too many of its cycles",
};

/** Another policy drives, or is asked beside the one that does. */
export interface PolicyChange extends Pick<PolicyEvent, "timeUs" | "what" | "why" | "fromSeq"> {
  /** The place of the one that drives from then on, among those of the run. */
  readonly drives: number;
  /** And of the one beside it; -1: there is none. */
  readonly beside: number;
}

/** How far the watch after a swap has come, in armed cycles. */
export interface Watched {
  cycles: number;
  /** Those that the gate has bounded. */
  limited: number;
}

/** What is known of a policy by its file. */
interface Known {
  /** SHA-256 of the file. */
  readonly id: string;
  readonly signedBy?: string | undefined;
}

/** One fewer is told: the next may be written meanwhile. */
const kept = 32;
const changeNumbers = 6;
// Words.
const count = 0;
const watchedCycles = 1;
const watchedLimited = 2;
const kindsAt = 3;
/** An even number of words, for doubles follow. */
const words: number = 2 * Math.ceil((kindsAt + policyChanges.length) / 2);
// Numbers.
const drivesSince = 0;
const besideSince = 1;
const changesAt = 2;
const numbers: number = changesAt + kept * changeNumbers;
export const policyRecordBytes: number = words * 4 + numbers * 8;

/**
 * What became of a run's policies, in memory that threads may share: one control thread writes, any
 * thread reads.
 */
export class PolicyRecord {
  readonly #words: Int32Array;
  readonly #numbers: Float64Array;
  #drives = 0;
  #beside = -1;

  /** Takes `policyRecordBytes` of zeros at `offset`, a multiple of 8, or what another one has. */
  constructor(memory: SharedArrayBuffer | ArrayBuffer, offset: number) {
    this.#words = new Int32Array(memory, offset, words);
    this.#numbers = new Float64Array(memory, offset + words * 4, numbers);
  }

  /** The newest changes, at most 31, oldest first. */
  changes(): PolicyChange[] {
    const last = Atomics.load(this.#words, count);
    const found: PolicyChange[] = [];
    for (let index = Math.max(0, last - kept + 1); index < last; index++) {
      const at = changesAt + (index % kept) * changeNumbers;
      const [timeUs, kind, fromSeq, drives, beside] = this.#numbers.subarray(at, at + 5);
      const [what, why] = policyChanges[kind]!;
      found.push({ timeUs, what, ...(why !== null && { why }), fromSeq, drives, beside });
    }
    return found;
  }

  /** How often `policyChanges[kind]` happened. */
  countOf(kind: number): number {
    return Atomics.load(this.#words, kindsAt + kind);
  }

  /** Since when the one that drives does, microseconds of the loop's clock; 0: from the start. */
  get drivesSinceUs(): number {
    return this.#numbers[drivesSince]!;
  }

  /** Since when the one beside it is there, or is there as what it is. */
  get besideSinceUs(): number {
    return this.#numbers[besideSince]!;
  }

  /** Of the newest watch, whether it is over or not. */
  watched(): Watched {
    const cycles = Atomics.load(this.#words, watchedCycles);
    return { cycles, limited: Atomics.load(this.#words, watchedLimited) };
  }

  // The control thread's side.

  add({ timeUs, what, why, fromSeq, drives, beside }: PolicyChange): void {
    const kind = policyChanges.findIndex((one) => one[0] === what && one[1] === (why ?? null));
    const index = Atomics.load(this.#words, count);
    const at = changesAt + (index % kept) * changeNumbers;
    this.#numbers.set([timeUs, kind, fromSeq, drives, beside], at);
    if (drives !== this.#drives) this.#numbers[drivesSince] = timeUs;
    if (beside !== this.#beside) this.#numbers[besideSince] = timeUs;
    this.#drives = drives;
    this.#beside = beside;
    Atomics.add(this.#words, kindsAt + kind, 1);
    Atomics.store(this.#words, count, index + 1);
  }

  showWatched({ cycles, limited }: Watched): void {
    Atomics.store(this.#words, watchedCycles, cycles);
    Atomics.store(this.#words, watchedLimited, limited);
  }
}

/** `change` as a log keeps it, with what is known of the policies. */
export function eventOfChange(
  { timeUs, what, why, fromSeq }: PolicyChange,
  drives: Known,
  beside: Known | null,
): PolicyEvent {
  return {
    ...{ timeUs, kind: "policy", what, ...(why !== undefined && { why }), fromSeq },
    ...{ drives: drives.id, beside: beside?.id ?? null },
    ...(drives.signedBy !== undefined && { drivesSignedBy: drives.signedBy }),
    ...(beside?.signedBy !== undefined && { besideSignedBy: beside.signedBy }),
  };
}

/** What happened, in words: `rollback: the gate bounded too many of its cycles`. */
export function changeWords({ what, why }: Pick<PolicyEvent, "what" | "why">): string {
  return why === undefined ? what : `${what}: ${causeWords[why]}`;
}
