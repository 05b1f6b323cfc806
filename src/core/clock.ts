/** The only door to time. */
export interface Clock {
  /**
   * Microseconds of a clock that never goes back, comparable between threads and processes of
   * one machine.
   */
  now(): number;
  /** Returns at `dueUs` on that clock, or at once where it has passed. Blocks the thread. */
  until(dueUs: number): void;
}

// A kernel sleep ends up to a timer slack late, so the last stretch is spun.
const spinUs = 200;

/** The machine's monotonic clock. `until` sleeps, then spins for the last 200 us. */
export function monotonicClock(): Clock {
  const offsetUs = offsetOfThread();
  const pillow = new Int32Array(new SharedArrayBuffer(4));
  const now = (): number => performance.now() * 1000 + offsetUs;
  return {
    now,
    until(dueUs: number): void {
      const sleepUs = dueUs - now() - spinUs;
      if (sleepUs > 0) Atomics.wait(pillow, 0, 0, sleepUs / 1000);
      while (now() < dueUs);
    },
  };
}

/**
 * What turns this thread's performance.now(), which starts at another moment in each thread, into
 * hrtime, which is one clock for all. A delay between the two readings would be an error of the
 * offset, so of several pairs the one that was read closest together counts.
 */
function offsetOfThread(): number {
  let offsetUs = Number.NaN;
  let closestMs = Number.POSITIVE_INFINITY;
  for (let pair = 0; pair < 16; pair++) {
    const before = performance.now();
    const monotonicNs = process.hrtime.bigint();
    const after = performance.now();
    if (after - before >= closestMs) continue;
    closestMs = after - before;
    offsetUs = Number(monotonicNs) / 1000 - ((before + after) / 2) * 1000;
  }
  return offsetUs;
}
