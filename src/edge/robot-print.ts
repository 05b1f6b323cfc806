import type { Spec } from "../core/spec.ts";
import { printYaml } from "../core/yaml.ts";
import type { LinkChoice } from "../link/link.ts";
import { beyondOf, type JointChoice } from "../safety/joint.ts";
import { commandTtlUs, hasRateMax, limitsOfRobot, type Robot } from "./robot.ts";
import { rateHzOf } from "./robot-control.ts";

/**
 * `robot` as it is when a policy of `spec` drives it, from the file `policy`: what the file left
 * out is there, as far as a file can say it. Throws `SinewError("robot-file")`, see `limitsOf`.
 */
export function effectiveRobot(robot: Robot, spec: Spec, policy: string): Robot {
  const { rateHz = rateHzOf(spec), between } = robot.control;
  const { action, ageUsMax } = limitsOfRobot(robot, spec);
  const limits = spec.action.map(({ name }, at) => {
    const { low, high, rateMax } = action[at];
    const { low: _low, high: _high, ...given } = robot.limits[name] ?? {};
    const rate = hasRateMax(robot.link, name) ? { rateMax } : {};
    return [name, { low, high, ...rate, ...given }] as const;
  });
  return {
    ...robot,
    policy,
    control: { rateHz, between },
    limits: Object.fromEntries(limits),
    joints:
      robot.joints &&
      Object.fromEntries(
        Object.entries(robot.joints).map(([name, one]) => [name, wholeJoint(one)]),
      ),
    commandTtlMs: sayable(commandTtlUs(robot, spec) / 1000),
    observationAgeMs: sayable(ageUsMax / 1000),
  };
}

function wholeJoint(joint: JointChoice): JointChoice {
  return joint.unlimited ? joint : { ...joint, beyondMax: beyondOf(joint) };
}

/** A time that robot.yaml takes; what is shorter or longer is only ever the default. */
function sayable(ms: number): number | undefined {
  return ms >= 1 && ms <= 1000 ? ms : undefined;
}

/** `robot` in the shape of its file. */
export function fileOf(robot: Robot): Readonly<Record<string, unknown>> {
  const { path: _, robot: name, link, setpoints, ...others } = robot;
  const rows = setpoints.map(({ seconds, values }) => ({ seconds, ...values }));
  const file = {
    robot: name,
    link: linkOf(link),
    ...others,
    ...(rows.length > 0 && { setpoints: rows }),
  };
  return withoutUndefined(file) as Readonly<Record<string, unknown>>;
}

/** The text of a robot file that is read as `robot` again. */
export function printRobot(robot: Robot): string {
  return printYaml(fileOf(robot));
}

/** A link as a file says it: the robot's name and the drives' kind are told elsewhere there. */
function linkOf(link: LinkChoice): object {
  if ("mqtt" in link) {
    const { robot: _, ...mqtt } = link.mqtt;
    return { mqtt };
  }
  if (!("odrive" in link)) return link;
  const { motors, ...odrive } = link.odrive;
  return {
    odrive: { ...odrive, axes: motors.map(({ id, ...motor }) => ({ axis: id, ...motor })) },
  };
}

function withoutUndefined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutUndefined);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(entries.map(([key, inner]) => [key, withoutUndefined(inner)]));
}
