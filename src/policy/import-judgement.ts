import type { Model } from "../onnx/model.ts";
import type { Formula } from "./formula.ts";
import { type Range, rangesOf } from "./formula-range.ts";
import { scalingOf } from "./formula-scale.ts";
import { chooseInput, chooseOutput, lintDropped } from "./import-choice.ts";
import type { Draft, Source } from "./import-draft.ts";
import { type Finding, finding } from "./import-finding.ts";
import { lint } from "./import-lint.ts";
import { type Network, readNetwork } from "./import-network.ts";

/** What the network is, where it can be read. */
export interface Reading {
  readonly network: Network;
  readonly output: string;
  readonly formula: Formula;
}

/** What is known of a policy once its network has been read. */
export interface Judgement {
  readonly draft: Draft;
  readonly findings: readonly Finding[];
  readonly reading: Reading | null;
}

/** Reads the network, completes the draft with what it shows, and lints both. */
export function judge(model: Model, draft: Draft, said: Draft, source: Source | null): Judgement {
  const { graph } = model;
  const input = chooseInput(graph, draft.input);
  if (input.chosen === null) {
    return { draft, findings: [input.finding, ...(source?.findings ?? [])], reading: null };
  }
  const network = readNetwork(model, input.chosen);
  const rows = draft.action?.length ?? 0;
  const output = chooseOutput(network, draft.output, rows === 0 ? undefined : rows);
  const formula = output.chosen?.formula ?? null;
  const widths = new Set(network.outputs.map(({ width }) => width));
  const [width] = widths.size === 1 ? widths : [null];
  const actions = output.chosen?.width ?? width ?? rows;
  const ranges = formula === null ? [] : rangesOf(formula);
  const scales = formula !== null && scalingOf(formula) !== null;
  const shown = {
    ...{ input: input.chosen.name, output: output.chosen?.name },
    ...{ observations: network.width, actions, ranges, scales },
  };
  const seen = withShown(draft, shown);
  const linted = {
    ...{ draft: seen, observations: network.width, actions, ranges, source },
    scales,
    saidInside: said.normaliser === "inside",
  };
  const findings = [...lint(linted), ...lintNumbers(model)];
  if (output.chosen === null || formula === null) {
    return { draft: seen, findings: [output.finding!, ...findings], reading: null };
  }
  findings.push(...lintDropped(graph, input.chosen.name, output.chosen.name));
  const reading = { network, output: output.chosen.name, formula };
  return { draft: seen, findings, reading };
}

/** What a graph shows by itself. */
interface Shown {
  readonly input: string;
  readonly output: string | undefined;
  readonly observations: number;
  readonly actions: number;
  readonly ranges: readonly Range[];
  /** Whether the network begins with a scaling. */
  readonly scales: boolean;
}

/** The draft with what the graph itself shows. */
function withShown(draft: Draft, shown: Shown): Draft {
  const { input, output, observations, actions, ranges, scales } = shown;
  const rows = <T>(given: readonly T[] = [], count: number): readonly Partial<T>[] =>
    given.length > 0 ? given : Array.from({ length: count }, () => ({}));
  // Ends that a policy has scaled itself are its limits; [-1, 1] may stand for any.
  const ends = ranges.every(({ low, high }) => Number.isFinite(low) && Number.isFinite(high));
  const bare = ranges.every(({ low, high }) => low === -1 && high === 1);
  const physical = draft.outputIs === undefined || draft.outputIs === "physical";
  const own = ends && !bare && physical;
  const action = rows(draft.action, actions).map((row, at) => {
    if (!own || ranges[at] === undefined) return row;
    return { ...row, low: row.low ?? ranges[at].low, high: row.high ?? ranges[at].high };
  });
  const limited = action.every(({ low, high }, at) => {
    return low === ranges[at]?.low && high === ranges[at]?.high;
  });
  return {
    ...draft,
    input,
    output: output ?? draft.output,
    normaliser: draft.normaliser ?? (scales ? "inside" : undefined),
    outputIs: draft.outputIs ?? (own && limited ? "physical" : undefined),
    observation: rows(draft.observation, observations),
    action,
  };
}

function lintNumbers({ graph }: Model): Finding[] {
  const doubles = [...graph.inputs, ...graph.initializers].some(({ type }) => type === "float64");
  if (!doubles) return [];
  const message = "the graph computes in double precision, the imported one in single";
  return [finding("double-precision", message, "the proof says how far apart they may be: 1e-5")];
}
