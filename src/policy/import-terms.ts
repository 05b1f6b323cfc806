import type { DraftAction, DraftObservation, Quantity } from "./import-draft.ts";

/** A group of columns as Isaac Lab, mjlab and those who follow them name it. */
export interface Term {
  readonly name: string;
  /** Columns, where the file says; null where only the name tells. */
  readonly width: number | null;
  /** One number for each column, or one for all; 1 where it is left out. */
  readonly scale?: readonly number[];
  readonly clip?: readonly [low: number, high: number];
  /** The joints of it, counted from 0; all of them where it is left out. */
  readonly joints?: readonly number[];
  /** By column, where the file says. */
  readonly limits?: readonly (readonly [low: number, high: number])[];
}

/** What the terms are about. */
export interface Robot {
  readonly joints: number;
  readonly actions: number;
  /** Whether `command` is a velocity, not a motion to track. */
  readonly commandsVelocity: boolean;
}

type Row = DraftObservation;

const axes = ["x", "y", "z"];

function vector(name: string, unit: string): Row[] {
  return axes.map((axis) => ({ name: `${name}_${axis}`, unit }));
}

const velocityCommand: readonly Row[] = [
  { name: "command_velocity_x", unit: "m/s", setpoint: true },
  { name: "command_velocity_y", unit: "m/s", setpoint: true },
  { name: "command_yaw_rate", unit: "rad/s", setpoint: true },
];

/** The columns that `term` stands for; null where its name says nothing to us, or not so many. */
export function columnsOf(term: Term, robot: Robot): Row[] | null {
  const rows = bareColumns(term, robot);
  if (rows === null || (term.width !== null && rows.length !== term.width)) return null;
  const scales = term.scale?.length ?? 1;
  if (scales !== 1 && scales !== rows.length) return null;
  return rows.map((row, at) => {
    const limits = term.limits?.[at];
    return {
      ...row,
      ...(limits !== undefined && { low: limits[0], high: limits[1] }),
      ...(term.scale !== undefined && { scale: term.scale[term.scale.length === 1 ? 0 : at] }),
      ...(term.clip !== undefined && { clip: term.clip }),
    };
  });
}

function bareColumns({ name, joints, width }: Term, robot: Robot): Row[] | null {
  const all = Array.from({ length: robot.joints }, (_, joint) => joint);
  const perJoint = (quantity: Quantity, unit: string): Row[] =>
    (joints ?? all).map((joint) => ({ joint, quantity, unit }));
  switch (name) {
    case "base_lin_vel":
      return vector(name, "m/s");
    case "base_ang_vel":
      return vector(name, "rad/s");
    case "projected_gravity":
      return vector(name, "1");
    case "velocity_commands":
      return [...velocityCommand];
    case "joint_pos":
    case "joint_pos_rel":
      return perJoint("position", "rad").map((row) => ({ ...row, aroundPose: true }));
    case "joint_vel":
    case "joint_vel_rel":
      return perJoint("velocity", "rad/s");
    case "actions":
    case "last_action":
      return Array.from({ length: robot.actions }, (_, at) => ({ previous: at, ago: 1 }));
    case "gait_phase":
      return nameless(name, width ?? 2, "time-input");
    case "command":
      if (robot.commandsVelocity) return [...velocityCommand];
      return nameless(name, width ?? 2 * robot.joints, "motion-reference");
    case "motion_command":
      return nameless(name, width ?? 2 * robot.joints, "motion-reference");
    case "motion_anchor_pos_b":
      return nameless(name, width ?? 3, "motion-reference");
    case "motion_anchor_ori_b":
      return nameless(name, width ?? 6, "motion-reference");
    default:
      return width === null ? null : nameless(name, width, "unknown-term");
  }
}

function nameless(
  term: string,
  width: number,
  code: "time-input" | "motion-reference" | "unknown-term",
): Row[] {
  return Array.from({ length: width }, () => ({ nameless: { code, term } }));
}

/** Actions that move each joint of `joints`. */
export function jointActions(
  joints: readonly number[],
  quantity: Quantity,
  scale: readonly number[] | undefined,
  more: (at: number) => Partial<DraftAction>,
): DraftAction[] {
  const units = { position: "rad", velocity: "rad/s", torque: "N*m" };
  return joints.map((joint, at) => ({
    joint,
    quantity,
    unit: units[quantity],
    scale: scale?.[scale.length === 1 ? 0 : at],
    ...more(at),
  }));
}
