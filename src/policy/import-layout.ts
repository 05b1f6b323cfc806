import { specWithHistory } from "../core/history.ts";
import type { Channel, Spec } from "../core/spec.ts";
import { type Formula, FormulaBuilder, type PairOp } from "./formula.ts";
import type { Scaling } from "./formula-scale.ts";
import type { Draft, DraftObservation } from "./import-draft.ts";
import { isChannel, pastOf, seenOf } from "./import-lint.ts";
import { mappingOf, type OutputMapping } from "./import-output.ts";

/** How a network stands between the observation and the action of a contract. */
export interface Layout {
  readonly spec: Spec;
  /** How many past observations it observes. */
  readonly observationHistory: number;
  /** How many of its own past actions it observes. */
  readonly actionHistory: number;
  /** What they hold before the first, by action. */
  readonly actionRest: readonly number[];
  /** From the observation to the columns of the network. */
  readonly front: Formula;
  /** From the network's output to the action, before its limits. */
  readonly back: Formula;
  /** What a column is of its channel: which one, and (value - mean) * scale. */
  readonly columns: readonly {
    readonly channel: number;
    readonly mean: number;
    readonly scale: number;
  }[];
}

/**
 * The layout that a complete draft describes. Channels of the device come first, then setpoints,
 * as robot.yaml takes them, then past observations and past actions, as `HistoryPolicy` feeds them.
 */
export function layoutOf(draft: Draft): Layout {
  const rows = draft.observation!.map((row, _, all) => {
    // What is shown later is shown as it was.
    return row.seen === undefined ? row : { ...row, ...shapeOf(all[row.seen]), ...shapeOf(row) };
  });
  const action = draft.action!.map(channelOf);
  const own = [
    ...rows.filter((row) => isChannel(row) && row.setpoint !== true),
    ...rows.filter((row) => isChannel(row) && row.setpoint === true),
  ];
  const [observationHistory, actionHistory] = [seenOf(draft), pastOf(draft)];
  const spec = { observation: own.map(channelOf), action, periodUs: draft.periodUs! };
  const mappings = draft.action!.map((row) => mappingOf(draft.outputIs, row)!);
  const channelAt = (row: DraftObservation): number => {
    if (row.constant !== undefined) return 0;
    const { previous, seen, ago = 1 } = row;
    if (seen !== undefined) return ago * own.length + own.indexOf(rows[seen]);
    if (previous === undefined) return own.indexOf(row);
    return own.length * (1 + observationHistory) + (ago - 1) * action.length + previous;
  };
  const columns = rows.map((row) => {
    const mapping = row.previous === undefined ? undefined : mappings[row.previous];
    return { row, channel: channelAt(row), ...scalingOfRow(row, mapping) };
  });
  const whole = specWithHistory(spec, actionHistory, observationHistory);
  return {
    spec: whole,
    observationHistory,
    actionHistory,
    actionRest: mappings.map(({ offset }) => offset),
    front: frontOf(whole, columns, mappings, draft),
    back: backOf(mappings),
    columns,
  };
}

/** What the network does to a column's channel, as far as it is said. */
function shapeOf({ offset, scale, clip }: DraftObservation): DraftObservation {
  return {
    ...(offset !== undefined && { offset }),
    ...(scale !== undefined && { scale }),
    ...(clip !== undefined && { clip }),
  };
}

function channelOf({ name, unit, low, high }: DraftObservation): Channel {
  return {
    name: name!,
    unit: unit!,
    low: low ?? Number.NEGATIVE_INFINITY,
    high: high ?? Number.POSITIVE_INFINITY,
  };
}

/** What a column is of its channel, its limits left aside. */
function scalingOfRow(
  { offset = 0, scale = 1, constant }: DraftObservation,
  mapping: OutputMapping | undefined,
): { mean: number; scale: number } {
  if (constant !== undefined) return { mean: 0, scale: 0 };
  if (mapping === undefined) return { mean: offset, scale };
  return { mean: mapping.offset, scale: scale / mapping.scale };
}

/** A step for each thing that a row of the draft may say, in the order in which it says it. */
function frontOf(
  spec: Spec,
  columns: readonly { readonly row: DraftObservation; readonly channel: number }[],
  mappings: readonly OutputMapping[],
  { normaliser }: Draft,
): Formula {
  const builder = new FormulaBuilder();
  const input = builder.input(spec.observation.length);
  let place = builder.pick(
    input,
    columns.map(({ channel }) => channel),
  );
  const apply = (op: PairOp, none: number, value: (row: DraftObservation) => number): void => {
    const values = columns.map(({ row }) => value(row));
    if (values.every((one) => one === none)) return;
    place = builder.pair(op, place, builder.constant(values));
  };
  const mapping = ({ previous }: DraftObservation): OutputMapping | undefined =>
    previous === undefined ? undefined : mappings[previous];
  apply("Sub", 0, (row) => mapping(row)?.offset ?? row.offset ?? 0);
  apply("Div", 1, (row) => mapping(row)?.scale ?? 1);
  apply("Max", Number.NEGATIVE_INFINITY, ({ clip }) => clip?.[0] ?? Number.NEGATIVE_INFINITY);
  apply("Min", Number.POSITIVE_INFINITY, ({ clip }) => clip?.[1] ?? Number.POSITIVE_INFINITY);
  apply("Mul", 1, ({ constant, scale = 1 }) => (constant === undefined ? scale : 0));
  apply("Add", 0, ({ constant = 0 }) => constant);
  if (typeof normaliser === "object") {
    const { mean, variance, epsilon, clip } = normaliser;
    const root = variance.map((one) => Math.sqrt(one + epsilon));
    place = builder.pair("Sub", place, builder.constant(mean));
    place = builder.pair("Div", place, builder.constant(root));
    if (clip > 0) {
      place = builder.pair("Max", place, builder.constant([-clip]));
      place = builder.pair("Min", place, builder.constant([clip]));
    }
  }
  return builder.finish(place);
}

function backOf(mappings: readonly OutputMapping[]): Formula {
  const builder = new FormulaBuilder();
  let place = builder.input(mappings.length);
  const scale = mappings.map((mapping) => mapping.scale);
  const offset = mappings.map((mapping) => mapping.offset);
  if (scale.some((one) => one !== 1)) {
    place = builder.pair("Mul", place, builder.constant(scale));
  }
  if (offset.some((one) => one !== 0)) {
    place = builder.pair("Add", place, builder.constant(offset));
  }
  return builder.finish(place);
}

/**
 * What each channel of the observation is to the network first, through the columns that are made
 * of it, the statistics of the draft and the network's own `inside` scaling.
 */
export function scalingOfChannels(
  { spec, columns }: Layout,
  { normaliser }: Draft,
  inside: Scaling | null,
): Scaling {
  const mean = spec.observation.map(() => 0);
  const scale = spec.observation.map(() => 1);
  for (const [at, column] of columns.entries()) {
    if (column.scale === 0) continue;
    const statistics = typeof normaliser === "object" ? normaliser : null;
    const root = statistics === null ? 1 : Math.sqrt(statistics.variance[at] + statistics.epsilon);
    const middle = (statistics?.mean[at] ?? 0) + root * (inside?.mean[at] ?? 0);
    mean[column.channel] = column.mean + middle / column.scale;
    scale[column.channel] = (column.scale / root) * (inside?.scale[at] ?? 1);
  }
  return { mean, scale };
}
