import type { Spec } from "../core/spec.ts";
import { Mode, type Step } from "../core/step.ts";
import { placeScales, placeUnits } from "../safety/joint.ts";
import type { WiggleChoice } from "./wiggle.ts";

/** How an observed place went with what was asked for. */
export interface Follower {
  readonly name: string;
  readonly unit: string;
  /** How far it went the way that was asked for, in its unit; below 0 the other way. */
  readonly moved: number;
  /** By how much it was late, microseconds. */
  readonly lagUs: number;
}

/**
 * What a wiggle showed: the named joint followed, went the other way, another one moved, or none
 * did.
 */
export type WiggleOutcome = "right" | "reversed" | "other" | "still";

export interface WiggleVerdict {
  readonly outcome: WiggleOutcome;
  /** The observation that was to follow. */
  readonly named: Follower;
  /** Which moved most; the named one where none did. */
  readonly most: Follower;
  /** How far the named one was to go, in its unit; NaN where an effort moved it. */
  readonly asked: number;
  /** It was to go towards more first; else there was no room, and it went towards less. */
  readonly up: boolean;
}

/** Less than this share of what was asked for is friction, sag and noise. */
const movedShareMin = 0.3;
/** What an effort moves by this did move, however far it was to go: rad or m. */
const movedMin = 0.005;
/** Nothing follows later than this, microseconds. */
const lagUsMax = 500_000;

/**
 * What the armed steps of a wiggle's log show; `own` observations are the device's. Null where
 * there are too few to say, as when it was stopped at once.
 */
export function judgeWiggle(
  spec: Spec,
  own: number,
  choice: WiggleChoice,
  steps: Iterable<Step>,
): WiggleVerdict | null {
  const { asked, seen } = armedOf(choice, steps);
  const cycles = Math.round((choice.seconds * 1e6) / spec.periodUs);
  // What follows a speed or an effort does so by and by, and an effort shows its sense at first.
  const way = choice.kind === "place" ? asked : sumsOf(asked, spec.periodUs);
  const length = choice.kind === "effort" ? Math.round(cycles / 2) : cycles;
  if (asked.length < length) return null;
  const followers = spec.observation.flatMap(({ name, unit }, at) => {
    if (at >= own || !placeUnits.includes(unit)) return [];
    const places = seen.map((observation) => observation[at] - seen[0][at]);
    return [{ at, ...followerOf(name, unit, way, places, length, spec.periodUs) }];
  });
  const named = followers.find(({ at }) => at === choice.feedbackAt)!;
  const like = followers.filter(
    ({ unit }) => placeScales[unit].kind === placeScales[named.unit].kind,
  );
  const most = like.reduce((a, b) => (sizeOf(b) > sizeOf(a) ? b : a), named);
  const least = leastOf(spec, choice, way, placeScales[named.unit].size);
  const outcome = outcomeOf(named, most, least);
  const up = way.reduce((far, value) => (Math.abs(value) > Math.abs(far) ? value : far), 0) >= 0;
  return {
    ...{ outcome, named, up },
    most: outcome === "still" ? named : most,
    asked: choice.kind === "effort" ? Number.NaN : peakOf(way),
  };
}

function outcomeOf(named: Follower, most: Follower, least: number): WiggleOutcome {
  if (sizeOf(most) < least) return "still";
  if (most.name !== named.name) return "other";
  return named.moved > 0 ? "right" : "reversed";
}

/** What the moved action was told, from its first value on, and what was observed with it. */
function armedOf(
  { at, kind }: WiggleChoice,
  steps: Iterable<Step>,
): { asked: number[]; seen: Float32Array[] } {
  const asked: number[] = [];
  const seen: Float32Array[] = [];
  let first = 0;
  for (const { mode, action, observation } of steps) {
    if (mode !== Mode.armed) continue;
    if (asked.length === 0 && kind === "place") first = action[at];
    asked.push(action[at] - first);
    seen.push(observation.slice());
  }
  return { asked, seen };
}

function sumsOf(values: readonly number[], periodUs: number): number[] {
  let sum = 0;
  return values.map((value) => {
    sum += (value * periodUs) / 1e6;
    return sum;
  });
}

/** By the lag with which `places` are most nearly a multiple of `way`. */
function followerOf(
  name: string,
  unit: string,
  way: readonly number[],
  places: readonly number[],
  length: number,
  periodUs: number,
): Follower {
  const lagMax = Math.min(Math.floor(lagUsMax / periodUs), Math.floor(length / 4));
  let best = { error: Number.POSITIVE_INFINITY, gain: 0, lag: 0 };
  for (let lag = 0; lag <= lagMax; lag++) {
    let [both, alone, square] = [0, 0, 0];
    const end = Math.min(places.length, length + lag);
    for (let at = 0; at < end; at++) {
      const asked = at < lag ? 0 : way[at - lag];
      both += asked * places[at];
      alone += asked * asked;
      square += places[at] * places[at];
    }
    const gain = alone > 0 ? both / alone : 0;
    const error = (square - gain * both) / Math.max(1, end);
    if (error < best.error) best = { error, gain, lag };
  }
  const fitted = best.gain * peakOf(way.slice(0, length));
  return {
    name,
    unit,
    // A push that was over soon fits any way.
    moved: Math.sign(fitted) * Math.min(Math.abs(fitted), peakOf(places)),
    lagUs: best.lag * periodUs,
  };
}

/** The greatest size of what is in `values`. */
function peakOf(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

function sizeOf({ moved, unit }: Follower): number {
  return Math.abs(moved) * placeScales[unit].size;
}

/** What moved by less did not move, rad or m. */
function leastOf(
  spec: Spec,
  { at, kind, way: asked }: WiggleChoice,
  way: readonly number[],
  size: number,
): number {
  if (kind === "effort") return Math.min(movedMin, movedShareMin * asked * size);
  const unit = spec.action[at].unit.replace(/\/s$/, "");
  return movedShareMin * peakOf(way) * (placeScales[unit]?.size ?? 1);
}
