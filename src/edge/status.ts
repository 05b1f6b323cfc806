import type { Spec } from "../core/spec.ts";
import type { Mode, Step } from "../core/step.ts";
import { type Transition, transitionsKept } from "../safety/supervisor.ts";
import { Histogram, histogramBytes, type Percentiles } from "./histogram.ts";
import type { Second } from "./lineup.ts";
import { PolicyRecord, policyRecordBytes } from "./policy-record.ts";
import type { ShadowCounts } from "./shadow-counts.ts";

/** What is measured of each cycle, in microseconds. */
export const Measure = {
  read: 0,
  decide: 1,
  guard: 2,
  write: 3,
  log: 4,
  /** From the start of the cycle to the command being sent. */
  total: 5,
  /** From when the cycle should have started to when it did. */
  lateness: 6,
  /** Of the observation, when the action that came of it has been sent. */
  age: 7,
  /** From a command to the device's acknowledgement, or of a clock message. */
  roundTrip: 8,
} as const;
export type Measure = (typeof Measure)[keyof typeof Measure];
const measureCount = Object.keys(Measure).length;

/** What the main thread may ask of the loop: bits. */
export const Request = {
  arm: 1,
  stop: 2,
  reset: 4,
  end: 8,
  /** Ask the policy that was offered beside the one that drives. */
  shadow: 16,
  /** Let that one drive. */
  swap: 32,
  /** Let the one drive that drove before. */
  back: 64,
  /** Keep still, ready to go on. */
  hold: 128,
  /** Let the policy drive after that. */
  resume: 256,
} as const;

/** How far the loop has come. */
export const State = { starting: 0, running: 1, ended: 2 } as const;
export type State = (typeof State)[keyof typeof State];

/** Counters, one word each. */
export const Count = {
  cycles: 0,
  /** Cycles that were not over when the next was due: their answer was late. */
  late: 1,
  /** Cycles that never ran, because the next was due before they could begin. */
  missed: 2,
  limited: 3,
  refused: 4,
  /** Commands that the link could not take at once. */
  droppedCommands: 5,
  droppedSteps: 6,
  /** Requests that the mode table or the device's state did not permit, or that a stop ended. */
  refusedRequests: 7,
  /** Cycles that asked the device and got no whole answer: they went on with the last one. */
  failedReads: 8,
  /** Those of `limited` that each check bounded: one cycle may count in several. */
  limitedRange: 9,
  limitedRate: 10,
  limitedAcceleration: 11,
  limitedBarrier: 12,
  /** Looks at what was asked about policies, whatever came of it. */
  policyRequests: 13,
  /** Cycles in which the policy was asked. */
  policyCalls: 14,
  /** Requests to hold or to resume that were not permitted. */
  refusedHolds: 15,
} as const;
export type Count = (typeof Count)[keyof typeof Count];

// Words of the header.
const requests = 0;
const state = 1;
const mode = 2;
const reasons = 3;
const deviceMode = 4;
const deviceReason = 5;
const transitionCount = 6;
const version = 7;
const whyLength = 8;
const driver = 9;
const second = 10;
const secondAs = 11;
const canGoBack = 12;
const stopLine = 13;
const countsAt = 14;
// An even number of words, for doubles follow; room for every counter.
const headerWords: number = countsAt + 2 * Object.keys(Count).length;
const transitionNumbers = 5;
/** What is longer loses its end. */
const whyBytes = 256;
/** Until the device has told its mode; memory of zeros says so. */
const unknownMode = -1;

/** Numbers of the newest cycle, of the newest complaint of the start, and of the shadow. */
const timeNumbers = 10;
const shadowAt = 4;

/** The newest cycle, for display. */
export interface Live {
  readonly seq: number;
  readonly timeUs: number;
  readonly observation: Float32Array;
  readonly action: Float32Array;
}

/**
 * The loop's memory, which threads may share: one control thread writes, any thread reads; requests
 * go the other way. Nothing here allocates on the control thread.
 */
export class Status {
  readonly #words: Int32Array;
  readonly #transitions: Float64Array;
  readonly #times: Float64Array;
  readonly #observation: Float32Array;
  readonly #action: Float32Array;
  readonly #why: Uint8Array;
  readonly #histograms: Histogram[];
  /** What became of the run's policies. */
  readonly policies: PolicyRecord;

