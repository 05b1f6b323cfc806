import { nameOfMode, namesOfReasons } from "../core/step.ts";
import { nameOfDeviceReason } from "../link/device.ts";
import type { TransitionEvent } from "../log/event.ts";
import { Happening, nameOfHappening, type Transition } from "../safety/supervisor.ts";

/** A change of mode as the log keeps it; `why` is the device's own words for a stop of its own. */
export function eventOfTransition(transition: Transition, why: string): TransitionEvent {
  const { timeUs, from, happening, to } = transition;
  return {
    timeUs,
    kind: "transition",
    from: nameOfMode(from),
    happening: nameOfHappening(happening),
    to: nameOfMode(to),
    reason: reasonOf(transition, why),
  };
}

function reasonOf({ happening, reason }: Transition, why: string): string {
  if (happening === Happening.fault || happening === Happening.fallBack)
    return namesOfReasons(reason).join(", ");
  if (happening !== Happening.deviceStopped) return "";
  return nameOfDeviceReason(reason) + (why === "" ? "" : `: ${why}`);
}
