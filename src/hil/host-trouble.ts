// The trouble that the threads of a trial's host make for themselves. It is loaded into each of
// them before their own program (node --import), which so need not know of trials: they all wait
// by Atomics.wait now and then, and there the trouble begins.
import { setTimeout as sleep } from "node:timers/promises";
import { GCProfiler } from "node:v8";
import {
  getEnvironmentData,
  isMainThread,
  setEnvironmentData,
  workerData,
} from "node:worker_threads";
import type { TroubleKind } from "./fault.ts";

const place = "sinew-hil-trouble";
/** Words of the memory that all threads share. */
const Word = {
  ...{ loopMs: 0, garbage: 1, jumpMs: 2 },
  ...{ collections: 3, collectingUs: 4, longestUs: 5 },
} as const;

const words = sharedWords();
const wait = Atomics.wait;
/** The thread that runs the loop: only that is told for how long a command lives. */
const isLoop = !isMainThread && "ttlUs" in Object(workerData);

function sharedWords(): Int32Array {
  if (!isMainThread) return new Int32Array(getEnvironmentData(place) as SharedArrayBuffer);
  const memory = new SharedArrayBuffer(4 * Object.keys(Word).length);
  setEnvironmentData(place, memory);
  return new Int32Array(memory);
}

/** Begins `kind`, `ms` long or large, on the main thread; returns what ends what is not over. */
export function beginTrouble(kind: TroubleKind, ms: number): () => void {
  const set = (word: number, value: number): void => {
    Atomics.store(words, word, value);
  };
  if (kind === "block") sleepMs(ms);
  if (kind === "block_loop") set(Word.loopMs, ms);
  if (kind === "wall_clock") set(Word.jumpMs, ms);
  if (kind === "garbage") {
    set(Word.garbage, 1);
    void litterOn();
  }
  return () => {
    set(Word.garbage, 0);
    set(Word.jumpMs, 0);
  };
}

interface Collected {
  readonly collections: number;
  readonly collectingMs: number;
  readonly longestMs: number;
}

/** How often the loop's thread has collected garbage so far, how long in all, and the longest. */
export function collected(): Collected {
  const ms = (word: number): number => Math.round(Atomics.load(words, word) / 1000);
  return {
    collections: Atomics.load(words, Word.collections),
    collectingMs: ms(Word.collectingUs),
    longestMs: ms(Word.longestUs),
  };
}

function sleepMs(ms: number): void {
  wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

const piecesKept = 100;
const pieces: unknown[] = [];
let littered = 0;
let profiler: GCProfiler | null = null;

/** Some 0.1 MB, and what was made 10 MB before is garbage: old enough for every kind of it. */
function litter(): void {
  const piece = Array.from({ length: 100 }, (_, at) => ({
    at,
    numbers: new Array<number>(100).fill(at / 3),
  }));
  pieces[littered++ % piecesKept] = piece;
  if (!isLoop || littered % piecesKept !== 1) return;
  for (const { cost } of profiler?.stop().statistics ?? []) {
    Atomics.add(words, Word.collections, 1);
    Atomics.add(words, Word.collectingUs, Math.round(cost));
    if (cost > words[Word.longestUs]) words[Word.longestUs] = Math.round(cost);
  }
  profiler = new GCProfiler();
  profiler.start();
}

/** The main thread hardly ever waits that way. */
async function litterOn(): Promise<void> {
  for (; Atomics.load(words, Word.garbage) !== 0; await sleep(2)) litter();
}

Atomics.wait = ((...given: Parameters<typeof wait>) => {
  const result = wait(...given);
  const blockedMs = isLoop ? Atomics.exchange(words, Word.loopMs, 0) : 0;
  if (blockedMs > 0) sleepMs(blockedMs);
  if (Atomics.load(words, Word.garbage) !== 0) litter();
  return result;
}) as typeof wait;

const TrueDate = Date;

/** The time of day as a machine tells it whose clock was set. */
class SetDate extends TrueDate {
  constructor(...given: readonly unknown[]) {
    super(...((given.length === 0 ? [SetDate.now()] : given) as [number]));
  }

  static override now(): number {
    return TrueDate.now() + Atomics.load(words, Word.jumpMs);
  }
}
globalThis.Date = SetDate as DateConstructor;
