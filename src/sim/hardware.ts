import { SinewError } from "../core/errors.ts";
import type { Channel } from "../core/spec.ts";
import type { Steps } from "./latency.ts";

/**
 * What real hardware does to a task, in words that a flag and a file can hold. A step is one of the
 * policy's own: with `frameSkip` 4 it is four of the task's. `withHardware` makes it so.
 */
export interface Hardware {
  /** Steps that a command takes to the actuator: 0 to 255, or a range, `0..2`. */
  readonly actionLatency: number | string;
  /** Steps that an observation takes to the policy: the same. */
  readonly observationLatency: number | string;
  /**
   * Standard deviation of the noise on readings: a share of each channel's range, 0 to 1; or in the
   * channels' units, one for each, `0.01,0.01,0.1`; or of those named, `pole_velocity=0.1`.
   */
  readonly observationNoise: number | string;
  /** Step of the readings: the same. */
  readonly observationStep: number | string;
  /** Step of the commands: the same. */
  readonly actionStep: number | string;
  /** Probability that an observation gets lost, 0 to 1. */
  readonly dropObservation: number;
  /** Probability that a command gets lost, 0 to 1. */
  readonly dropAction: number;
  /** Shares by which parameters vary, each from 0 to 0.99: `mass=0.2,length=0.1`; or `none`. */
  readonly randomise: string;
  /** Past observations that the policy observes beside the newest, 0 to 63. */
  readonly observationHistory: number;
  /** Past actions that the policy observes, 0 to 63. */
  readonly actionHistory: number;
  /** Steps of the task in one of the policy, 1 to 1000. */
  readonly frameSkip: number;
}

/** Hardware as simulators have it: no flaw at all. */
export const ideal: Hardware = {
  actionLatency: 0,
  observationLatency: 0,
  observationNoise: 0,
  observationStep: 0,
  actionStep: 0,
  dropObservation: 0,
  dropAction: 0,
  randomise: "none",
  observationHistory: 0,
  actionHistory: 0,
  frameSkip: 1,
};

const names = Object.keys(ideal) as (keyof Hardware)[];
const latencyMax = 255;
const shareMax = 0.99;

/** What a value of `Hardware` must be that is not, or null. */
export function faultOfHardware(name: keyof Hardware, value: unknown): string | null {
  switch (name) {
    case "actionLatency":
    case "observationLatency":
      return stepsOf(value) !== null
        ? null
        : `give whole steps such as 1, or a range such as 0..2, up to ${latencyMax}`;
    case "observationNoise":
    case "observationStep":
    case "actionStep":
      return sizesOf(value) !== null
        ? null
        : "give a share of the range from 0 to 1, or sizes in the channels' units, " +
            "as in 0.01,0.01,0.1 or pole_velocity=0.1";
    case "dropObservation":
    case "dropAction":
      return within(value, 0, 1) ? null : "give a number from 0 to 1";
    case "randomise":
      return sharesOf(value) !== null
        ? null
        : `give shares from 0 to ${shareMax} by parameter, as in mass=0.2,length=0.1, or none`;
    case "observationHistory":
    case "actionHistory":
      return whole(value, 0, 63) ? null : "give a whole number from 0 to 63";
    case "frameSkip":
      return whole(value, 1, 1000) ? null : "give a whole number from 1 to 1000";
  }
}

function within(value: unknown, low: number, high: number): value is number {
  return typeof value === "number" && value >= low && value <= high;
}

function whole(value: unknown, low: number, high: number): boolean {
  return within(value, low, high) && Number.isInteger(value);
}