  /** Takes `statusBytes(spec)` of zeros, or what another one has of them. */
  constructor(
    spec: Spec,
    memory: SharedArrayBuffer | ArrayBuffer = new SharedArrayBuffer(statusBytes(spec)),
  ) {
    this.#words = new Int32Array(memory, 0, headerWords);
    let at = headerWords * 4;
    this.#transitions = new Float64Array(memory, at, transitionsKept * transitionNumbers);
    at += this.#transitions.byteLength;
    this.#times = new Float64Array(memory, at, timeNumbers);
    at += this.#times.byteLength;
    this.policies = new PolicyRecord(memory, at);
    at += policyRecordBytes;
    this.#histograms = Array.from(
      { length: measureCount },
      (_, index) => new Histogram(memory, at + index * histogramBytes),
    );
    at += measureCount * histogramBytes;
    this.#observation = new Float32Array(memory, at, spec.observation.length);
    at += this.#observation.byteLength;
    this.#action = new Float32Array(memory, at, spec.action.length);
    at += this.#action.byteLength;
    this.#why = new Uint8Array(memory, at, whyBytes);
  }

  // The main thread's side.

  ask(request: number): void {
    Atomics.or(this.#words, requests, request);
  }

  get state(): State {
    return Atomics.load(this.#words, state) as State;
  }

  get mode(): Mode {
    return Atomics.load(this.#words, mode) as Mode;
  }

  /** `Reason` bits of the newest cycle. */
  get reasons(): number {
    return Atomics.load(this.#words, reasons);
  }

  get deviceMode(): number {
    return Atomics.load(this.#words, deviceMode) + unknownMode;
  }

  get deviceReason(): number {
    return Atomics.load(this.#words, deviceReason);
  }

  /** A `StopLine`, as the device last told. */
  get stopLine(): number {
    return Atomics.load(this.#words, stopLine);
  }

  /** Why the device was last not armed or stopped, in its words; empty where it had none. */
  get why(): string {
    const length = Atomics.load(this.#words, whyLength);
    return new TextDecoder().decode(this.#why.slice(0, length));
  }

  count(which: Count): number {
    return Atomics.load(this.#words, countsAt + which);
  }

  percentiles(which: Measure): Percentiles {
    return this.#histograms[which].percentiles();
  }

  /** To read, never to add to. */
  histogram(which: Measure): Histogram {
    return this.#histograms[which];
  }

  /** How many transitions there were. */
  get transitionCount(): number {
    return Atomics.load(this.#words, transitionCount);
  }

  /** The newest transitions, at most 64, oldest first. */
  transitions(): Transition[] {
    const count = Atomics.load(this.#words, transitionCount);
    const found: Transition[] = [];
    for (let index = Math.max(0, count - transitionsKept); index < count; index++) {
      const at = (index % transitionsKept) * transitionNumbers;
      const [timeUs, from, happening, to, reason] = this.#transitions.subarray(at, at + 5);
      found.push({ timeUs, from, happening, to, reason } as Transition);
    }
    return found;
  }

  /** A copy of the newest cycle; never a mixture of two. */
  live(): Live {
    for (;;) {
      const before = Atomics.load(this.#words, version);
      const copy = {
        seq: this.#times[0],
        timeUs: this.#times[1],
        observation: this.#observation.slice(),
        action: this.#action.slice(),
      };
      if (before % 2 === 0 && Atomics.load(this.#words, version) === before) return copy;
    }
  }

  /**
   * The channel that was furthest from home, or beyond its limits, when a cycle was last refused
   * for that, and by how much; null where none was. Observations are numbered behind the actions.
   */
  furthest(): { at: number; by: number } | null {
    for (;;) {
      const before = Atomics.load(this.#words, version);
      const [, , place, by] = this.#times;
      if (before % 2 !== 0 || Atomics.load(this.#words, version) !== before) continue;
      return place === 0 ? null : { at: place - 1, by };
    }
  }

  /** Which of the run's policies drives, by its place. */
  get driver(): number {
    return Atomics.load(this.#words, driver);
  }

  /** Which is asked beside it; -1: none. */
  get second(): number {
    return Atomics.load(this.#words, second);
  }

  get secondAs(): Second {
    return Atomics.load(this.#words, secondAs) as Second;
  }

  /** Whether the loop has not seen yet that this was asked of it. */
  isAsked(request: number): boolean {
    return (Atomics.load(this.#words, requests) & request) !== 0;
  }

  /** Takes back what was asked of the loop, where it has not seen it yet. */
  withdraw(request: number): void {
    Atomics.and(this.#words, requests, ~request);
  }

  /** Whether some other policy drove before. */
  get canGoBack(): boolean {
    return Atomics.load(this.#words, canGoBack) === 1;
  }

  /** How the second policy did, since who drives or who is asked changed last. */
  shadow(): ShadowCounts {
    for (;;) {
      const before = Atomics.load(this.#words, version);
      const numbers = this.#times.subarray(shadowAt);
      const [cycles, limited, refused, compared, distanceSum, distanceMax] = numbers;
      if (before % 2 !== 0 || Atomics.load(this.#words, version) !== before) continue;
      return { cycles, limited, refused, compared, distanceSum, distanceMax };
    }
  }

  // The control thread's side.

  /** The requests since the last call, which are then forgotten. */
  takeRequests(): number {
    return Atomics.exchange(this.#words, requests, 0);
  }

  setState(value: State): void {
    Atomics.store(this.#words, state, value);
  }

  setCount(which: Count, value: number): void {
    Atomics.store(this.#words, countsAt + which, value);
  }

  add(which: Count, more: number): void {
    Atomics.add(this.#words, countsAt + which, more);
  }

  measure(which: Measure, valueUs: number): void {
    this.#histograms[which].add(valueUs);
  }

  setModes(loop: Mode, device: number, reason: number, line: number): void {
    Atomics.store(this.#words, mode, loop);
    Atomics.store(this.#words, deviceMode, device - unknownMode);
    Atomics.store(this.#words, deviceReason, reason);
    Atomics.store(this.#words, stopLine, line);
  }

  /** To be set before that of which it is the reason. */
  setWhy(words: string): void {
    const { written } = new TextEncoder().encodeInto(words, this.#why);
    Atomics.store(this.#words, whyLength, written);
  }

  addTransition(index: number, { timeUs, from, happening, to, reason }: Transition): void {
    const at = (index % transitionsKept) * transitionNumbers;
    this.#transitions[at] = timeUs;
    this.#transitions[at + 1] = from;
    this.#transitions[at + 2] = happening;
    this.#transitions[at + 3] = to;
    this.#transitions[at + 4] = reason;
    Atomics.store(this.#words, transitionCount, index + 1);
  }

  show(step: Step): void {
    Atomics.store(this.#words, reasons, step.reasons);
    // Odd while the copy changes, so that a reader looks again.
    Atomics.add(this.#words, version, 1);
    this.#times[0] = step.seq;
    this.#times[1] = step.timeUs;
    this.#observation.set(step.observation);
    this.#action.set(step.action);
    Atomics.add(this.#words, version, 1);
  }

  setLineup(drives: number, beside: number, as: Second, back: boolean): void {
    Atomics.store(this.#words, canGoBack, back ? 1 : 0);
    Atomics.store(this.#words, second, beside);
    Atomics.store(this.#words, secondAs, as);
    Atomics.store(this.#words, driver, drives);
  }

  showShadow(counts: ShadowCounts): void {
    Atomics.add(this.#words, version, 1);
    this.#times[shadowAt] = counts.cycles;
    this.#times[shadowAt + 1] = counts.limited;
    this.#times[shadowAt + 2] = counts.refused;
    this.#times[shadowAt + 3] = counts.compared;
    this.#times[shadowAt + 4] = counts.distanceSum;
    this.#times[shadowAt + 5] = counts.distanceMax;
    Atomics.add(this.#words, version, 1);
  }

  /** Channel `at`, numbered as by `furthest`, is furthest from where it is to be, by `by`. */
  showFurthest(at: number, by: number): void {
    Atomics.add(this.#words, version, 1);
    this.#times[2] = at + 1;
    this.#times[3] = by;
    Atomics.add(this.#words, version, 1);
  }
}

/** The memory that a status of `spec` takes. */
export function statusBytes(spec: Spec): number {
  const floats = spec.observation.length + spec.action.length;
  const numbers = transitionsKept * transitionNumbers + timeNumbers;
  const bytes = headerWords * 4 + numbers * 8 + policyRecordBytes + measureCount * histogramBytes;
  return bytes + floats * 4 + whyBytes;
}
