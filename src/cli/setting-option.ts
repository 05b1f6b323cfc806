import { InvalidArgumentError, Option } from "commander";
import { kebab } from "../learn/run-folder.ts";
import { faultOf, settingTable, type TrainSettings } from "../learn/settings.ts";
import { type Hardware, ideal } from "../sim/hardware.ts";

/**
 * The flags of a setting, `--actor-rate <number>`, or `--twin` and `--no-twin`; `usual` says what
 * it is when it is not given.
 */
export function optionsOf(name: keyof TrainSettings, usual: string): Option[] {
  const { kind, help } = settingTable[name];
  if (kind !== "flag") return [optionOf(name, usual)];
  // In this order: alone, the second would be on where neither is given.
  return [
    new Option(`--${kebab(name)}`, `${help} (default: ${usual})`),
    new Option(`--no-${kebab(name)}`, `not --${kebab(name)}`),
  ];
}

function optionOf(name: keyof TrainSettings, usual: string): Option {
  const setting = settingTable[name];
  const flag = `--${kebab(name)}`;
  const { kind, choices } = setting;
  const help = `${setting.help} (default: ${usual})`;
  if (choices !== undefined) {
    return new Option(`${flag} <kind>`, help).choices(choices as string[]);
  }
  const parse = (text: string): unknown => {
    // A kind of its own may be a number or words.
    const words = kind === "own" && Number.isNaN(Number(text));
    const value = words ? text : kind === "widths" ? text.split(",").map(Number) : Number(text);
    const why = text.trim() === "" ? "give a number" : faultOf(setting, value);
    if (why !== null) throw new InvalidArgumentError(`${why}.`);
    return value;
  };
  const shown =
    setting.shown ?? (kind === "widths" ? "widths" : kind === "whole" ? "count" : "number");
  return new Option(`${flag} <${shown}>`, help).argParser(parse);
}

/** The flags of `Hardware`; `usual` says what each is when it is not given. */
export function hardwareOptions(usual: (value: number | string) => string): Option[] {
  const names = Object.keys(ideal) as (keyof Hardware)[];
  return names.flatMap((name) => optionsOf(name, usual(ideal[name])));
}

/** What was given of `hardwareOptions`. */
export function hardwareGiven(options: Partial<Hardware>): Partial<Hardware> {
  return Object.fromEntries(Object.entries(options).filter(([name]) => name in ideal));
}
