import { faultsOfChannels } from "../core/channel-map.ts";
import { SinewError } from "../core/errors.ts";
import { nearestOf } from "../core/nearest.ts";
import type { Spec } from "../core/spec.ts";
import { checkDevice } from "../link/link.ts";
import type { Limits } from "../safety/limits.ts";
import { limitsOfRobot, type Robot } from "./robot.ts";
import { checkChannels } from "./robot-channels.ts";
import { controlSpecOfRobot } from "./robot-control.ts";
import { holdOfRobot } from "./robot-hold.ts";
import { checkJointsGiven } from "./robot-joints.ts";
import type { Mistakes } from "./robot-mistakes.ts";
import { faultsOfSetpoints, specOfDevice } from "./setpoints.ts";
import { Start } from "./start.ts";

/**
 * Adds what is wrong with `robot` as one that a policy of `spec` drives. It opens nothing. What
 * can be tried by itself is, so that one mistake hides no other.
 */
export function checkWithPolicy(robot: Robot, spec: Spec, mistakes: Mistakes): void {
  const check = new Check(spec, mistakes);
  check.attempt(["joints"], () => checkJointsGiven(robot.joints, spec));
  checkDriven(robot, spec, mistakes, check);
}

/**
 * The same for one that is wiggled: it does without `joints`, and does not start as `start` says.
 */
export function checkForWiggle(robot: Robot, spec: Spec, mistakes: Mistakes): void {
  checkDriven({ ...robot, start: undefined }, spec, mistakes, new Check(spec, mistakes));
}

/** The same of what makes the contract of its firmware, which says how each actuator stops. */
export function checkForContract(robot: Robot, spec: Spec, mistakes: Mistakes): void {
  const check = new Check(spec, mistakes);
  const rated = atGoodRate(robot, spec, check);
  checkSetpoints(robot, spec, check);
  checkNames(robot, spec, mistakes);
  checkStops({ ...rated, stops: robot.stops ?? {} }, controlSpecOfRobot(rated, spec), check);
}

function checkDriven(robot: Robot, spec: Spec, mistakes: Mistakes, check: Check): void {
  const rated = atGoodRate(robot, spec, check);
  checkNames(robot, spec, mistakes);
  checkAtRate(rated, spec, check);
}

/** `robot`, or where its rate is wrong, which is added, the same at the policy's. */
function atGoodRate(robot: Robot, spec: Spec, check: Check): Robot {
  const loop = check.attempt(["control"], () => controlSpecOfRobot(robot, spec));
  const { between } = robot.control;
  return loop === undefined ? { ...robot, control: { between } } : robot;
}

/** True where they are right. */
function checkSetpoints({ setpoints }: Robot, spec: Spec, check: Check): boolean {
  const faults = [...faultsOfSetpoints(spec, setpoints)];
  for (const { at, line } of faults) check.add(["setpoints", at], `setpoints: ${line}`);
  return faults.length === 0;
}

/** What the device calls its channels, as far as it is known which it has. */
function checkNames(robot: Robot, spec: Spec, mistakes: Mistakes): void {
  const told = toldTo(robot, spec);
  const { channels } = robot;
  if (told !== null) checkChannels(robot, told, mistakes);
  else if (channels !== undefined) {
    checkChannels({ ...robot, channels: { action: channels.action } }, spec, mistakes);
  }
}

/** All but the rate, which is right. */
function checkAtRate(robot: Robot, spec: Spec, check: Check): void {
  const knowsDevice = checkSetpoints(robot, spec, check);
  // Who does not know what the device tells cannot say what is seen of a joint.
  const known = knowsDevice ? robot : { ...robot, setpoints: [], joints: undefined };
  const limits = checkLimits(known, spec, check);
  const loop = controlSpecOfRobot(robot, spec);
  if (limits !== undefined) checkStart(robot, loop, limits, check);
  if (limits !== undefined && knowsDevice) {
    check.attempt(["fallback"], () => holdOfRobot(robot, loop, limits));
  }
  checkLink(robot, loop, check);
}

function checkLimits(robot: Robot, spec: Spec, check: Check): Limits | undefined {
  const without: Robot = { ...robot, limits: {} };
  let good = true;
  for (const [name, limit] of Object.entries(robot.limits)) {
    const alone = { ...robot, limits: { [name]: limit }, joints: undefined };
    if (check.attempt(["limits", name], () => limitsOfRobot(alone, spec)) === undefined)
      good = false;
  }
  return check.attempt(["limits"], () => limitsOfRobot(good ? robot : without, spec));
}

