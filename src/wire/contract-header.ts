import type { Channel } from "../core/spec.ts";
import { type DeviceContract, hashContract, noPosition } from "./device-contract.ts";

/**
 * The C header by which firmware states this contract: its channel table, and for each channel the
 * index under its name, so that no port counts by hand. `source` says what it was made from. Valid
 * C11 and C++; floats are exact.
 */
export function contractHeader(contract: DeviceContract, source: string): string {
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
  return `/* Made by npx sinew contract from ${source}: make it again, do not edit it. */
#ifndef SINEW_CONTRACT_H
#define SINEW_CONTRACT_H

#include "target.h"

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

/** Nine digits give back every float32. */
function floatOf(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "__builtin_inff()";
  if (value === Number.NEGATIVE_INFINITY) return "-__builtin_inff()";
  const digits = String(Number(Math.fround(value).toPrecision(9)));
  return /[.e]/.test(digits) ? `${digits}f` : `${digits}.0f`;
}
