import { SinewError } from "../core/errors.ts";
import type { Channel, Spec } from "../core/spec.ts";
import { effortUnits, placeUnits } from "../safety/joint.ts";
import type { ActionLimit, Limits } from "../safety/limits.ts";
import { placeAt } from "./start.ts";

/** What the moved action is: where its joint is to be, how fast, or how hard it is pushed. */
export type WiggleKind = "place" | "velocity" | "effort";

/** An observed place that ends a wiggle by a speed or an effort, in its unit. */
export interface WatchedPlace {
  /** Which observation. */
  readonly at: number;
  /** So far from where it began it is too far. */
  readonly farMax: number;
  /** So fast it is too fast, per second. */
  readonly speedMax: number;
}

/**
 * One actuator that is moved a little, there and back, while the others stay where they are. It
 * goes through structured clone and JSON unchanged: the control thread gets it, and a log keeps it.
 */
export interface WiggleChoice {
  /** Which action, by its place in the spec. */
  readonly at: number;
  readonly kind: WiggleKind;
  /** How far, how fast or how hard at most, in the action's unit, above 0. */
  readonly amplitude: number;
  readonly seconds: number;
  /** The observation that is to follow. */
  readonly feedbackAt: number;
  /** How far that is to go, and where it may be, in its unit. */
  readonly way: number;
  readonly low: number;
  readonly high: number;
  /** Of each action the observation that tells where it is, which is kept; -1: it rests. */
  readonly placesAt: readonly number[];
  /** What is looked at while a speed or an effort drives. */
  readonly watched: readonly WatchedPlace[];
  /** Who is further beyond its limits than this is not armed, in each action's unit. */
  readonly near: number;
}

/** What a person asks for. */
export interface WiggleWish {
  /** An action channel, or what stands before its `_position`, `_velocity` or `_torque`. */
  readonly joint: string;
  readonly degrees: number;
  readonly seconds: number;
  /** The part of an effort's limit, or of a length's range, of which it goes at most 0.05. */
  readonly share: number;
}

const degreesPer: Readonly<Record<string, number>> = { rad: 180 / Math.PI, deg: 1, turns: 360 };
/** No angle moves faster while one is wiggled, in degrees per second. */
const degreesPerSMax = 30;
/** Nor anything else that is a place by more than this share of its range, per second. */
const rangePerSMax = 0.1;
/** No length goes further than this share of its range. */
const lengthShareMax = 0.05;
/** An effort grows as if it came to this share of its limit in a second, at most. */
const effortSharePerSMax = 0.0125;
/** An effort is looked at so often, microseconds: what it pushes may be light. */
const effortPeriodUsMax = 20_000;
const effortAgeUsMax = 40_000;
/** In fewer cycles there and back are steps. */
const cyclesMin = 20;
/** Who stands beyond its limits is brought back at once: by this share of a range at most. */
const nearShare = 0.002;
/** Beyond this part of its way an effort ends: what it pushed has yet to be stopped. */
const effortFarShare = 0.5;
/** A speed that is kept goes no further than its way, and no faster than it is told. */
const velocityFarShare = 1.5;
const velocitySpeedShare = 2;
/** What moves by another unit than we know, or is no place by its name. */
const noPlaceName = /_(velocity|speed|torque|effort|force|current|voltage)$/;
const noPlaceUnit = /\/|^rp[ms]$|^hz$/i;

/**
 * How `wish` is done on a robot of `spec` within `limits`; `spec` has what the device itself
 * observes first, `own` channels of it. Throws `SinewError("usage")` for a joint that there is not
 * or that nothing tells the place of, for an action whose unit is not known, for another that can
 * neither be held nor rest, and for a move that is too fast or too wide.
 */
