/**
 * What a border throws: a bad file, a wrong flag, a refused contract, a missing port, a dead
 * broker.
 * `code` is stable and machine-readable; `message` is one line that names the offending value and
 * says what to do. Bugs of ours are `assert`s, not these.
 */
export class SinewError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "SinewError";
    this.code = code;
  }
}

/** Every code that a border may throw, so that a program can tell the cases apart. */
export type ErrorCode =
  | "usage"
  | "spec"
  | "contract-mismatch"
  | "policy-file"
  | "signature"
  | "proof"
  | "log-file"
  | "robot-file"
  | "checkpoint"
  | "environment"
  | "diverged"
  | "engine"
  | "port"
  | "broker"
  | "board"
  | "handshake"
  | "real-time"
  | "command"
  | "ctl"
  | "page";

/** `thrown` with the path of the policy that it is about in front, where it is a mistake of one. */
export function aboutPolicy(thrown: unknown, path: string): unknown {
  if (!(thrown instanceof SinewError) || thrown.message.startsWith(path)) return thrown;
  if (thrown.code !== "policy-file" && thrown.code !== "proof") return thrown;
  return new SinewError(thrown.code, `${path}: ${thrown.message}`, { cause: thrown });
}

/** The message of anything that was thrown, on one line. */
export function messageOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return text.replaceAll(/\s*\n\s*/g, " ");
}
