/** Something that happened beside the cycles, as a log keeps it: one JSON object on `/event`. */
export type LogEvent = CommandEvent | AnswerEvent | TransitionEvent;

/** Somebody asked something of the run. Kept before it is done. */
export interface CommandEvent {
  /** Microseconds of the host's monotonic clock, as a step's. */
  readonly timeUs: number;
  readonly kind: "command";
  readonly command: string;
  /** Where it came from, such as `keyboard` or `ctl pid 4711 uid 1000`. */
  readonly source: string;
}

/** What came of it. */
export interface AnswerEvent extends Omit<CommandEvent, "kind"> {
  readonly kind: "answer";
  readonly ok: boolean;
  /** As it was told. */
  readonly line: string;
}

/** The supervisor changed its mode. */
export interface TransitionEvent {
  readonly timeUs: number;
  readonly kind: "transition";
  readonly from: string;
  readonly happening: string;
  readonly to: string;
  /** Why, in words; empty where it was asked for. */
  readonly reason: string;
}

/** The JSON schema of an event, for other tools. */
export const eventSchema: string = JSON.stringify({
  title: "sinew.Event",
  description: "What happened beside the cycles. Microseconds are of the host's monotonic clock.",
  type: "object",
  required: ["timeUs", "kind"],
  properties: {
    timeUs: { type: "number" },
    kind: { enum: ["command", "answer", "transition"] },
    command: { type: "string" },
    source: { type: "string" },
    ok: { type: "boolean" },
    line: { type: "string" },
    from: { type: "string" },
    happening: { type: "string" },
    to: { type: "string" },
    reason: { type: "string" },
  },
});