/** A number of at least 0, written plainly; else NaN. */
function amountOf(text: string): number {
  const value = /^(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(value) ? value : Number.NaN;
}

/** Reads a latency; null where it is none. */
export function stepsOf(value: unknown): Steps | null {
  const [, first, last = first] = /^(\d+)(?:\.\.(\d+))?$/.exec(String(value).trim()) ?? [];
  if (first === undefined) return null;
  const steps = { low: Number(first), high: Number(last) };
  return steps.low <= steps.high && steps.high <= latencyMax ? steps : null;
}

/** Sizes of the channels of an observation or action: a share of each range, or by themselves. */
export type Sizes =
  | { readonly share: number }
  | { readonly list: readonly number[] }
  | { readonly named: Readonly<Record<string, number>> };

/** Reads the sizes of noise or of steps; null where they are none. */
export function sizesOf(value: unknown): Sizes | null {
  const parts = partsOf(value);
  if (parts.some((part) => part.includes("="))) {
    const named = amountsOf(parts);
    return named === null ? null : { named };
  }
  const list = parts.map(amountOf);
  if (list.some(Number.isNaN)) return null;
  if (list.length > 1) return { list };
  return list[0] <= 1 ? { share: list[0] } : null;
}

/** Reads the shares of parameters, their names in order; null where they are none. */
export function sharesOf(value: unknown): Readonly<Record<string, number>> | null {
  if (value === "none") return {};
  const shares = amountsOf(partsOf(value));
  if (shares === null || Object.values(shares).some((share) => share > shareMax)) return null;
  return Object.fromEntries(Object.entries(shares).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function partsOf(value: unknown): string[] {
  return String(value)
    .split(",")
    .map((part) => part.trim());
}

/** `name=amount` each; null where one is not, or is there twice. */
function amountsOf(parts: readonly string[]): Record<string, number> | null {
  const amounts = new Map<string, number>();
  for (const part of parts) {
    const [, name, text] = /^([\w.]+)\s*=\s*(\S+)$/.exec(part) ?? [];
    const amount = amountOf(text ?? "");
    if (name === undefined || Number.isNaN(amount) || amounts.has(name)) return null;
    amounts.set(name, amount);
  }
  return Object.fromEntries(amounts);
}

/**
 * `sizes` as one number for each channel, in its unit. Throws `SinewError("usage")` that names
 * `setting`, where there are not as many, a name is no channel's, or a range is endless.
 */
export function sizesFor(
  channels: readonly Channel[],
  sizes: Sizes,
  setting: string,
): Float64Array {
  const refuse = (why: string): never => {
    throw new SinewError("usage", `${setting} ${why}`);
  };
  if ("list" in sizes) {
    const { length } = sizes.list;
    if (length !== channels.length) {
      refuse(`gives ${length} sizes, and there are ${channels.length} channels`);
    }
    return Float64Array.from(sizes.list);
  }
  if ("named" in sizes) {
    const known = channels.map(({ name }) => name);
    const unknown = Object.keys(sizes.named).find((name) => !known.includes(name));
    if (unknown !== undefined) refuse(`names "${unknown}": there is ${known.join(", ")}`);
    return Float64Array.from(channels, ({ name }) => sizes.named[name] ?? 0);
  }
  if (sizes.share === 0) return new Float64Array(channels.length);
  return Float64Array.from(channels, ({ name, low, high }) => {
    if (Number.isFinite(high - low)) return sizes.share * (high - low);
    return refuse(`is a share, and "${name}" has no range: give sizes by name, as ${name}=0.01`);
  });
}

/** What is not ideal, as `action-latency=1 drop-action=0.05`; empty where all is. */
export function textOfHardware(hardware: Hardware): string {
  return names
    .filter((name) => String(hardware[name]) !== String(ideal[name]))
    .map((name) => `${flagOf(name)}=${String(hardware[name]).replaceAll(/\s/g, "")}`)
    .join(" ");
}

/** Reads what `textOfHardware` wrote. Throws `SinewError("policy-file")` for anything else. */
export function hardwareOfText(text: string): Hardware {
  const found: Record<string, unknown> = {};
  for (const word of text.split(" ").filter((each) => each !== "")) {
    const [, flag, said] = /^([a-z-]+)=(.+)$/.exec(word) ?? [];
    const name = names.find((each) => flagOf(each) === flag);
    const amount = amountOf(said ?? "");
    const value = Number.isNaN(amount) ? said : amount;
    if (name === undefined || faultOfHardware(name, value) !== null) {
      throw new SinewError("policy-file", `its world says "${word}", which this Sinew cannot make`);
    }
    found[name] = value;
  }
  return { ...ideal, ...found };
}

function flagOf(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
