import { messageOf, SinewError } from "../core/errors.ts";
import { specWithHistory, specWithoutHistory } from "../core/history.ts";
import { type Channel, checkSpec, differenceOfSpecs, type Spec } from "../core/spec.ts";

/** What a policy file states about itself: what its numbers mean and where it comes from. */
export interface Contract {
  /** Version of this structure. */
  readonly format: 1;
  /** The task it was trained for, such as `pendulum`. */
  readonly task: string;
  readonly spec: Spec;
  /** How it was trained, such as `ddpg`. */
  readonly algorithm: string;
  /**
   * How many past observations the policy observes beside the newest one: they are the channels
   * behind that of `spec.observation`, as `specWithHistory` adds them, and no device has them:
   * `HistoryPolicy` feeds them. Absent: none.
   */
  readonly observationHistory?: number;
  /**
   * How many of its own past actions the policy observes: they are the last channels of
   * `spec.observation`, as `specWithHistory` adds them, and no device has them: `HistoryPolicy`
   * feeds them. Absent: none.
   */
  readonly actionHistory?: number;
  /**
   * What the past actions hold before the first one, by action channel and in its unit, within its
   * limits; only with `actionHistory`. Absent: `restOf(spec)`.
   */
  readonly actionRest?: readonly number[];
  /** Whatever else is worth knowing: seed, steps, return. Numbers are finite. */
  readonly training: Readonly<Record<string, string | number>>;
}

/** The key in the ONNX file's `metadata_props` that holds the contract. */
export const contractKey = "sinew.contract";

type Fields = Readonly<Record<string, unknown>>;

/**
 * The contract as JSON, doubles in full precision; unbounded limits are the texts "Infinity" and
 * "-Infinity", which JSON has no numbers for. Throws as `parseContract` does.
 */
export function formatContract(contract: Contract): string {
  const text = JSON.stringify(contract, (_, value: unknown) =>
    value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY
      ? String(value)
      : value,
  );
  // What cannot be read again (NaN is null by now) must not be written.
  parseContract(text);
  return text;
}

/** Reads a contract. Throws `SinewError("policy-file")` that names the key that is wrong. */
export function parseContract(text: string): Contract {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (thrown) {
    throw new SinewError("policy-file", `the contract is not JSON: ${messageOf(thrown)}`);
  }
  const keys = ["format", "task", "spec", "algorithm", "training"];
  const others = ["observationHistory", "actionHistory", "actionRest"];
  const fields = fieldsOf("contract", parsed, keys, others);
  const { format, task, algorithm, training } = fields;
  const { observationHistory, actionHistory, actionRest } = fields;
  if (format !== 1) refuse("contract.format", format, "this Sinew reads format 1");
  const spec = specOf(fields["spec"]);
  const seen = actionHistory === undefined ? spec : checkActions(spec, actionHistory);
  if (observationHistory !== undefined) checkObservations(seen, observationHistory);
  if (actionRest !== undefined) checkRest(spec, actionRest, actionHistory);
  return {
    format: 1,
    task: nameOf("contract.task", task),
    spec,
    algorithm: nameOf("contract.algorithm", algorithm),
    ...(observationHistory !== undefined && { observationHistory: observationHistory as number }),
    ...(actionHistory !== undefined && { actionHistory: actionHistory as number }),
    ...(actionRest !== undefined && { actionRest: actionRest as number[] }),
    training: trainingOf(training),
  };
}

function specOf(value: unknown): Spec {
  const { observation, action, periodUs } = fieldsOf("contract.spec", value, [
    "observation",
    "action",
    "periodUs",
  ]);
  const spec = {
    observation: channelsOf("contract.spec.observation", observation),
    action: channelsOf("contract.spec.action", action),
    periodUs: numberOf("contract.spec.periodUs", periodUs),
  };
  try {
    checkSpec(spec);
  } catch (thrown) {
    throw new SinewError("policy-file", `contract.spec: ${messageOf(thrown)}`, { cause: thrown });
  }
  return spec;
}

function channelsOf(key: string, value: unknown): Channel[] {
  if (!Array.isArray(value)) return refuse(key, value, "give a list of channels");
  return value.map((each: unknown, index) => {
    const place = `${key}[${index}]`;
    const { name, unit, low, high } = fieldsOf(place, each, ["name", "unit", "low", "high"]);
    return {
      name: textOf(`${place}.name`, name),
      unit: textOf(`${place}.unit`, unit),
      low: low === "-Infinity" ? Number.NEGATIVE_INFINITY : numberOf(`${place}.low`, low),
      high: high === "Infinity" ? Number.POSITIVE_INFINITY : numberOf(`${place}.high`, high),
    };
  });
}

