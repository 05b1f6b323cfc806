import type { Draft, DraftAction, DraftObservation } from "./import-draft.ts";

/**
 * A spec of what is known of a policy, as YAML that `parseSpec` reads: what is missing is null, and
 * is to be filled in by a person.
 */
export function formatSpec(draft: Draft): string {
  const { task, algorithm, periodUs, input, output, outputIs, normaliser } = draft;
  const statistics = typeof normaliser === "object" ? flow({ ...normaliser }) : null;
  const lines = [
    "# What this policy's numbers mean: fill in every null, then import it with --spec this file.",
    `task: ${scalar(task)} # what it was trained for`,
    `algorithm: ${scalar(algorithm)} # such as td3, ppo`,
    `rateHz: ${scalar(periodUs === undefined ? undefined : 1e6 / periodUs)}`,
    "graph:",
    `  input: ${scalar(input)}`,
    `  output: ${scalar(output)}`,
    "  # unit: -1 is low, 1 is high; physical: it is the action; scaled: times scale, plus offset",
    `  outputIs: ${scalar(outputIs)}`,
    "  # none: there was none; inside: the graph has it; or { mean, variance, epsilon, clip }",
    `  normaliser: ${statistics ?? scalar(normaliser)}`,
    "# The network's columns, in its order: it sees (value - offset), cut to clip, times scale.",
    "# A last action of its own is { previous: 0, ago: 1 }: the first action, one step ago.",
    "# What a column showed before is { seen: 0, ago: 1 }: the first column, one step ago.",
    "observation:",
    ...(draft.observation ?? []).map((row) => `  - ${flow(observationRow(row))}`),
    "# low and high bound what can ever reach a motor.",
    "action:",
    ...(draft.action ?? []).map((row) => `  - ${flow(actionRow(row, draft))}`),
  ];
  return `${lines.join("\n")}\n`;
}

type Fields = Readonly<Record<string, unknown>>;

function observationRow(row: DraftObservation): Fields {
  const { name, unit, low, high, offset, scale, clip, setpoint } = row;
  const { previous, seen, ago, constant } = row;
  const shape = given({ offset, scale, clip });
  if (constant !== undefined) return { constant };
  if (previous !== undefined) return { previous, ago, ...shape };
  if (seen !== undefined) return { seen, ago, ...shape };
  return { name, unit, low, high, ...shape, ...given({ setpoint }) };
}

function actionRow({ name, unit, low, high, scale, offset }: DraftAction, draft: Draft): Fields {
  const scaled = draft.outputIs === "scaled" ? { scale, offset } : given({ scale, offset });
  return { name, unit, low, high, ...scaled };
}

/** Those fields that are there. */
function given(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function flow(fields: Fields): string {
  const entries = Object.entries(fields).map(([key, value]) => `${key}: ${scalar(value)}`);
  return `{ ${entries.join(", ")} }`;
}

function scalar(value: unknown): string {
  if (value === undefined) return "null";
  if (Array.isArray(value)) return `[${value.map(scalar).join(", ")}]`;
  if (value === Number.POSITIVE_INFINITY) return ".inf";
  if (value === Number.NEGATIVE_INFINITY) return "-.inf";
  // JSON's texts are YAML's too.
  return JSON.stringify(value);
}
