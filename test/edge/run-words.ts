// What tests of commands look for: refusals, and events in words.
import assert from "node:assert/strict";
import { SinewError } from "../../src/core/errors.ts";
import type { LogEvent } from "../../src/log/event.ts";

/** For `assert.rejects`: an error of that code that says so. */
export function refused(code: string, line: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof SinewError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, line);
    return true;
  };
}

/** Events without their times. */
export function wordsOf(events: readonly LogEvent[]): string[] {
  return events.map((event) => {
    if (event.kind === "transition") return `${event.from} ${event.happening} ${event.to}`;
    if (event.kind === "policy") return `${event.what}: ${event.drives.slice(0, 4)}`;
    const { command, source } = event;
    return event.kind === "command" ? `${command} by ${source}` : `${command}: ${event.line}`;
  });
}