function checkStart(robot: Robot, spec: Spec, limits: Limits, check: Check): void {
  const { start } = robot;
  const { home } = start ?? {};
  let good = true;
  for (const name of namesIn(spec, home)) {
    const at = spec.action.findIndex((channel) => channel.name === name);
    const one = at < 0 ? spec : { ...spec, action: [spec.action[at]] };
    const own = at < 0 ? limits : { ...limits, action: [limits.action[at]] };
    const alone = { ...start!, home: name in home! ? { [name]: home![name] } : {} };
    const place = check.attempt(["start", "home", name], () => new Start(one, own, alone));
    if (place === undefined) good = false;
  }
  if (good) check.attempt(["start"], () => new Start(spec, limits, start));
}

function checkLink(robot: Robot, spec: Spec, check: Check): void {
  const { link, stops, channels = {} } = robot;
  const stopsRight = checkStops(robot, spec, check);
  const told = toldTo(robot, spec);
  // What is wrong with its names is said already.
  if (!stopsRight || told === null || !faultsOfChannels(channels, told).next().done) return;
  const [kind] = Object.keys(link);
  check.attempt(["link", kind], () => checkDevice(told, link, stops, channels));
}

/** What the device has of `spec`; null where its setpoints are wrong, so that nobody knows. */
function toldTo({ setpoints }: Robot, spec: Spec): Spec | null {
  return faultsOfSetpoints(spec, setpoints).next().done ? specOfDevice(spec, setpoints) : null;
}

/** True where they are right. */
function checkStops(robot: Robot, spec: Spec, check: Check): boolean {
  const { link, stops } = robot;
  const told = toldTo(robot, spec) ?? spec;
  let good = true;
  for (const name of namesIn(told, stops)) {
    const action = told.action.filter((channel) => channel.name === name);
    const one = action.length === 0 ? told : { ...told, action };
    const alone = name in stops! ? { [name]: stops![name] } : {};
    // Servos and drives that stop otherwise say so for all of them, below.
    if (!("serial" in link || "mqtt" in link)) continue;
    good =
      check.attempt(["stops", name], () => checkDevice(one, link, alone)) !== undefined && good;
  }
  return good;
}

/** The actions of `spec` and what else `choices` names; nothing where there are no choices. */
function namesIn(spec: Spec, choices: Readonly<Record<string, unknown>> | undefined): Set<string> {
  if (choices === undefined) return new Set();
  return new Set([...spec.action.map(({ name }) => name), ...Object.keys(choices)]);
}

/** Tries parts of a robot, and adds what they say. */
class Check {
  readonly #known: readonly string[];
  readonly #mistakes: Mistakes;

  constructor(spec: Spec, mistakes: Mistakes) {
    this.#known = spec.action.map(({ name }) => name);
    this.#mistakes = mistakes;
  }

  add(keys: readonly (string | number)[], line: string): void {
    this.#mistakes.add(keys, line);
  }

  /** What `body` gives; undefined where it threw what was added, at the place of `keys`. */
  attempt<Value>(keys: readonly string[], body: () => Value): Value | undefined {
    try {
      return body();
    } catch (error) {
      if (!(error instanceof SinewError)) throw error;
      this.#mistakes.add(placeIn(error.message) ?? keys, error.message + this.#meant(keys));
      return undefined;
    }
  }

  /** Which action was probably meant by a name that is none. */
  #meant(keys: readonly string[]): string {
    const name = keys.at(-1)!;
    if (keys.length < 2 || keys[0] === "link" || this.#known.includes(name)) return "";
    const nearest = nearestOf(name, this.#known);
    return nearest === undefined ? "" : `; is it ${nearest}?`;
  }
}

/** Where a line such as `start.home: "arm" is ...` says that it belongs; null: nowhere. */
function placeIn(line: string): string[] | null {
  const found = /^([a-z]\w*(?:\.\w+)*): (?:"([^"]*)")?/i.exec(line);
  if (found === null) return null;
  const [, path, name] = found;
  return [...path.split("."), ...(name === undefined ? [] : [name])];
}
