import type { Range } from "./formula-range.ts";
import type { Draft, DraftAction, DraftObservation, RoundedField, Source } from "./import-draft.ts";
import { type Finding, finding, listOf } from "./import-finding.ts";
import { lintOutput } from "./import-output.ts";

/** What the linter is told of a policy whose network could be read. */
export interface Linted {
  readonly draft: Draft;
  /** Numbers that the network takes and gives. */
  readonly observations: number;
  readonly actions: number;
  /** What the end of the network leaves each of its numbers. */
  readonly ranges: readonly Range[];
  /** Whether the network begins with a scaling of its own. */
  readonly scales: boolean;
  /** Whether the person said that the normaliser is inside. */
  readonly saidInside: boolean;
  readonly source: Source | null;
}

/** Most channels of a contract. */
const channelsMax = 64;

/** What is missing, ambiguous, rounded or not to be said. */
export function lint(policy: Linted): Finding[] {
  const { draft, source } = policy;
  return [
    ...(source?.findings ?? []),
    ...lintWidths(policy),
    ...lintKinds(draft),
    ...lintNames(draft),
    ...lintLimits(draft),
    ...lintNormaliser(policy),
    ...lintOutput(policy),
    ...lintAngles(draft),
    ...lintRounding(policy),
    ...lintOrigin(draft),
  ];
}

function lintWidths({ draft, observations, actions }: Linted): Finding[] {
  const findings: Finding[] = [];
  const check = (group: string, rows: readonly unknown[] = [], width: number): void => {
    if (rows.length === width) return;
    const message = `the network has ${width} numbers of ${group}, ${rows.length} are described`;
    findings.push(finding("width-differs", message, `give ${width} rows of ${group} in a spec`));
  };
  check("observation", draft.observation, observations);
  check("action", draft.action, actions);
  const strays = (draft.observation ?? []).filter(({ previous = 0 }) => previous >= actions);
  if (strays.length > 0 && actions > 0) {
    const [{ previous }] = strays;
    const message = `a row of observation is previous: ${previous}, of ${actions} actions`;
    findings.push(finding("width-differs", message, "count actions from 0"));
  }
  findings.push(...lintSeen(draft));
  const own = (draft.observation ?? []).filter(isChannel).length;
  const count = own * (1 + seenOf(draft)) + pastOf(draft) * actions;
  if (count > channelsMax) {
    const message = `it observes ${count} channels, and a contract has ${channelsMax} at most`;
    const advice = "train a policy that observes fewer";
    findings.push(finding("too-many-channels", message, advice));
  }
  return findings;
}

/** That a past observation is one of a column that is observed. */
function lintSeen({ observation = [] }: Draft): Finding[] {
  const strays = observation.flatMap(({ seen }) => {
    return seen === undefined || (seen < observation.length && isChannel(observation[seen]))
      ? []
      : [seen];
  });
  if (strays.length === 0) return [];
  const message = `a row of observation is seen: ${strays[0]}, which is no channel's column`;
  return [finding("width-differs", message, "count columns from 0, and name one with a channel")];
}

/** That each row, a file's merged with a spec's, says one thing of its column. */
function lintKinds({ observation = [] }: Draft): Finding[] {
  const faults = observation.flatMap((row, at) => {
    const fault = faultOf(row);
    return fault === null ? [] : [`observation[${at}] ${fault}`];
  });
  if (faults.length === 0) return [];
  const advice = "a row has one of name, previous, seen and constant; see docs/import.md";
  return [finding("contradiction", listOf(faults), advice)];
}

function faultOf(row: DraftObservation): string | null {
  const { name, joint, previous, seen, ago, constant, offset } = row;
  // A joint names a channel, be it known how the joint is called or not.
  const channel = name === undefined ? { joint } : { name };
  const kinds = Object.entries({ ...channel, previous, seen, constant }).flatMap(([kind, value]) =>
    value === undefined ? [] : [`${kind}: ${value}`],
  );
  if (kinds.length > 1) return `is ${kinds.join(" and ")}`;
  const isPast = previous !== undefined || seen !== undefined;
  if (ago !== undefined && !isPast) return `is ago: ${ago} and neither previous nor seen`;
  // The action's own is undone there.
  if (previous !== undefined && offset !== undefined) return "is previous and has an offset";
  return null;
}

