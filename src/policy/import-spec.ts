import * as v from "valibot";
import { SinewError } from "../core/errors.ts";
import { parseYaml, type YamlFile } from "../core/yaml.ts";
import type { Draft, DraftAction, DraftObservation } from "./import-draft.ts";

const text = v.pipe(v.string("give a text"), v.nonEmpty("give a text that is not empty"));
const finite = v.pipe(v.number("give a number"), v.finite("give a finite number"));
/** A limit may be infinite. */
const limit = v.number("give a number, .inf or -.inf");
const numbers = v.array(finite, "give a list of numbers");
const whole = v.pipe(finite, v.integer("give a whole number"), v.minValue(0));
const scale = v.pipe(
  finite,
  v.check((value) => value !== 0, "a scale of 0 forgets the value"),
);

/** What may be missing is null in a template. */
function open<T extends v.GenericSchema>(schema: T) {
  return v.optional(
    v.pipe(
      v.nullable(schema),
      v.transform((value) => value ?? undefined),
    ),
  );
}

const observationSchema = v.strictObject({
  name: open(text),
  unit: open(text),
  low: open(limit),
  high: open(limit),
  offset: open(finite),
  scale: open(scale),
  clip: open(v.tuple([limit, limit], "give [low, high]")),
  setpoint: open(v.boolean("give true or false")),
  previous: open(whole),
  seen: open(whole),
  ago: open(v.pipe(whole, v.minValue(1))),
  constant: open(finite),
});

const actionSchema = v.strictObject({
  name: open(text),
  unit: open(text),
  low: open(finite),
  high: open(finite),
  scale: open(scale),
  offset: open(finite),
});

const statisticsSchema = v.strictObject({
  mean: numbers,
  variance: v.array(v.pipe(finite, v.minValue(0)), "give a list of numbers"),
  epsilon: v.optional(v.pipe(finite, v.minValue(0)), 1e-8),
  clip: v.optional(v.pipe(finite, v.minValue(0)), 0),
});

const specSchema = v.strictObject({
  task: open(text),
  algorithm: open(text),
  rateHz: open(v.pipe(finite, v.minValue(0.1), v.maxValue(10_000))),
  graph: v.optional(
    v.strictObject({
      input: open(text),
      output: open(text),
      outputIs: open(v.picklist(["unit", "physical", "scaled"], "give unit, physical or scaled")),
      normaliser: open(
        v.union(
          [v.picklist(["inside", "none"]), statisticsSchema],
          "give inside, none or { mean, variance, epsilon, clip }",
        ),
      ),
    }),
    {},
  ),
  joints: open(v.array(text, "give a list of names")),
  pose: open(numbers),
  observation: open(v.array(observationSchema, "give a list of channels")),
  action: open(v.array(actionSchema, "give a list of channels")),
});

/**
 * Reads a spec: what a person says of a policy. Throws `SinewError("policy-file")` with line and
 * column for bad YAML, a key that does not exist, or a value that cannot be.
 */
export function parseSpec(source: string, path: string): Draft {
  const file = readYaml(source, path);
  const result = v.safeParse(specSchema, file.value ?? {});
  if (!result.success) {
    const issue = result.issues[0];
    const keys = (issue.path ?? []).map((item) => item.key as string | number);
    const unknown = issue.type === "strict_object" && issue.expected === "never";
    const key = keys.join(".");
    const why = unknown ? `unknown key "${key}"` : `"${key}": ${issue.message}`;
    throw new SinewError("policy-file", `${file.placeOf(keys)}: ${why}`);
  }
  const { rateHz, graph, observation, action, ...rest } = result.output;
  return {
    ...rest,
    ...graph,
    periodUs: rateHz === undefined ? undefined : Math.round(1e6 / rateHz),
    observation: observation as DraftObservation[] | undefined,
    action: action as DraftAction[] | undefined,
  };
}

/**
 * Parses YAML. What Python's writer tags as its own objects is read as the plain list that it is,
 * and never made. Throws `SinewError("policy-file")` with line and column.
 */
export function readYaml(source: string, path: string): YamlFile {
  const plain = source.replaceAll(/!!python\/[\w./:]+/g, (tag) => " ".repeat(tag.length));
  return parseYaml(plain, path, "policy-file");
}
