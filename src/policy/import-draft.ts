import { type Finding, type FindingCode, finding, unreadRows } from "./import-finding.ts";

/** What a joint's channel tells; it names the channel too: `knee_position`. */
export type Quantity = "position" | "velocity" | "torque";

/** A column of the network's input or output. Each number may be missing. */
interface DraftChannel {
  readonly name?: string | undefined;
  readonly unit?: string | undefined;
  readonly low?: number | undefined;
  readonly high?: number | undefined;
  readonly scale?: number | undefined;
  readonly offset?: number | undefined;
  /** The joint, counted from 0, that names it where `name` is missing. */
  readonly joint?: number | undefined;
  readonly quantity?: Quantity | undefined;
  /** Its offset is the joint's in `pose`. */
  readonly aroundPose?: boolean | undefined;
}

/** A column of the input: the network sees (value - offset), cut to `clip`, times `scale`. */
export interface DraftObservation extends DraftChannel {
  readonly clip?: readonly [low: number, high: number] | undefined;
  /** The host gives it, as setpoints of robot.yaml. */
  readonly setpoint?: boolean | undefined;
  /** It is what the network put out `ago` steps ago for this action, counted from 0. */
  readonly previous?: number | undefined;
  /** It is what this column, counted from 0, showed `ago` steps ago. */
  readonly seen?: number | undefined;
  /** 1 where it is left out. */
  readonly ago?: number | undefined;
  /** It is always this number. */
  readonly constant?: number | undefined;
  /** Why nobody can name it without the person. */
  readonly nameless?: { readonly code: FindingCode; readonly term: string } | undefined;
}

/** A column of the output: the action is output * scale + offset. */
export type DraftAction = DraftChannel;

/** What stands before a network: clip((x - mean) / sqrt(variance + epsilon)). */
export interface Statistics {
  readonly mean: readonly number[];
  readonly variance: readonly number[];
  readonly epsilon: number;
  /** To either side; 0: never. */
  readonly clip: number;
}

/** What is known of a policy before it is all known. */
export interface Draft {
  readonly task?: string | undefined;
  readonly algorithm?: string | undefined;
  readonly periodUs?: number | undefined;
  readonly input?: string | undefined;
  readonly output?: string | undefined;
  /**
   * `unit`: -1 to 1 stand for low to high; `physical`: it is the action; `scaled`: times `scale`,
   * plus `offset`.
   */
  readonly outputIs?: "unit" | "physical" | "scaled" | undefined;
  readonly normaliser?: "inside" | "none" | Statistics | undefined;
  readonly joints?: readonly string[] | undefined;
  /** By joint: what positions are counted from, and the offset of position actions. */
  readonly pose?: readonly number[] | undefined;
  readonly observation?: readonly DraftObservation[] | undefined;
  readonly action?: readonly DraftAction[] | undefined;
}

/** What somebody else's file beside or inside the ONNX says. */
export interface Source {
  readonly kind: "mjlab" | "unitree" | "microduck";
  readonly draft: Draft;
  /** Fields whose numbers were rounded when they were written, and half of their last digit. */
  readonly rounded: readonly { readonly field: RoundedField; readonly half: number }[];
  readonly findings: readonly Finding[];
  /** Rows that could not be made of the file, and why; a spec that has them mends it. */
  readonly gaps: readonly { readonly rows: "observation" | "action"; readonly why: Finding }[];
  /** What a contract has no place for, to be kept beside it. */
  readonly kept: Readonly<Record<string, unknown>>;
}

export type RoundedField =
  | "periodUs"
  | "pose"
  | "action.scale"
  | "action.offset"
  | "observation.scale";

/** What a person may say otherwise than the file. */
const free: readonly string[] = [
  ...["name", "low", "high", "setpoint", "task", "algorithm", "input", "output", "joints"],
];

