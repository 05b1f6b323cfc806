/**
 * What the linter of imports knows to say. An error stops the import; a warning is kept in the
 * file. `docs/import.md` explains each.
 */
export const findingSeverity = {
  // The graph.
  "input-ambiguous": "error",
  "input-shape": "error",
  "output-ambiguous": "error",
  "output-unknown": "error",
  "output-random": "error",
  "several-inputs": "error",
  recurrent: "error",
  "training-mode": "error",
  "batch-coupled": "error",
  operation: "error",
  "outputs-dropped": "warning",
  "double-precision": "warning",
  // What is missing.
  "width-differs": "error",
  "names-missing": "error",
  "units-missing": "error",
  "action-limits-missing": "error",
  "observation-unbounded": "warning",
  "rate-missing": "error",
  "normaliser-unknown": "error",
  "output-meaning-unknown": "error",
  "action-scale-missing": "error",
  "pose-missing": "error",
  "origin-missing": "warning",
  // What is ambiguous, or contradicts itself.
  contradiction: "error",
  "normalised-twice": "error",
  "normaliser-not-seen": "warning",
  "output-unbounded": "warning",
  "scale-suspected": "warning",
  "limits-cut": "warning",
  "limits-unreached": "warning",
  "angle-unit": "warning",
  "convention-assumed": "warning",
  // What was rounded.
  rounded: "warning",
  "limits-rounded": "warning",
  "rate-rounded": "warning",
  "gain-rounded-away": "warning",
  "scale-not-invertible": "error",
  // What a contract cannot say.
  "channel-invalid": "error",
  "too-many-channels": "error",
  "observation-history": "error",
  "time-input": "error",
  "unknown-term": "error",
  "motion-reference": "error",
  "action-kind": "error",
  "rest-beyond-limits": "error",
  "previous-action-limited": "warning",
  "columns-unread": "warning",
  "gains-elsewhere": "warning",
  "duration-elsewhere": "warning",
  "key-unread": "warning",
} as const;

export type FindingCode = keyof typeof findingSeverity;

/** One thing that is missing, rounded, ambiguous or not to be said in a contract. */
export interface Finding {
  readonly code: FindingCode;
  readonly severity: "error" | "warning";
  /** What is wrong, on one line. */
  readonly message: string;
  /** What to do about it, on one line. */
  readonly advice: string;
}

/** The texts come from files, which may hold line breaks and terminal codes. */
export function finding(code: FindingCode, message: string, advice: string): Finding {
  const line = (text: string): string => text.replaceAll(/\p{Cc}/gu, "?");
  return { code, severity: findingSeverity[code], message: line(message), advice: line(advice) };
}

/** Names on one line: `a, b and 3 more`. */
export function listOf(names: readonly string[]): string {
  const shown = names.slice(0, 4).join(", ");
  return names.length > 4 ? `${shown} and ${names.length - 4} more` : shown;
}

/** What terms that observe the past mean to us. */
export function history(terms: readonly string[]): Finding {
  return finding(
    "observation-history",
    `the policy observes the past of ${listOf(terms)}, in an order that is not read`,
    "give all rows of observation in a spec, offsets and scales too, or train without a history",
  );
}

/** That a spec's rows stand for those that a file's could not become. */
export function unreadRows(rows: "observation" | "action"): Finding {
  const message = `the file's ${rows} is not read: its offsets, scales and clips are not applied`;
  return finding(
    "columns-unread",
    message,
    `see that each row of ${rows} in the spec says its own`,
  );
}

/** That a contract has no place for gains. */
export function gains(keys: string): Finding {
  const message = `${keys} are no part of a contract`;
  const advice = "set them in the drives: they are kept beside the contract for you to read";
  return finding("gains-elsewhere", message, advice);
}

/** Keys that nothing was made of. */
export function unread(keys: readonly string[]): Finding {
  const message = `nothing was made of ${listOf(keys)}`;
  return finding("key-unread", message, "see whether they change what the policy sees or does");
}