/** Whether a column is observed, and not fed from the past or always the same. */
export function isChannel({ previous, seen, constant }: DraftObservation): boolean {
  return previous === undefined && seen === undefined && constant === undefined;
}

/** How many past observations the policy observes. */
export function seenOf({ observation = [] }: Draft): number {
  const agos = observation.map(({ seen, ago }) => (seen === undefined ? 0 : (ago ?? 1)));
  return Math.max(0, ...agos);
}

/** How many past actions the policy observes. */
export function pastOf({ observation = [] }: Draft): number {
  const agos = observation.map(({ previous, ago }) => (previous === undefined ? 0 : (ago ?? 1)));
  return Math.max(0, ...agos);
}

function lintNames({ observation = [], action = [] }: Draft): Finding[] {
  const placed: { readonly row: DraftObservation; readonly place: string }[] = [
    ...observation.map((row, at) => ({ row, place: `observation[${at}]` })),
    ...action.map((row, at) => ({ row, place: `action[${at}]` })),
  ].filter(({ row }) => isChannel(row));
  const nameless = placed.filter(({ row }) => row.name === undefined);
  const findings: Finding[] = [];
  for (const code of ["time-input", "motion-reference", "unknown-term"] as const) {
    const reasons = nameless.map(({ row }) => row.nameless).filter((one) => one?.code === code);
    const terms = [...new Set(reasons.map((one) => one!.term))];
    if (terms.length === 0) continue;
    findings.push(finding(code, `${reasonTexts[code]} ${listOf(terms)}`, rowAdvice));
  }
  const plain = nameless.filter(({ row }) => row.nameless === undefined);
  if (plain.length > 0) {
    const advice = "name each in a spec, in the order of the network's columns";
    const places = plain.map(({ place }) => place);
    findings.push(finding("names-missing", `nobody says what ${listOf(places)} are`, advice));
  }
  const unitless = placed.filter(({ row }) => row.nameless === undefined && row.unit === undefined);
  if (unitless.length > 0) {
    const names = unitless.map(({ row, place }) => row.name ?? place);
    const advice = "give units in a spec, such as rad, rad/s, N*m, m, or 1 for a bare number";
    findings.push(finding("units-missing", `no unit of ${listOf(names)}`, advice));
  }
  return findings;
}

const rowAdvice = "name their rows in a spec if the device, or setpoints, give them";
const reasonTexts = {
  "time-input": "the clock makes, and Sinew does not,",
  "motion-reference": "a motion makes, which Sinew does not play,",
  "unknown-term": "it is not known what columns make up",
} as const;

function lintLimits({ observation = [], action = [], periodUs, pose }: Draft): Finding[] {
  const findings: Finding[] = [];
  const unlimited = action.flatMap(({ name, low, high }, at) => {
    return low === undefined || high === undefined ? [name ?? `action[${at}]`] : [];
  });
  if (unlimited.length > 0) {
    const message = `no limits of ${listOf(unlimited)}`;
    const advice = "give low and high of each in a spec: nothing beyond them will reach a motor";
    findings.push(finding("action-limits-missing", message, advice));
  }
  const open = observation.flatMap((row, at) => {
    const { name, low, high } = row;
    const limited = low !== undefined || high !== undefined;
    return limited || !isChannel(row) ? [] : [name ?? `observation[${at}]`];
  });
  if (open.length > 0) {
    const message = `no limits of ${listOf(open)}: they are taken as unlimited`;
    const advice = "give low and high in a spec where the sensor has them; -.inf and .inf say none";
    findings.push(finding("observation-unbounded", message, advice));
  }
  if (periodUs === undefined) {
    const message = "nothing says how often the policy is to act";
    findings.push(finding("rate-missing", message, "give rateHz in a spec"));
  }
  const posed = [...observation, ...action].filter((row) => row.aroundPose);
  if (posed.length > 0 && pose === undefined && posed.some(({ offset }) => offset === undefined)) {
    const message = "joint positions are counted from a pose that the file does not have";
    findings.push(finding("pose-missing", message, "give pose in a spec: a number for each joint"));
  }
  return findings;
}

