import { DeviceMode, StopCategory } from "../wire/messages.ts";
import type { Seen } from "./device-record.ts";
import type { Evidence } from "./judge.ts";

/**
 * What the device says of how many actuators it drives, which an output of 0 does not tell from one
 * that is let go: all of them by a command and none before the first; in a stop those that ramp or
 * hold, and afterwards those that hold. One that is held stays so through reset and arming.
 */
export function* drivenFaults(
  seen: readonly Seen[],
  { spec, rules, record }: Pick<Evidence, "spec" | "rules" | "record">,
): Generator<string> {
  const countOf = (wanted: number): number =>
    rules.filter(({ category }) => category === wanted).length;
  const holds = countOf(StopCategory.rampAndHold);
  const moving = holds + countOf(StopCategory.rampToZero);
  const all = spec.action.length;
  let commanded = false;
  for (const one of seen) {
    const { mode, driven, deviceUs } = one;
    const sent = record.sentFor(one);
    // Of what no host is known to have said there is nothing to say.
    if (mode === DeviceMode.armed && sent === undefined) continue;
    if (mode === DeviceMode.disarmed || mode === DeviceMode.trial) commanded = false;
    else if (mode !== DeviceMode.stopped) commanded ||= sent !== undefined && sent.length > 0;
    let permitted: readonly [least: number, most: number] = [0, holds];
    if (commanded && mode === DeviceMode.armed) permitted = [all, all];
    else if (commanded && mode === DeviceMode.stopping) permitted = [holds, moving];
    else if (commanded) permitted = [holds, holds];
    const [least, most] = permitted;
    if (driven >= least && driven <= most) continue;
    const word = Object.keys(DeviceMode)[mode] ?? `code ${mode}`;
    yield `${word}, it drives ${driven} actuators at ${deviceUs} us, not ${least} to ${most}`;
    return;
  }
}