/** That the last channels are those of so many past actions; the spec without them. */
function checkActions(spec: Spec, value: unknown): Spec {
  const key = "contract.actionHistory";
  const room = Math.floor((spec.observation.length - 1) / spec.action.length);
  const count = countOf(key, value, room);
  const seen = specWithoutHistory(spec, count);
  checkSame(`${key} ${count}`, specWithHistory(seen, count), spec);
  return seen;
}

/** That the channels are those of an observation and of so many past ones. */
function checkObservations(seen: Spec, value: unknown): void {
  const key = "contract.observationHistory";
  const { length } = seen.observation;
  const count = countOf(key, value, length - 1);
  if (length % (1 + count) !== 0) {
    refuse(key, value, `${length} channels are not ${1 + count} observations of the same length`);
  }
  const own = specWithoutHistory(seen, 0, count);
  checkSame(`${key} ${count}`, specWithHistory(own, 0, count), seen);
}

function countOf(key: string, value: unknown, most: number): number {
  const count = numberOf(key, value);
  if (Number.isInteger(count) && count >= 1 && count <= most) return count;
  const advice =
    most < 1 ? "leave it out" : `give a whole number from 1 to ${most}, or leave it out`;
  return refuse(key, value, advice);
}

function checkSame(place: string, expected: Spec, spec: Spec): void {
  const difference = differenceOfSpecs(expected, spec);
  if (difference !== null) throw new SinewError("policy-file", `${place}: ${difference}`);
}

/** That each past action has something to hold that its actuator may do. */
function checkRest({ action }: Spec, value: unknown, actionHistory: unknown): void {
  const key = "contract.actionRest";
  const whole = Array.isArray(value) && value.length === action.length;
  if (actionHistory === undefined) refuse(key, value, "leave it out where no action is observed");
  if (!whole) refuse(key, value, `give ${action.length} numbers, one for each action`);
  action.forEach(({ low, high }, i) => {
    const rest = numberOf(`${key}[${i}]`, (value as unknown[])[i]);
    if (rest < low || rest > high) refuse(`${key}[${i}]`, rest, `give ${low} to ${high}`);
  });
}

function trainingOf(value: unknown): Record<string, string | number> {
  const fields = fieldsOf("contract.training", value);
  for (const [key, each] of Object.entries(fields)) {
    if (typeof each !== "string" && typeof each !== "number") {
      refuse(`contract.training.${key}`, each, "give a text or a finite number");
    }
  }
  return fields as Record<string, string | number>;
}

/** An object with exactly these keys and perhaps the others, or with any where none are given. */
function fieldsOf(
  key: string,
  value: unknown,
  keys?: readonly string[],
  others: readonly string[] = [],
): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return refuse(key, value, "give an object");
  }
  for (const each of keys ?? []) {
    if (!Object.hasOwn(value, each)) {
      throw new SinewError("policy-file", `${key}.${each} is missing`);
    }
  }
  for (const each of Object.keys(value)) {
    if (keys !== undefined && !keys.includes(each) && !others.includes(each)) {
      throw new SinewError("policy-file", `${key}.${printable(each)} is not a key of a contract`);
    }
  }
  return value as Fields;
}

function nameOf(key: string, value: unknown): string {
  const text = textOf(key, value);
  return /^[!-~]{1,64}$/.test(text)
    ? text
    : refuse(key, value, "give 1 to 64 ASCII characters without spaces");
}

function textOf(key: string, value: unknown): string {
  return typeof value === "string" ? value : refuse(key, value, "give a text");
}

function numberOf(key: string, value: unknown): number {
  return typeof value === "number" && Number.isFinite(value)
    ? value
    : refuse(key, value, "give a number");
}

function refuse(key: string, value: unknown, advice: string): never {
  const given = printable(JSON.stringify(value) ?? "undefined");
  throw new SinewError("policy-file", `${printable(key)} is ${given}: ${advice}`);
}

/** Short and on one line: the text comes from a file. */
function printable(text: string): string {
  const line = text.replaceAll(/\p{Cc}/gu, "?");
  return line.length > 60 ? `${line.slice(0, 60)}...` : line;
}