function lintNormaliser({ draft, observations, scales, saidInside, source }: Linted): Finding[] {
  const { normaliser } = draft;
  if (normaliser === undefined) {
    if (scales || source !== null) return [];
    const message = "no normaliser is seen in the graph, and nothing says whether there was one";
    const advice = "give graph.normaliser in a spec: none, inside, or its mean and variance";
    return [finding("normaliser-unknown", message, advice)];
  }
  if (normaliser === "inside") {
    if (scales || !saidInside) return [];
    const message = "a normaliser is said to be inside, and none is seen";
    const advice = "see whether it was folded into the first layer's weights";
    return [finding("normaliser-not-seen", message, advice)];
  }
  if (normaliser === "none") return [];
  const findings: Finding[] = [];
  if (scales) {
    const message = "the spec gives a normaliser, and the graph begins with one";
    findings.push(finding("normalised-twice", message, "keep one: graph.normaliser: inside"));
  }
  const lengths = [normaliser.mean.length, normaliser.variance.length];
  if (lengths.some((length) => length !== observations)) {
    const message = `the normaliser has ${lengths.join(" and ")} numbers for ${observations}`;
    const advice = "give a mean and a variance for each column of the network";
    findings.push(finding("width-differs", message, advice));
  }
  return findings;
}

function lintAngles({ observation = [], action = [] }: Draft): Finding[] {
  const rows = [...observation, ...action];
  const farthest = ({ low = 0, high = 0 }: DraftAction): number =>
    Math.max(...[low, high].map(Math.abs).filter(Number.isFinite), 0);
  const large = rows.filter((row) => row.unit === "rad" && farthest(row) > 4 * Math.PI);
  const small = rows.filter(
    (row) => row.unit === "deg" && farthest(row) > 0 && farthest(row) <= 2 * Math.PI,
  );
  const told = (names: readonly DraftAction[], text: string): Finding[] => {
    if (names.length === 0) return [];
    const message = `${listOf(names.map(({ name = "?" }) => name))} ${text}`;
    return [
      finding("angle-unit", message, "see whether the unit or the limits are the wrong ones"),
    ];
  };
  return [
    ...told(large, "in rad go beyond two turns: are they degrees?"),
    ...told(small, "in deg stay within 6.28: are they radians?"),
  ];
}

/** Roundings that no exact number of the spec has made good. */
function lintRounding({ draft, source }: Linted): Finding[] {
  if (source === null) return [];
  return source.rounded.flatMap(({ field, half }) => {
    if (isMended(field, draft, source.draft)) return [];
    if (field === "periodUs") {
      const message = `a period of ${draft.periodUs} us was rounded to within ${half} us`;
      return [finding("rate-rounded", message, "give the exact rateHz in a spec")];
    }
    const message = `${field} was rounded when it was written: each number is within ${half}`;
    const advice = "give the exact numbers in a spec, from the training's configuration";
    return [finding("rounded", message, advice)];
  });
}

function isMended(field: RoundedField, draft: Draft, file: Draft): boolean {
  if (field === "periodUs") return draft.periodUs !== file.periodUs;
  if (field === "pose") {
    const rows = [...(draft.observation ?? []), ...(draft.action ?? [])];
    return rows.some(({ aroundPose, joint, offset }) => {
      return aroundPose === true && offset !== file.pose?.[joint!];
    });
  }
  const [group, key] = field.split(".") as ["action" | "observation", "scale" | "offset"];
  return (draft[group] ?? []).some((row, at) => row[key] !== file[group]?.[at]?.[key]);
}

function lintOrigin({ task, algorithm }: Draft): Finding[] {
  const missing = [task === undefined ? "task" : "", algorithm === undefined ? "algorithm" : ""];
  const names = missing.filter((name) => name !== "");
  if (names.length === 0) return [];
  const message = `nothing says the ${names.join(" and the ")} that it was trained with`;
  return [finding("origin-missing", message, `give ${names.join(" and ")} in a spec`)];
}
