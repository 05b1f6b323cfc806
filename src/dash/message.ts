import type { RunStatus } from "../edge/run-status.ts";
import type { Measure } from "../edge/status.ts";
import type { LogEvent } from "../log/event.ts";

// What the server and the page tell each other. A binary message is steps, one record after
// another as the log keeps them; a text message is one of these as JSON.

/** The subprotocol of the page's own WebSocket. */
export const pageProtocol = "sinew.page.v1";

/** A channel as JSON has it: null where a bound is infinite. */
export interface PageChannel {
  readonly name: string;
  readonly unit: string;
  readonly low: number | null;
  readonly high: number | null;
}

/** Ends of a range, in its channel's unit. */
export interface Bounds {
  readonly low: number;
  readonly high: number;
}

/** The first message, once there is a run. */
export interface Hello {
  readonly kind: "hello";
  /** Of this page; what it asks for is logged with it. */
  readonly viewer: number;
  readonly robot: string;
  readonly policyPath: string;
  readonly observation: readonly PageChannel[];
  readonly action: readonly PageChannel[];
  readonly periodUs: number;
  /** When the run began, of the clock of all its times. */
  readonly startUs: number;
  /** What the gate lets each action be, in the channel's unit. */
  readonly limits: readonly Bounds[];
  /**
   * Where the joint of each observation ends, of a velocity or an effort what it is stopped beyond;
   * null: the robot's file does not say.
   */
  readonly seen: readonly (Bounds | null)[];
  readonly commands: readonly { readonly name: string; readonly help: string }[];
}

/** What one kind of times has come to. */
export interface Times {
  readonly count: number;
  /** Microseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  /** How many there were between one edge and the next: see `edgesUs`. */
  readonly counts: readonly number[];
}

/** Edges of the bars of times: four a doubling, from 1 us to 1 s. */
export const edgesUs: readonly number[] = Array.from({ length: 81 }, (_, at) => 2 ** (at / 4));

/** How the run stands, about ten times a second. */
export interface State {
  readonly kind: "state";
  /** Of the server's clock; a command tells which it has seen. */
  readonly nowUs: number;
  /** Start of the newest cycle. */
  readonly stepUs: number;
  readonly status: RunStatus;
  readonly permitted: readonly string[];
  readonly failedReads: number;
  readonly droppedCommands: number;
  readonly log: {
    readonly bytes: number;
    readonly written: number;
    readonly dropped: number;
    readonly unwritten: number;
  };
  /** Steps that this page was not shown, because it or the server was slow. */
  readonly missed: number;
  readonly events: readonly LogEvent[];
  /** In every tenth of these. */
  readonly times?: Readonly<Record<keyof typeof Measure, Times>>;
}

/** What the page asks for, by POST. */
export interface Order {
  readonly command: string;
  /** `nowUs` of the newest state that the person saw. */
  readonly shownUs: number;
  /** Left out by a page that was not greeted yet. */
  readonly viewer?: number;
}

/** What came of it. */
export interface OrderAnswer {
  readonly ok: boolean;
  readonly line: string;
}

export type Message = Hello | State;
