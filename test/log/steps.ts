// What the tests of the log share: a spec, steps that a seed makes, and a disk in memory.
import type { Rng } from "../../src/core/rng.ts";
import type { Spec } from "../../src/core/spec.ts";
import { Mode, makeStep, type Step, Verdict } from "../../src/core/step.ts";
import type { LogDisk } from "../../src/log/disk.ts";
import { StepRecord } from "../../src/log/record.ts";
import type { WriterSettings } from "../../src/log/writer.ts";

export const spec: Spec = {
  observation: [
    { name: "pole_cos", unit: "1", low: -1, high: 1 },
    { name: "pole_sin", unit: "1", low: -1, high: 1 },
    { name: "pole_velocity", unit: "rad/s", low: Number.NEGATIVE_INFINITY, high: 8.1 },
  ],
  action: [{ name: "pole_torque", unit: "N*m", low: -2, high: 2 }],
  periodUs: 50000,
};

/** Settings for files that stay small. */
export const small: WriterSettings = {
  chunkUs: 50_000,
  chunkBytesMax: 700,
  syncUs: 500_000,
  preallocateBytes: 4096,
  growBytes: 1024,
};

/** Overwrites `step` with what follows from `seq` alone, in ordinary numbers. */
export function fillStep(step: Step, seq: number): void {
  step.seq = seq;
  step.timeUs = 1e6 + seq * 1000 + 0.25;
  step.ageUs = seq === 0 ? Number.POSITIVE_INFINITY : seq % 97;
  step.decidedUs = step.timeUs + 80.5;
  step.validUntilUs = step.timeUs + 150_000;
  step.mode = Mode.armed;
  step.verdict = seq % 5 === 0 ? Verdict.limited : Verdict.pass;
  step.reasons = seq % 5 === 0 ? 8 : 0;
  step.observation.forEach((_, at) => {
    step.observation[at] = Math.sin(seq + at);
  });
  step.proposed.fill(Math.cos(seq));
  step.action.fill(Math.cos(seq) / 2);
}

/** Overwrites every field of `step` with random bits, so with every kind of float too. */
export function scrambleStep(step: Step, rng: Rng): void {
  const double = (): number => {
    const special = [0, -0, 1 / 0, -1 / 0, Number.NaN, 5e-324, 1.7976931348623157e308, 0.1];
    const at = rng.below(special.length * 2);
    return at < special.length ? special[at] : rng.normal() * 10 ** rng.below(20);
  };
  step.seq = rng.below(2) === 0 ? rng.word() : rng.word() * 2 ** 20 + rng.below(2 ** 20) - 1;
  step.timeUs = double();
  step.ageUs = double();
  step.decidedUs = double();
  step.validUntilUs = double();
  step.mode = rng.below(5) as Mode;
  step.verdict = rng.below(3) as Verdict;
  step.reasons = rng.word();
  for (const floats of [step.observation, step.proposed, step.action]) {
    const words = new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
    for (let i = 0; i < words.length; i++) {
      const kind = rng.below(4);
      // A quarter are NaNs with any payload, quiet or signalling, of either sign.
      words[i] =
        kind === 0 ? (rng.word() | 0x7f800001) >>> 0 : kind === 1 ? 0x80000000 : rng.word();
    }
  }
}

/** The encoded steps `first` to `first + count - 1` of `fillStep`. */
export function recordsOf(first: number, count: number): Uint8Array[] {
  const record = new StepRecord(spec);
  const step = makeStep(spec);
  return Array.from({ length: count }, (_, index) => {
    const bytes = new Uint8Array(record.size);
    fillStep(step, first + index);
    record.encode(step, bytes, 0);
    return bytes;
  });
}

/** A file in memory, with faults on request. */
export class MemoryDisk implements LogDisk {
  bytes: Buffer = Buffer.alloc(0);
  /** Bytes that the medium holds. */
  capacity: number = Number.POSITIVE_INFINITY;
  /** The most that one write takes. */
  takesAtMost: number = Number.POSITIVE_INFINITY;
  /** Calls of `sync` whose `done` was not called yet. */
  syncs: ((error: Error | null) => void)[] = [];
  syncsNow = 0;

  write(bytes: Uint8Array, start: number, end: number, position: number): number {
    const free = Math.max(0, this.capacity - position);
    const taken = Math.min(end - start, this.takesAtMost, free);
    if (taken === 0) throw new Error("ENOSPC: no space left on device, write");
    if (position + taken > this.bytes.length) this.#resize(position + taken);
    this.bytes.set(bytes.subarray(start, start + taken), position);
    return taken;
  }

  truncate(length: number): void {
    this.#resize(length);
  }

  sync(done: (error: Error | null) => void): void {
    this.syncs.push(done);
  }

  syncNow(): void {
    this.syncsNow++;
  }

  #resize(length: number): void {
    const next = Buffer.alloc(length);
    this.bytes.copy(next, 0, 0, Math.min(length, this.bytes.length));
    this.bytes = next;
  }
}