/**
 * `source` with what `spec` says, joints and pose given to their rows. Where both say a thing, the
 * spec's is taken; where it differs by more than what the source rounded away, that is a finding.
 */
export function mergeDrafts(
  source: Pick<Source, "draft" | "rounded" | "gaps">,
  spec: Draft,
): { readonly draft: Draft; readonly findings: readonly Finding[] } {
  const findings = source.gaps.map(({ rows, why }) =>
    spec[rows] === undefined ? why : unreadRows(rows),
  );
  const merge = <T extends object>(label: string, group: string, base: T, over: T): T => {
    const merged = { ...base } as Record<string, unknown>;
    for (const [key, value] of Object.entries(over)) {
      if (value === undefined) continue;
      const theirs = merged[key];
      merged[key] = value;
      if (theirs === undefined || free.includes(key)) continue;
      if (same(value, theirs, halfOf(source, `${group}${key}`))) continue;
      const said = `${textOf(value)} in the spec and ${textOf(theirs)} in the file`;
      const advice = "mend the wrong one, or leave it off the spec";
      findings.push(finding("contradiction", `${label}${key} is ${said}`, advice));
    }
    return merged as T;
  };
  const rows = <T extends object>(
    group: "observation" | "action",
    base: readonly T[] = [],
    over: readonly T[] = [],
  ): readonly T[] => {
    if (base.length > 0 && over.length > 0 && base.length !== over.length) {
      const message = `the spec has ${over.length} rows of ${group}, the file ${base.length}`;
      findings.push(finding("contradiction", message, "give as many, or none"));
    }
    const count = over.length === 0 ? base.length : over.length;
    return Array.from({ length: count }, (_, at) =>
      merge(`${group}[${at}].`, `${group}.`, base[at] ?? ({} as T), over[at] ?? ({} as T)),
    );
  };
  const { observation, action, ...others } = spec;
  const top = merge("", "", source.draft, others as Draft);
  const file = resolveJoints({ ...source.draft, joints: top.joints, pose: top.pose });
  const draft: Draft = {
    ...top,
    observation: rows("observation", file.observation, observation),
    action: rows("action", file.action, action),
  };
  return { draft, findings };
}

function halfOf({ rounded }: Pick<Source, "rounded">, key: string): number {
  const fields = key.endsWith(".offset") ? [key, "pose"] : [key];
  return Math.max(
    0,
    ...rounded.filter(({ field }) => fields.includes(field)).map(({ half }) => half),
  );
}

function same(ours: unknown, theirs: unknown, half: number): boolean {
  if (typeof ours === "number" && typeof theirs === "number") {
    return Math.abs(ours - theirs) <= half * (1 + 1e-9) || ours === theirs;
  }
  if (Array.isArray(ours) && Array.isArray(theirs)) {
    return ours.length === theirs.length && ours.every((one, at) => same(one, theirs[at], half));
  }
  return JSON.stringify(ours) === JSON.stringify(theirs);
}

function textOf(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 40)}...` : text;
}

/** The draft with what joints and their pose give to the rows that name a joint. */
function resolveJoints(draft: Draft): Draft {
  const { joints, pose } = draft;
  const named = <T extends DraftObservation | DraftAction>(row: T): T => {
    const joint = row.joint === undefined ? undefined : joints?.[row.joint];
    const offset = row.joint === undefined || !row.aroundPose ? undefined : pose?.[row.joint];
    return {
      ...row,
      name: row.name ?? (joint === undefined ? undefined : `${jointName(joint)}_${row.quantity}`),
      offset: row.offset ?? offset,
    };
  };
  return {
    ...draft,
    observation: draft.observation?.map(named),
    action: draft.action?.map(named),
  };
}

/** `FL_hip_joint` as a contract writes it: `fl_hip`. */
function jointName(joint: string): string {
  const small = joint.toLowerCase().replace(/_joint$/, "");
  return small.replaceAll(/[^a-z0-9]+/g, "_");
}
