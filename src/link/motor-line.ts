/** What one motor is told to do. */
export const Order = {
  /** Let go. */
  off: 0,
  /** Go to so many turns, and hold there. */
  position: 1,
  /** Turn at so many turns/s. */
  velocity: 2,
  /** Push with so many N*m. */
  effort: 3,
} as const;
export type Order = (typeof Order)[keyof typeof Order];

/** What one motor was seen to do. */
export const Seen = {
  /** It has no torque, or only brakes by itself. */
  idle: 0,
  /** It follows orders. */
  driven: 1,
  /** It reports an error. */
  failed: 2,
  /** Anything else, such as calibrating, or following orders without its watchdog. */
  busy: 3,
  /** It has no torque, and its watchdog is off, as where it started anew. */
  unwatched: 4,
} as const;
export type Seen = (typeof Seen)[keyof typeof Seen];

/** What makes sure of drives before anything may move. */
export interface MotorGreeting {
  /** Each drive is known and its watchdog, where it is used, has been seen to expire. */
  readonly done: boolean;
  /** What is wrong, naming the drive; null where nothing is. */
  readonly refusal: string | null;
  /** What to tell a person who waits for it. */
  readonly silence: string;
  /** A drive was found in a stop of an earlier run that it latches. It still is. */
  readonly latched: boolean;
  /** Each watchdog that is used was seen to expire. What is latched is not tried unasked. */
  readonly proven: boolean;
  /** Does one thing of it; it is done again where it was not answered. */
  poll(): void;
  /** Begins what is left to prove, which takes drives out of their latches: `done` is false. */
  prove(): void;
  /** Ends that, so that it begins anew. What drives were told for it is to be taken back. */
  cancel(): void;
}

/**
 * Motor drives behind a line, in the units of their shafts: turns, turns/s, N*m. Arrays have one
 * place for each motor. Nothing here throws; what asks waits for answers, for a bounded time.
 */
export interface MotorLine {
  /** The port is gone for good. */
  readonly lost: boolean;
  readonly greeting: MotorGreeting;
  /** What a person calls each drive, such as `axis 0`. */
  readonly names: readonly string[];
  /** As of each drive's newest answer: turns, turns/s, `Seen`. */
  readonly turns: Float64Array;
  readonly speeds: Float64Array;
  readonly seen: Uint8Array;
  /** 1 where the drive's watchdog was found expired. */
  readonly expired: Uint8Array;
  /** The error that the drive reports, as its maker counts; 0 where there is none. */
  readonly errors: Float64Array;
  /** 1 where the drive answered the newest `look`. */
  readonly fresh: Uint8Array;
  /** Asks all drives; false where one did not answer: what is known of that one is unchanged. */
  look(): boolean;
  /**
   * Sends each motor its order; false where the port did not take them. It moves nothing idle: to a
   * drive that did not answer the newest `look`, which may have started anew, only `off` is sent.
   */
  command(orders: Uint8Array, values: Float64Array): boolean;
  /**
   * Clears what the drives latch and gives them the orders they are to begin with, without power.
   * False where one did not say that it has them.
   */
  prepare(orders: Uint8Array, values: Float64Array): boolean;
  /** Sends what gives power, with the orders to begin with; `look` tells when they follow them. */
  power(orders: Uint8Array, values: Float64Array): boolean;
  /** Blocks until bytes may have come, for at most `timeoutUs`. */
  wait(timeoutUs: number): void;
  close(): void;
}
