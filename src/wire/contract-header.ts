import type { Channel } from "../core/spec.ts";
import { type DeviceContract, hashContract, noPosition } from "./device-contract.ts";

/**
 * The C header by which firmware states this contract: its channel table, and for each channel the
 * index under its name, so that no port counts by hand. The same contract gives the same text.
 * Valid C11 and C++, behind `target.h`; floats are exact.
 */
export function contractHeader(contract: DeviceContract): string {
  const { spec, stops } = contract;
  const observations = spec.observation.map(({ name }, i) => indexOf("OBSERVATION", name, i));
  const actions = spec.action.map(({ name }, i) => indexOf("ACTION", name, i));
  const rows = [
    ...spec.observation.map((channel) => rowOf(channel, "0u", "0u")),
    ...spec.action.map((channel, i) => {
      const { category, position } = stops[i];
      return rowOf(channel, `${category}u`, position === noPosition ? "0u" : `${position}u`);
    }),
  ];
  return `/* Made by npx sinew contract: make it again, do not edit it.
   Include target.h, on Arduino Sinew.h, before it. */
#ifndef SINEW_CONTRACT_H
#define SINEW_CONTRACT_H

/* What host and device compare before anything may move. */
#define SINEW_CONTRACT_HASH 0x${hashContract(contract).toString(16).padStart(8, "0")}u

#define SINEW_CONTRACT_PERIOD_US ${spec.periodUs}u
#define SINEW_CONTRACT_OBSERVATIONS ${spec.observation.length}u
#define SINEW_CONTRACT_ACTIONS ${spec.action.length}u

/* Where each value lies in what the target observes and is given. */
${[...observations, ...actions].join("\n")}

/* Name, unit, low, high; of an action its stop category and the observation that it holds. */
static const struct sinew_channel sinew_contract_channels[] = {
${rows.join("\n")}
};

#endif
`;
}

function indexOf(group: string, name: string, index: number): string {
  return `#define SINEW_${group}_${name.toUpperCase()} ${index}u`;
}

function rowOf({ name, unit, low, high }: Channel, stop: string, position: string): string {
  // Units are any ASCII: a quote or a backslash would end the text, "??" could be a trigraph.
  const text = unit.replaceAll(/["\\?]/g, (sign) => `\\${sign}`);
  const limits = `${floatOf(low)}, ${floatOf(high)}`;
  return `    {"${name}", "${text}", ${limits}, ${stop}, ${position}},`;
}

/** A float32 constant of C, to the last bit: the shortest text that reads as the same number. */
function floatOf(value: number): string {
  const rounded = Math.fround(value);
  if (!Number.isFinite(rounded)) return `${rounded < 0 ? "-" : ""}__builtin_inff()`;
  let text = "";
  for (let digits = 1; digits <= 9; digits++) {
    text = String(Number(rounded.toPrecision(digits)));
    if (Math.fround(Number(text)) === rounded) break;
  }
  const sign = Object.is(rounded, -0) ? "-" : "";
  return `${sign}${text}${/[.e]/.test(text) ? "f" : ".0f"}`;
}
