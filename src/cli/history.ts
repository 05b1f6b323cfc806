import { Mode } from "../core/step.ts";
import { changeWords } from "../edge/policy-record.ts";
import type { Run, RunReport } from "../edge/run.ts";
import { eventOfTransition } from "../edge/transition-event.ts";
import type { LogEvent } from "../log/event.ts";
import { Happening } from "../safety/supervisor.ts";

/** What a person reads of a command when it is answered; null where they know, or did not ask. */
export function answerLine(event: LogEvent): string | null {
  if (event.kind !== "answer" || event.source === "command line") return null;
  if (event.command === "status" && event.source !== "keyboard") return null;
  return lineOf(event);
}

/**
 * Rows of a table: who asked for what, what came of it, and each change of mode, by their time; but
 * not who asked how it stands.
 */
export function historyRows(events: readonly LogEvent[], startUs: number): string[][] {
  return events
    .filter((event) => event.kind !== "command" || event.command === "end")
    .filter((event) => event.kind !== "answer" || event.command !== "status")
    .sort((a, b) => a.timeUs - b.timeUs)
    .map((event, at) => {
      const seconds = Math.max(0, (event.timeUs - startUs) / 1e6).toFixed(2);
      return [at === 0 ? "history" : "", `${seconds.padStart(7)} s  ${lineOf(event)}`];
    });
}

/** The events of a run: what its report kept of them. */
export function eventsOf({ commands, transitions, policyChanges, why }: RunReport): LogEvent[] {
  return [...commands, ...transitions.map((one) => eventOfTransition(one, why)), ...policyChanges];
}

function lineOf(event: LogEvent): string {
  if (event.kind === "command") return `${event.command} (${event.source})`;
  if (event.kind === "answer") return `${event.command} (${event.source}): ${event.line}`;
  if (event.kind === "policy") {
    const beside = event.beside === null ? "" : `, beside it ${event.beside.slice(0, 8)}`;
    return `${changeWords(event)}: ${event.drives.slice(0, 8)} drives${beside}`;
  }
  const reason = event.reason === "" ? "" : `: ${event.reason}`;
  return `${event.from} -> ${event.to} (${event.happening}${reason})`;
}

/** Sees each stop, each hold, each end of one and each roll-back that nobody asked for, once. */
export class StopWatch {
  #seenUs = Number.NEGATIVE_INFINITY;
  #rolledBackUs = Number.NEGATIVE_INFINITY;

  /** A line for each since the last call. */
  look(run: Pick<Run, "status" | "members">): string[] {
    return [...this.#stops(run.status), ...this.#rollbacks(run.members)];
  }

  #rollbacks(members: Run["members"]): string[] {
    const rollbacks = members.events().filter(({ what }) => what === "rollback");
    const fresh = rollbacks.filter(({ timeUs }) => timeUs > this.#rolledBackUs);
    this.#rolledBackUs = fresh.at(-1)?.timeUs ?? this.#rolledBackUs;
    return fresh.map(lineOf);
  }

  #stops(status: Run["status"]): string[] {
    const fresh = status.transitions().filter(({ timeUs }) => timeUs > this.#seenUs);
    this.#seenUs = fresh.at(-1)?.timeUs ?? this.#seenUs;
    return fresh
      .filter(({ to, happening }) => isUnasked(to, happening))
      .map((one) => {
        const advice = one.to === Mode.stopped ? ": reset, then arm" : "";
        return lineOf(eventOfTransition(one, status.why)) + advice;
      });
  }
}

function isUnasked(to: Mode, happening: Happening): boolean {
  if (to === Mode.stopped) return happening !== Happening.stop;
  return happening === Happening.fallBack || happening === Happening.recover;
}
