// Values 0 to 31 have a bucket each; every doubling above has 32, so a bucket is at most 3 % wide.
const perDoubling = 32;
const bucketCount: number = perDoubling * 28;

/** Bytes of shared memory that one histogram takes. */
export const histogramBytes: number = 16 + bucketCount * 4;

/** Times in whole microseconds: p50, p99, p99.9 and the largest, and how many there were. */
export interface Percentiles {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/**
 * Counts of times in microseconds in memory that another thread may read: 3 % wide buckets from 1
 * us to 2^31 us, the largest kept as it was. One thread adds; adding allocates nothing.
 */
export class Histogram {
  readonly #max: Float64Array;
  readonly #counts: Uint32Array;

  /** Takes `histogramBytes` of `memory` from `at`, a multiple of 8. */
  constructor(memory: SharedArrayBuffer | ArrayBuffer, at: number = 0) {
    this.#max = new Float64Array(memory, at, 1);
    this.#counts = new Uint32Array(memory, at + 16, bucketCount);
  }

  /** Counts one value; what is no number is not counted, what is below 0 counts as 0. */
  add(valueUs: number): void {
    if (!(valueUs < 2 ** 31)) return;
    const value = valueUs < 0 ? 0 : valueUs;
    if (value > this.#max[0]) this.#max[0] = value;
    this.#counts[bucketOf(value)]++;
  }

  percentiles(): Percentiles {
    let count = 0;
    for (const bucket of this.#counts) count += bucket;
    const at = (share: number): number => {
      let left = Math.ceil(count * share);
      for (let bucket = 0; bucket < bucketCount; bucket++) {
        left -= this.#counts[bucket];
        if (left <= 0) return Math.min(topOf(bucket), this.#max[0]);
      }
      return this.#max[0];
    };
    if (count === 0) return { count, p50: 0, p99: 0, p999: 0, max: 0 };
    return { count, p50: at(0.5), p99: at(0.99), p999: at(0.999), max: this.#max[0] };
  }

  /**
   * How many values were below each of `edgesUs`, which go up. Exact where an edge is a power of 2,
   * else as exact as a bucket is wide.
   */
  below(edgesUs: readonly number[]): number[] {
    const found: number[] = [];
    let bucket = 0;
    let count = 0;
    for (const edgeUs of edgesUs) {
      for (; bucket < bucketCount && topOf(bucket) < edgeUs; bucket++) {
        count += this.#counts[bucket];
      }
      found.push(count);
    }
    return found;
  }

  /** The sum of all values, us, each taken for the middle of its bucket: within 2 % and 0.5 us. */
  sum(): number {
    let sum = 0;
    let bottom = 0;
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      const next = topOf(bucket) + 1;
      sum += (this.#counts[bucket] * (bottom + next)) / 2;
      bottom = next;
    }
    return sum;
  }
}

function bucketOf(value: number): number {
  const whole = Math.floor(value);
  if (whole < perDoubling) return whole;
  const doublings = 26 - Math.clz32(whole);
  return doublings * perDoubling + (whole >>> doublings);
}

/** The largest whole number in a bucket. */
function topOf(bucket: number): number {
  if (bucket < 2 * perDoubling) return bucket;
  const doublings = Math.floor(bucket / perDoubling) - 1;
  return (bucket - doublings * perDoubling + 1) * 2 ** doublings - 1;
}
