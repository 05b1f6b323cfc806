import { specWithoutHistory } from "../core/history.ts";
import type { Channel } from "../core/spec.ts";
import type { Contract } from "./contract.ts";

/**
 * The contract as a C header for a device's target: its period and its channels, observations
 * first. How each actuator stops is not for a policy to say, so all fall to zero until edited.
 */
export function contractHeader(contract: Contract): string {
  const { spec, actionHistory } = contract;
  const { observation, action, periodUs } =
    actionHistory === undefined ? spec : specWithoutHistory(spec, actionHistory);
  const rows = [
    ...observation.map((channel) => rowOf(channel, "0")),
    ...action.map((channel) => rowOf(channel, "SINEW_STOP_CATEGORY_RAMP_TO_ZERO")),
  ];
  const task = contract.task.replaceAll("*/", "* /");
  return [
    `/* What a policy for ${task} expects of a device.`,
    "   How an actuator stops is yours to say. One that is told a position: write",
    "   SINEW_STOP_CATEGORY_RAMP_AND_HOLD and the number of the observation, from 0, that",
    "   reads where it is, in the same unit. */",
    "#ifndef SINEW_CONTRACT_H",
    "#define SINEW_CONTRACT_H",
    "",
    `#define SINEW_CONTRACT_PERIOD_US ${periodUs}u`,
    `#define SINEW_CONTRACT_OBSERVATIONS ${observation.length}u`,
    `#define SINEW_CONTRACT_ACTIONS ${action.length}u`,
    "",
    "/* Name, unit, lowest, highest, stop category, position. */",
    "static const struct sinew_channel sinew_contract_channels[] = {",
    ...rows,
    "};",
    "",
    "#endif",
    "",
  ].join("\n");
}

function rowOf({ name, unit, low, high }: Channel, stop: string): string {
  return `    {"${name}", ${JSON.stringify(unit)}, ${float(low)}, ${float(high)}, ${stop}, 0},`;
}

/** A float32 constant of C, to the last bit. */
function float(value: number): string {
  const rounded = Math.fround(value);
  if (!Number.isFinite(rounded)) return `${rounded < 0 ? "-" : ""}__builtin_inff()`;
  // The shortest text that a reader of float32 reads as the same number.
  for (let digits = 1; digits < 9; digits++) {
    const text = rounded.toPrecision(digits);
    if (Math.fround(Number(text)) === rounded) return constant(Number(text));
  }
  return constant(Number(rounded.toPrecision(9)));
}

function constant(value: number): string {
  const text = String(value);
  return /[.e]/.test(text) ? `${text}f` : `${text}.0f`;
}
