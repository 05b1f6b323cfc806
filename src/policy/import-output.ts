import type { Range } from "./formula-range.ts";
import type { Draft, DraftAction } from "./import-draft.ts";
import { type Finding, finding, listOf } from "./import-finding.ts";
import type { Linted } from "./import-lint.ts";

/** An action is output * scale + offset. */
export interface OutputMapping {
  readonly scale: number;
  readonly offset: number;
}

/** How far two limits may be from each other to be the same but for float32. */
const sameShare = 1e-6;
/** And to be the same but for what was rounded away. */
const roundedShare = 1e-3;

/** The mapping of one output; null where what it takes is missing. */
export function mappingOf(
  outputIs: Draft["outputIs"],
  { low, high, scale, offset = 0 }: DraftAction,
): OutputMapping | null {
  if (outputIs === "physical") return { scale: 1, offset: 0 };
  if (outputIs === "scaled") return scale === undefined ? null : { scale, offset };
  if (outputIs === undefined || low === undefined || high === undefined) return null;
  return { scale: (high - low) / 2, offset: (high + low) / 2 };
}

/** What the network's output means, and whether its limits are those of the actions. */
export function lintOutput(policy: Linted): Finding[] {
  const { draft, ranges } = policy;
  const { outputIs, action = [] } = draft;
  if (ranges.length === 0) return [];
  if (outputIs === undefined) return [unsaid(ranges, action)];
  const findings = lintScales(draft);
  if (outputIs === "unit") findings.push(...lintUnit(ranges));
  const ends = action.flatMap((row, at): { row: DraftAction; range: Range }[] => {
    const mapping = mappingOf(outputIs, row);
    return mapping === null || ranges[at] === undefined
      ? []
      : [{ row, range: mapped(ranges[at], mapping) }];
  });
  findings.push(...lintEnds(outputIs, ends), ...lintPrevious(draft, ends));
  return findings;
}

function mapped({ low, high }: Range, { scale, offset }: OutputMapping): Range {
  const ends = [low * scale + offset, high * scale + offset];
  return { low: Math.min(...ends), high: Math.max(...ends) };
}

function isBounded({ low, high }: Range): boolean {
  return Number.isFinite(low) && Number.isFinite(high);
}

function unsaid(ranges: readonly Range[], action: readonly DraftAction[]): Finding {
  const code = "output-meaning-unknown";
  const unit = ranges.every(({ low, high }) => low === -1 && high === 1);
  if (unit) {
    const message = "the network ends in [-1, 1], and nothing says what that stands for";
    const advice = "give graph.outputIs: unit where -1 is low and 1 is high, as tanh actors of SB3";
    return finding(code, message, advice);
  }
  if (ranges.every(isBounded)) {
    const [{ low, high }] = ranges;
    const limits = action[0]?.low === undefined ? "" : `, limits are [${action[0].low}, ...`;
    const message = `the network's first action ends in [${low}, ${high}]${limits}`;
    return finding(code, message, "give graph.outputIs: physical, or scaled with a scale");
  }
  const message = "no tanh bounds the network's output: in what unit it is, nothing says";
  const advice = "give graph.outputIs: physical (SB3's PPO), or scaled with scale and offset";
  return finding(code, message, advice);
}

function lintScales({ outputIs, action = [] }: Draft): Finding[] {
  if (outputIs === "scaled") {
    const missing = action.filter(({ scale }) => scale === undefined);
    if (missing.length === 0) return [];
    const message = `no scale of ${listOf(missing.map(({ name = "?" }) => name))}`;
    return [finding("action-scale-missing", message, "give scale of each action in a spec")];
  }
  const given = action.filter(({ scale, offset }) => scale !== undefined || offset !== undefined);
  if (given.length === 0) return [];
  const message = `the output is said to be ${outputIs}, and ${given.length} actions have a scale`;
  return [finding("contradiction", message, "give graph.outputIs: scaled, or leave them off")];
}

