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
  // performance.now() starts at another moment in each thread; hrtime is one clock for all.
  const offsetUs = Number(process.hrtime.bigint() / 1000n) - performance.now() * 1000;
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
