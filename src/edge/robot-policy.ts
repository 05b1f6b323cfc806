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
  const loop = check.attempt(["control"], () => controlSpecOfRobot(robot, spec));
  checkNames(robot, spec, mistakes);
  const { between } = robot.control;
  checkAtRate(loop === undefined ? { ...robot, control: { between } } : robot, spec, check);
}

/** What the device calls its channels, as far as it is known which it has. */
function checkNames(robot: Robot, spec: Spec, mistakes: Mistakes): void {
  const { channels, setpoints } = robot;
  const [fault] = faultsOfSetpoints(spec, setpoints);
  if (fault === undefined) checkChannels(robot, specOfDevice(spec, setpoints), mistakes);
  else checkChannels({ ...robot, channels: { action: channels?.action } }, spec, mistakes);
}

/** All but the rate, which is right. */
function checkAtRate(robot: Robot, spec: Spec, check: Check): void {
  const faults = [...faultsOfSetpoints(spec, robot.setpoints)];
  for (const { at, line } of faults) check.add(["setpoints", at], `setpoints: ${line}`);
  // Who does not know what the device tells cannot say what is seen of a joint.
  const known = faults.length === 0 ? robot : { ...robot, setpoints: [], joints: undefined };
  check.attempt(["joints"], () => checkJointsGiven(robot.joints, spec));
  const limits = checkLimits(known, spec, check);
  const loop = controlSpecOfRobot(robot, spec);
  if (limits !== undefined) checkStart(robot, loop, limits, check);
  if (limits !== undefined && faults.length === 0) {
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

function checkLink(
  { link, stops, setpoints, channels = {} }: Robot,
  spec: Spec,
  check: Check,
): void {
  let told = spec;
  let good = true;
  try {
    told = specOfDevice(spec, setpoints);
  } catch {
    // That is said already, and what the device tells is not known.
    good = false;
  }
  const [kind] = Object.keys(link);
  for (const name of namesIn(told, stops)) {
    const action = told.action.filter((channel) => channel.name === name);
    const one = action.length === 0 ? told : { ...told, action };
    const alone = name in stops! ? { [name]: stops![name] } : {};
    // Servos and drives that stop otherwise say so for all of them, below.
    if (!("serial" in link || "mqtt" in link)) continue;
    good =
      check.attempt(["stops", name], () => checkDevice(one, link, alone)) !== undefined && good;
  }
  // What is wrong with its names is said already.
  if (!faultsOfChannels(channels, told).next().done) good = false;
  if (good) check.attempt(["link", kind], () => checkDevice(told, link, stops, channels));
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
