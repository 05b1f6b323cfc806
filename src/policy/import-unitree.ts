import * as v from "valibot";
import { SinewError } from "../core/errors.ts";
import type { Draft, DraftAction, DraftObservation, Quantity, Source } from "./import-draft.ts";
import {
  type Finding,
  type FindingCode,
  finding,
  gains,
  history,
  listOf,
  unread,
} from "./import-finding.ts";
import { halfOfDigits } from "./import-rounding.ts";
import { readYaml } from "./import-spec.ts";
import { columnsOf, jointActions, type Robot } from "./import-terms.ts";

const number = v.pipe(v.number("give a number"), v.finite("give a finite number"));
const numbers = v.array(number, "give a list of numbers");
const range = v.tuple([number, number], "give [low, high]");
/** A slice of Python's is a list of nulls once its tag is gone: all of them. */
const indices = v.union([
  v.array(v.pipe(number, v.integer(), v.minValue(0))),
  v.pipe(
    v.array(v.null()),
    v.transform(() => null),
  ),
  v.null(),
]);

const actionSchema = v.looseObject({
  clip: v.optional(v.nullable(v.array(range)), null),
  scale: v.union([number, numbers], "give a list of numbers"),
  offset: v.optional(v.nullable(v.union([number, numbers])), null),
  joint_ids: v.optional(indices, null),
});

const termSchema = v.looseObject({
  params: v.optional(v.nullable(v.looseObject({ asset_cfg: v.optional(v.looseObject({})) })), null),
  clip: v.optional(v.nullable(range), null),
  scale: v.union([number, numbers], "give a list of numbers"),
  history_length: v.optional(number, 1),
});

const deploySchema = v.looseObject({
  step_dt: v.pipe(number, v.minValue(1e-4), v.maxValue(10)),
  joint_ids_map: v.array(number, "give a list of numbers"),
  default_joint_pos: numbers,
  stiffness: v.optional(numbers),
  damping: v.optional(numbers),
  commands: v.optional(v.nullable(v.looseObject({})), null),
  actions: v.record(v.string(), actionSchema),
  observations: v.record(v.string(), termSchema),
});

type Deploy = v.InferOutput<typeof deploySchema>;
type ActionTerm = v.InferOutput<typeof actionSchema>;

const quantities: Readonly<Record<string, Quantity>> = {
  JointPositionAction: "position",
  JointVelocityAction: "velocity",
  JointEffortAction: "torque",
};

/** Significant digits that the exporter keeps. */
const digits = 3;

/**
 * Reads the `deploy.yaml` that unitree_rl_lab writes. Throws `SinewError("policy-file")` with line
 * and column for bad YAML and for what is no such file.
 */
export function readDeploy(source: string, path: string): Source {
  const file = readYaml(source, path);
  const result = v.safeParse(deploySchema, file.value);
  if (!result.success) {
    const issue = result.issues[0];
    const keys = (issue.path ?? []).map((item) => item.key as string | number);
    const why = `"${keys.join(".")}": ${issue.message}`;
    throw new SinewError("policy-file", `${file.placeOf(keys)}: ${why}`);
  }
  const deploy = result.output;
  const joints = deploy.joint_ids_map.length;
  const { action, gaps } = actionOf(deploy, joints);
  // Where the actions are of another kind, there are mostly as many as joints.
  const robot: Robot = { joints, actions: action?.length ?? joints, commandsVelocity: true };
  const observation = observationOf(deploy, robot);
  const draft: Draft = {
    periodUs: Math.round(deploy.step_dt * 1e6),
    outputIs: "scaled",
    pose: deploy.default_joint_pos,
    observation: observation.rows,
    action,
  };
  const { stiffness, damping, joint_ids_map } = deploy;
  return {
    kind: "unitree",
    draft,
    rounded: roundedOf(deploy),
    findings: findingsOf(deploy),
    gaps: [...gaps, ...observation.gaps],
    kept: { stiffness, damping, joint_ids_map },
  };
}

function gap(rows: "observation" | "action", code: FindingCode, message: string): Gap {
  return { rows, why: finding(code, message, `give rows of ${rows} in a spec`) };
}

type Gap = Source["gaps"][number];

