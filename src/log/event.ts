/** Something that happened beside the cycles, as a log keeps it: one JSON object on `/event`. */
export type LogEvent = CommandEvent | AnswerEvent | TransitionEvent | PolicyEvent;

/** Somebody asked something of the run. Kept before it is done. */
export interface CommandEvent {
  /** Microseconds of the host's monotonic clock, as a step's. */
  readonly timeUs: number;
  readonly kind: "command";
  readonly command: string;
  /** Where it came from, such as `keyboard` or `ctl pid 4711 uid 1000`. */
  readonly source: string;
  /** What it was told with it, such as a path; absent where it needs nothing. */
  readonly argument?: string;
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

/**
 * Why a robot went back by itself to the policy that stood by: the other one failed or answered
 * what is no number, the gate refused a cycle of it, or bounded too many.
 */
export type RollbackCause = "unfit" | "refused" | "limited";

/** Another policy drives, or is asked beside the one that does. */
export interface PolicyEvent {
  readonly timeUs: number;
  readonly kind: "policy";
  /**
   * `shadow`: one is asked beside it. `swap`: that one drives, and the other stands by. `keep`: it
   * does no longer. `back`: the one before drives again, as asked; `rollback`: by itself.
   */
  readonly what: "shadow" | "swap" | "keep" | "back" | "rollback";
  /** Of a `rollback`; absent in logs from before it was kept. */
  readonly why?: RollbackCause;
  /** From the cycle of this number on. */
  readonly fromSeq: number;
  /** SHA-256 of the file of the policy that drives from then on. */
  readonly drives: string;
  /** And of the one beside it; null: there is none. */
  readonly beside: string | null;
  /** The id of the key that signed the one that drives; absent where no signature is asked for. */
  readonly drivesSignedBy?: string;
  /** And of the one beside it. */
  readonly besideSignedBy?: string;
}

/** The JSON schema of an event, for other tools. */
export const eventSchema: string = JSON.stringify({
  title: "sinew.Event",
  description: "What happened beside the cycles. Microseconds are of the host's monotonic clock.",
  type: "object",
  required: ["timeUs", "kind"],
  properties: {
    timeUs: { type: "number" },
    kind: { enum: ["command", "answer", "transition", "policy"] },
    command: { type: "string" },
    source: { type: "string" },
    argument: { type: "string" },
    ok: { type: "boolean" },
    line: { type: "string" },
    from: { type: "string" },
    happening: { type: "string" },
    to: { type: "string" },
    reason: { type: "string" },
    what: { enum: ["shadow", "swap", "keep", "back", "rollback"] },
    why: { enum: ["unfit", "refused", "limited"] },
    fromSeq: { type: "integer" },
    drives: { type: "string" },
    beside: { type: ["string", "null"] },
    drivesSignedBy: { type: "string" },
    besideSignedBy: { type: "string" },
  },
});