export function planWiggle(
  spec: Spec,
  own: number,
  limits: Limits,
  wish: WiggleWish,
): WiggleChoice {
  const at = actionOf(spec, wish.joint);
  const { seconds } = wish;
  const kind = knownKindOf(spec.action[at]);
  const placesAt = spec.action.map((channel, index) => heldBy(spec, own, limits, channel, index));
  const feedbackAt = feedbackOf(spec, own, limits, at, placesAt[at]);
  const feedback = spec.observation[feedbackAt];
  checkFeedback(spec.action[at], kind, feedback);
  const ends = kind === "place" ? limits.action[at] : (limits.ends?.[at] ?? feedback);
  const { low, high } = ends;
  const way = wayOf(feedback, low, high, wish);
  const leastS = (way * Math.PI) / speedMostOf(feedback.unit, low, high);
  checkPace(spec, kind, leastS, feedback, wish);
  if (kind === "effort") checkWatch(spec, limits);
  if (!(way > 0 && way <= (high - low) / 2)) {
    const range = `its limits are ${low} to ${high} ${feedback.unit}`;
    refuse(`"${spec.action[at].name}" cannot be moved by ${way.toPrecision(3)}: ${range}`);
  }
  const amplitude = amplitudeOf(spec.action[at], kind, limits.action[at], way, wish);
  const watched =
    kind === "place" ? [] : watchedOf(spec, own, kind, { at: feedbackAt, low, high }, wish);
  const near = nearShare * Math.min(...limits.action.map((limit) => limit.high - limit.low));
  return {
    ...{ at, kind, amplitude, seconds, feedbackAt, way, placesAt, watched, near },
    ...{ low: finite(low), high: finite(high) },
  };
}

/**
 * The gate's `limits` while `choice` drives: nothing that is held at a place moves faster than a
 * wiggle may, whatever it is told.
 */
export function limitsOfWiggle(spec: Spec, limits: Limits, { placesAt }: WiggleChoice): Limits {
  const action = limits.action.map((limit, at) => {
    if (placesAt[at] < 0) return limit;
    const most = speedMostOf(spec.action[at].unit, limit.low, limit.high);
    return { ...limit, rateMax: Math.min(limit.rateMax, most) };
  });
  return { ...limits, action };
}

/** How fast a place in `unit` with the range from `low` to `high` may be moved, per second. */
function speedMostOf(unit: string, low: number, high: number): number {
  return unit in degreesPer ? degreesPerSMax / degreesPer[unit] : rangePerSMax * (high - low);
}

/** JSON has no infinity. */
function finite(value: number): number {
  return Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, value));
}

/** The action that a person calls `joint`. */
function actionOf(spec: Spec, joint: string): number {
  const at = spec.action.findIndex(({ name }) => name === joint || shortOf(name) === joint);
  if (at >= 0) return at;
  const known = spec.action.map(({ name }) => shortOf(name)).join(", ");
  refuse(`there is no joint "${joint}": give one of ${known}`);
}

/** What a person calls the joint of an action. */
export function shortOf(action: string): string {
  return action.replace(/_(position|velocity|torque)$/, "");
}

/** What an action in `unit` is; null: nobody knows. */
function kindOf(unit: string): WiggleKind | null {
  if (placeUnits.includes(unit)) return "place";
  if (placeUnits.some((place) => unit === `${place}/s`)) return "velocity";
  return effortUnits.includes(unit) ? "effort" : null;
}

function knownKindOf({ name, unit }: Channel): WiggleKind {
  const kind = kindOf(unit);
  if (kind !== null) return kind;
  const known = `${placeUnits.join(", ")}, these per second, ${effortUnits.join(", ")}`;
  refuse(`"${name}" is in ${unit}, and what that does to a joint is not known: ${known} are`);
}

/** The observation by which action `at` is held where it is; -1: it rests at 0. */
function heldBy(
  spec: Spec,
  own: number,
  limits: Limits,
  { name, unit }: Channel,
  at: number,
): number {
  const kind = kindOf(unit);
  if (kind === "velocity" || kind === "effort") {
    const { low, high } = limits.action[at];
    if (low <= 0 && high >= 0) return -1;
    refuse(`"${name}" cannot be kept at rest: its limits are ${low} to ${high} ${unit}, without 0`);
  }
  if (kind === null && (noPlaceName.test(name) || noPlaceUnit.test(unit))) {
    refuse(`"${name}" is in ${unit}: whether it is at rest at 0 is not known, so nothing is moved`);
  }
  const place = placeAt(spec, limits, at);
  if (place >= 0 && place < own) return place;
  const what = `nothing tells where "${name}" is, so it could not be held there`;
  refuse(`${what}: describe its joint in robot.yaml (joints)`);
}

/** The observation that tells where the joint of action `at` is. */
function feedbackOf(spec: Spec, own: number, limits: Limits, at: number, placeAt: number): number {
  if (placeAt >= 0) return placeAt;
  const ends = limits.ends?.[at] ?? null;
  if (ends !== null) return ends.positionAt;
  const { name } = spec.action[at];
  const place = `${shortOf(name)}_position`;
  const found = spec.observation.findIndex((seen, index) => seen.name === place && index < own);
  if (found >= 0 && place !== name) return found;
  const what = `no observation tells where the joint of "${name}" is, or what moved`;
  refuse(`${what}: describe it in robot.yaml (joints)`);
}

