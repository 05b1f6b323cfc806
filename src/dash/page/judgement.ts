import { isDriving, namesOfReasons, type Step, Verdict } from "../../core/step.ts";
import type { LogEvent } from "../../log/event.ts";
import { spaced } from "./words.ts";

/** What the gate said of a cycle. */
export type Judged = Pick<Step, "mode" | "reasons" | "verdict">;

/** It in words; empty where it has nothing to say. */
export function reasonsOf({ reasons, verdict, mode }: Judged): string {
  const words = namesOfReasons(reasons).map(spaced).join(", ");
  if (verdict === Verdict.refused) return `${isDriving(mode) ? "refused" : "not ready"}: ${words}`;
  return verdict === Verdict.limited && isDriving(mode) ? `limited: ${words}` : "";
}

/** Why it was last stopped, where nobody asked for it; empty where somebody did. */
export function causeOf(events: readonly LogEvent[]): string {
  const last = events.findLast((event) => event.kind === "transition" && event.to === "stopped");
  if (last?.kind !== "transition") return "";
  const reason = spaced(last.reason);
  if (last.happening === "fault") return `Stopped by a fault: ${reason}.`;
  return last.happening === "deviceStopped" ? `The device stopped by itself: ${reason}.` : "";
}