function lintUnit(ranges: readonly Range[]): Finding[] {
  if (ranges.every(({ low, high }) => low === -1 && high === 1)) return [];
  if (ranges.every(isBounded)) {
    const [{ low, high }] = ranges;
    const message = `the output is said to be within [-1, 1], and ends in [${low}, ${high}]`;
    return [finding("contradiction", message, "give graph.outputIs: physical or scaled")];
  }
  const message = "the output is said to be within [-1, 1], and no tanh keeps it there";
  const advice = "what is beyond is cut off: see whether training did that too";
  return [finding("output-unbounded", message, advice)];
}

type End = { readonly row: DraftAction; readonly range: Range };

/** Of actions whose ends are known: whether they are the limits. */
function lintEnds(outputIs: Draft["outputIs"], ends: readonly End[]): Finding[] {
  const known = ends.filter(
    ({ row, range }) => isBounded(range) && row.low !== undefined && row.high !== undefined,
  );
  const differing = known.filter(({ row, range }) => difference(row, range) > sameShare);
  if (differing.length === 0) return [];
  const shown = differing.map(({ row: { name = "?", low, high }, range }) => {
    return `${name} ends in [${range.low}, ${range.high}], its limits are [${low}, ${high}]`;
  });
  const [first] = shown;
  const bare = differing.filter(({ range }) => range.low === -1 && range.high === 1);
  if (outputIs === "physical" && bare.length > 0) {
    const advice = "give graph.outputIs: unit where -1 and 1 stand for the limits";
    return [finding("scale-suspected", first, advice)];
  }
  if (differing.every(({ row, range }) => difference(row, range) <= roundedShare)) {
    const advice = "give the limits exactly as the network has them";
    return [finding("limits-rounded", first, advice)];
  }
  const cut = differing.some(({ row, range }) => range.low < row.low! || range.high > row.high!);
  if (cut) {
    return [finding("limits-cut", first, "see whether training cut it off there too")];
  }
  return [finding("limits-unreached", first, "see whether the limits, or a scale, are right")];
}

/** Of the farther end, in shares of the limits' span. */
function difference({ low, high }: DraftAction, range: Range): number {
  const apart = Math.max(Math.abs(range.low - low!), Math.abs(range.high - high!));
  return apart / (high! - low!);
}

/** What a policy that observes its past actions sees of them here. */
function lintPrevious(
  { outputIs, observation = [], action = [] }: Draft,
  ends: readonly End[],
): Finding[] {
  if (!observation.some(({ previous }) => previous !== undefined)) return [];
  const findings: Finding[] = [];
  const beyond = ends.filter(
    ({ row, range }) => row.low === undefined || row.high === undefined || !within(row, range),
  );
  if (beyond.length > 0) {
    const message = "it observes its last action as cut to the limits, not as the network gave it";
    const advice =
      "wide limits differ less; training with a clip of actions does not differ at all";
    findings.push(finding("previous-action-limited", message, advice));
  }
  for (const row of action) {
    const mapping = mappingOf(outputIs, row);
    const { name = "?", low, high } = row;
    if (mapping === null || low === undefined || high === undefined) continue;
    const rest = mapping.offset;
    if (rest < low || rest > high) {
      const message = `${name} begins with ${rest}, beyond its limits [${low}, ${high}]`;
      const advice = "the network's 0 must be an action: mend offset, pose or limits";
      findings.push(finding("rest-beyond-limits", message, advice));
    }
    // One unit in the last place of a float32 action, in the network's own unit.
    const lost = (Math.max(Math.abs(low), Math.abs(high)) * 2 ** -24) / Math.abs(mapping.scale);
    if (lost > 1e-3) {
      const message = `${name}'s scale ${mapping.scale} is too small beside its limits`;
      const advice = "the last action cannot be told from the motor's: mend scale or limits";
      findings.push(finding("scale-not-invertible", message, advice));
    }
  }
  return findings;
}

function within({ low, high }: DraftAction, range: Range): boolean {
  const slack = sameShare * (high! - low!);
  return range.low >= low! - slack && range.high <= high! + slack;
}