function actionOf(
  { actions }: Deploy,
  joints: number,
): { readonly action?: readonly DraftAction[]; readonly gaps: readonly Gap[] } {
  const names = Object.keys(actions);
  const quantity = names.length === 1 ? quantities[names[0]] : undefined;
  if (quantity === undefined) {
    const known = Object.keys(quantities).join(", ");
    const message = `the actions are ${listOf(names) || "none"}, and Sinew knows ${known}`;
    return { gaps: [gap("action", "action-kind", message)] };
  }
  const term: ActionTerm = actions[names[0]];
  const ids = term.joint_ids ?? Array.from({ length: joints }, (_, joint) => joint);
  const spread = (value: number | readonly number[]): readonly number[] =>
    typeof value === "number" ? ids.map(() => value) : value;
  const scale = spread(term.scale);
  const offset = spread(term.offset ?? 0);
  const clip = term.clip ?? ids.map(() => undefined);
  if ([scale, offset, clip].some(({ length }) => length !== ids.length)) {
    const message = `scale, offset and clip of ${names[0]} are not of ${ids.length} joints`;
    return { gaps: [gap("action", "contradiction", message)] };
  }
  const action = jointActions(ids, quantity, scale, (at) => {
    const limits = clip[at];
    return {
      offset: offset[at],
      ...(limits !== undefined && { low: limits[0], high: limits[1] }),
    };
  });
  return { action, gaps: [] };
}

function observationOf(
  deploy: Deploy,
  robot: Robot,
): { readonly rows: readonly DraftObservation[] | undefined; readonly gaps: readonly Gap[] } {
  const terms = Object.entries(deploy.observations);
  const long = terms.filter(([, term]) => term.history_length > 1).map(([name]) => name);
  if (long.length > 0) {
    return { rows: undefined, gaps: [{ rows: "observation", why: history(long) }] };
  }
  const gaps: Gap[] = [];
  const rows = terms.flatMap(([name, term]) => {
    const scale = typeof term.scale === "number" ? [term.scale] : term.scale;
    const width = typeof term.scale === "number" ? null : term.scale.length;
    const ids = v.safeParse(indices, term.params?.asset_cfg?.["joint_ids"] ?? null);
    const joints = ids.success && ids.output !== null ? { joints: ids.output } : {};
    const limits = name === "velocity_commands" ? { limits: rangesOf(deploy) } : {};
    const clip = term.clip === null ? {} : { clip: term.clip };
    const known = { name, width, scale, ...joints, ...limits, ...clip };
    const columns = ids.success ? columnsOf(known, robot) : null;
    if (columns === null) {
      const message = `what the ${width ?? "some"} columns of "${name}" hold is not known`;
      gaps.push(gap("observation", "unknown-term", message));
    }
    return columns ?? [];
  });
  return { rows: gaps.length > 0 ? undefined : rows, gaps };
}

/** The ranges of the commanded velocity; an empty one is none. */
function rangesOf({ commands }: Deploy): (readonly [number, number])[] {
  const velocity = (commands as Record<string, { ranges?: unknown }> | null)?.["base_velocity"];
  const ranges = (velocity?.ranges ?? {}) as Record<string, unknown>;
  return ["lin_vel_x", "lin_vel_y", "ang_vel_z"].map((key) => {
    const given = v.safeParse(range, ranges[key]);
    const holds = given.success && given.output[0] < given.output[1];
    return holds ? given.output : ([Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY] as const);
  });
}

function findingsOf(deploy: Deploy): Finding[] {
  const findings: Finding[] = [];
  const [joints, poses] = [deploy.joint_ids_map.length, deploy.default_joint_pos.length];
  if (poses !== joints) {
    const message = `there are ${poses} default_joint_pos and ${joints} joint_ids_map`;
    findings.push(finding("contradiction", message, "export deploy.yaml anew"));
  }
  if (deploy.stiffness !== undefined || deploy.damping !== undefined) {
    findings.push(gains("stiffness and damping"));
  }
  const zero = (deploy.damping ?? []).filter(
    (one, at) => one === 0 && deploy.stiffness?.[at] !== 0,
  );
  if (zero.length > 0) {
    const message = `${zero.length} joints have a stiffness and no damping`;
    const advice = "see whether rounding took it, and take the gains from the training";
    findings.push(finding("gain-rounded-away", message, advice));
  }
  const known = Object.keys(deploySchema.entries);
  const others = Object.keys(deploy).filter((key) => !known.includes(key));
  if (others.length > 0) findings.push(unread(others));
  return findings;
}

function roundedOf(deploy: Deploy): Source["rounded"] {
  const [term] = Object.values(deploy.actions);
  const list = (value: unknown): number[] => [value ?? []].flat() as number[];
  const scales = Object.values(deploy.observations).flatMap(({ scale }) => list(scale));
  const period = halfOfDigits([deploy.step_dt], digits);
  const whole = Number.isInteger(1 / deploy.step_dt);
  const fields = [
    { field: "periodUs" as const, half: period === null || whole ? null : period * 1e6 },
    { field: "pose" as const, half: halfOfDigits(deploy.default_joint_pos, digits) },
    { field: "action.scale" as const, half: halfOfDigits(list(term?.scale), digits) },
    { field: "action.offset" as const, half: halfOfDigits(list(term?.offset), digits) },
    { field: "observation.scale" as const, half: halfOfDigits(scales, digits) },
  ];
  return fields.flatMap(({ field, half }) => (half === null ? [] : [{ field, half }]));
}
