import type { ServoFamily } from "../link/servo-family.ts";
import type { UartInput } from "./uart-input.ts";

/** A microcontroller whose clock follows nanoseconds that are given to it. */
export interface Emulated {
  /** Bytes on their way in. */
  readonly input: UartInput;
  /** What the firmware sent since `outputLength` was last set to 0. */
  readonly output: Uint8Array;
  outputLength: number;
  /** Nothing will happen before the next timer. */
  readonly idle: boolean;
  /** Nanoseconds until the next timer; Infinity where none runs. */
  readonly toTimerNs: number;
  /** Opens the contact of its stop line, or closes it, as it is at first. */
  setStopLine(open: boolean): void;
  /** Runs up to `untilNs`, or for about 1 ms of work, whichever ends first. */
  run(untilNs: number): void;
}

/** Room of an `output`. */
export const outputBytesMax = 16_384;

/** What a board's firmware speaks: ours, or that of a bus of servos or of a motor drive. */
export type Protocol = "bridge" | ServoFamily["name"] | "scs" | "odrive" | "moteus";