/** What is seen must be a place, and of a speed the one that it adds up to. */
function checkFeedback(action: Channel, kind: WiggleKind, { name, unit }: Channel): void {
  if (kind !== "velocity" && placeUnits.includes(unit)) return;
  if (action.unit === `${unit}/s`) return;
  const wanted = kind === "velocity" ? action.unit.replace(/\/s$/, "") : placeUnits.join(", ");
  refuse(`"${name}" tells where "${action.name}" goes, in ${unit}: give it in ${wanted}`);
}

/** How far the feedback is to go. */
function wayOf({ name, unit }: Channel, low: number, high: number, wish: WiggleWish): number {
  if (unit in degreesPer) return wish.degrees / degreesPer[unit];
  const way = Math.min(wish.share, lengthShareMax) * (high - low);
  if (Number.isFinite(way)) return way;
  refuse(`"${name}" has no ends, so a share of its way is nothing: describe its joint (joints)`);
}

/** Both ways of moving are fastest halfway, by pi times the mean of one way: `leastS` is needed. */
function checkPace(
  { periodUs }: Spec,
  kind: WiggleKind,
  leastS: number,
  { unit }: Channel,
  { seconds, degrees, share }: WiggleWish,
): void {
  const isEffort = kind === "effort";
  const pace = isEffort ? share / effortSharePerSMax : leastS;
  const least = Math.max(pace, (cyclesMin * periodUs) / 1e6);
  if (seconds >= least) return;
  const what = !isEffort && unit in degreesPer ? `${degrees} degrees` : `a share of ${share}`;
  const rounded = (Math.ceil(least * 10) / 10).toFixed(1);
  refuse(`${what} in ${seconds} s are too fast: give --seconds ${rounded}`);
}

/** What is seen seldom, or late, is far away by then. */
function checkWatch({ periodUs }: Spec, { ageUsMax }: Limits): void {
  if (periodUs > effortPeriodUsMax) {
    const most = effortPeriodUsMax / 1000;
    refuse(`the policy's period is ${periodUs / 1000} ms: an effort is watched each ${most} ms`);
  }
  if (ageUsMax <= effortAgeUsMax) return;
  const most = effortAgeUsMax / 1000;
  refuse(`observationAgeMs is ${ageUsMax / 1000}: to wiggle an effort give at most ${most}`);
}

/** In the unit of the action. */
function amplitudeOf(
  { name, unit }: Channel,
  kind: WiggleKind,
  { low, high }: ActionLimit,
  way: number,
  { seconds, share }: WiggleWish,
): number {
  if (kind === "place") return way;
  const most = Math.min(-low, high);
  const range = `its limits are ${low} to ${high} ${unit}`;
  if (!(most > 0)) refuse(`"${name}" cannot be driven both ways: ${range}`);
  if (kind === "effort") return share * most;
  // There and back by a sine: the half of it covers 2 / pi of its height, for half the time.
  const speed = (way * Math.PI) / seconds;
  if (speed <= most) return speed;
  refuse(`"${name}" cannot go so far in ${seconds} s: ${range}; give more --seconds`);
}

/** Where the observed place that is to follow may be. */
interface WatchedEnds {
  readonly at: number;
  readonly low: number;
  readonly high: number;
}

/** All places of the device: it may be another joint that moves. */
function watchedOf(
  { observation }: Spec,
  own: number,
  kind: WiggleKind,
  feedback: WatchedEnds,
  wish: WiggleWish,
): WatchedPlace[] {
  const isEffort = kind === "effort";
  const farShare = isEffort ? effortFarShare : velocityFarShare;
  const speedShare = isEffort ? 1 : velocitySpeedShare;
  return observation.flatMap(({ unit, ...seen }, at) => {
    if (at >= own || !placeUnits.includes(unit)) return [];
    const { low, high } = at === feedback.at ? feedback : seen;
    const isBounded = Number.isFinite(low) && Number.isFinite(high);
    if (!(unit in degreesPer || isBounded)) return [];
    const far = wayOf(observation[at], low, high, wish);
    const speed = speedMostOf(unit, low, high);
    return [{ at, farMax: farShare * far, speedMax: speedShare * speed }];
  });
}

function refuse(line: string): never {
  throw new SinewError("usage", line);
}
