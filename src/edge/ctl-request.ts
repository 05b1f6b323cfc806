import * as v from "valibot";
import { messageOf, SinewError } from "../core/errors.ts";
import { type Command, commandNamed } from "./commands.ts";
import type { RunStatus } from "./run-status.ts";

// `sinew ctl` and a run speak JSON, one object a line, each way.

/** A line that is longer is no request. */
export const lineBytesMax = 8192;

/** What is asked; who asks is as it says itself. */
export interface CtlRequest {
  readonly command: string;
  /** What the command needs to be told; a path is absolute. */
  readonly argument?: string;
  readonly pid?: number;
  readonly uid?: number;
}

/** What is answered, one line for each request. */
export interface CtlAnswer {
  readonly ok: boolean;
  /** Which was asked; empty where the request was none. */
  readonly command: string;
  /** For a person. */
  readonly line: string;
  /** Where it is not ok: an `ErrorCode`. */
  readonly code?: string;
  readonly robot: string;
  /** How the run stands then; null before there is one. */
  readonly status: (RunStatus & { readonly permitted: readonly string[] }) | null;
}

const id = v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** 32)));
const argument = v.optional(v.string());
const requestSchema = v.object({ command: v.string(), argument, pid: id, uid: id });
const answerSchema = v.looseObject({ ok: v.boolean(), command: v.string(), line: v.string() });

/** What `line` asks for, and who asks. Throws `SinewError("usage")` for what is no request. */
export function parseRequest(line: string): {
  command: Command;
  source: string;
  argument: string;
} {
  const result = v.safeParse(requestSchema, jsonOf(line));
  if (!result.success) {
    throw new SinewError("usage", 'no request: send a line such as {"command":"status"}');
  }
  const { command, argument = "", pid, uid } = result.output;
  const known = [pid === undefined ? "" : ` pid ${pid}`, uid === undefined ? "" : ` uid ${uid}`];
  return { command: commandNamed(command), source: `ctl${known.join("")}`, argument };
}

/** The answer in `line`. Throws `SinewError("ctl")` for what is none. */
export function parseAnswer(line: string): CtlAnswer {
  const result = v.safeParse(answerSchema, jsonOf(line));
  if (result.success) return result.output as unknown as CtlAnswer;
  throw new SinewError("ctl", "the run answered with what is no answer: is it of another version?");
}

/** The answer to what could not be done. */
export function refusalOf(error: unknown, command: string, robot: string): CtlAnswer {
  const code = error instanceof SinewError ? error.code : "bug";
  return { ok: false, command, line: messageOf(error), code, robot, status: null };
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
