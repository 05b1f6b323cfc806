import { SinewError } from "../core/errors.ts";
import type { Draft, DraftObservation, RoundedField, Source } from "./import-draft.ts";
import { type Finding, finding, gains, history, unread } from "./import-finding.ts";
import { halfOfDecimals } from "./import-rounding.ts";
import { columnsOf, jointActions, type Robot, type Term } from "./import-terms.ts";

const known: readonly string[] = [
  ...["run_path", "joint_names", "joint_stiffness", "joint_damping", "default_joint_pos"],
  ...["command_names", "observation_names", "action_scale", "anchor_body_name", "body_names"],
  ...["observation_terms_scale", "observation_terms_history_length"],
  ...["observation_terms_flatten_history_dim", "observation_terms_clip", "observation_term_clip"],
];

/** Whether an ONNX file's metadata are those that mjlab and BeyondMimic write. */
export function isMjlab(metadata: ReadonlyMap<string, string>): boolean {
  return ["joint_names", "observation_names", "action_scale"].every((key) => metadata.has(key));
}

/**
 * Reads the metadata that mjlab and BeyondMimic write into an ONNX file: lists as text, numbers
 * with three decimals. Throws `SinewError("policy-file")` that names the key which is no such list.
 */
export function readMjlab(metadata: ReadonlyMap<string, string>): Source {
  const joints = namesAt(metadata, "joint_names") ?? [];
  const scale = numbersAt(metadata, "action_scale") ?? [];
  const actions = scale.length === 1 ? joints.length : scale.length;
  const commands = namesAt(metadata, "command_names") ?? [];
  const commandsVelocity = !commands.includes("motion");
  const robot: Robot = { joints: joints.length, actions, commandsVelocity };
  const findings: Finding[] = [];
  const gaps: Source["gaps"][number][] = [];
  const pose = numbersAt(metadata, "default_joint_pos");
  if (pose !== undefined && pose.length !== joints.length) {
    const message = `there are ${joints.length} joint_names and ${pose.length} default_joint_pos`;
    findings.push(finding("contradiction", message, "export the policy anew"));
  }
  const fits = joints.length === actions;
  if (!fits) {
    const message = `${actions} actions move some of ${joints.length} joints: which, is not said`;
    const advice = "give rows of action in a spec, each with name, unit, limits, scale and offset";
    gaps.push({ rows: "action", why: finding("contradiction", message, advice) });
  }
  const action = fits
    ? jointActions([...joints.keys()], "position", scale, () => ({ aroundPose: true }))
    : undefined;
  const draft: Draft = {
    outputIs: "scaled",
    joints,
    pose,
    observation: observationOf(metadata, robot, findings, gaps),
    action,
  };
  findings.push(...findingsOf(metadata));
  const kept = Object.fromEntries([...metadata].filter(([key]) => known.includes(key)));
  return { kind: "mjlab", draft, rounded: roundedOf(metadata), findings, gaps, kept };
}

function observationOf(
  metadata: ReadonlyMap<string, string>,
  robot: Robot,
  findings: Finding[],
  gaps: Source["gaps"][number][],
): DraftObservation[] | undefined {
  const names = namesAt(metadata, "observation_names") ?? [];
  const lengths = numbersAt(metadata, "observation_terms_history_length");
  const scales = listAt(metadata, "observation_terms_scale");
  const clips =
    listAt(metadata, "observation_terms_clip") ?? listAt(metadata, "observation_term_clip");
  const lists = [lengths, scales, clips].filter((list) => list !== undefined);
  if (lists.some((list) => list.length !== names.length)) {
    const message = `there are ${names.length} observation_names, and not as many of their terms`;
    findings.push(finding("contradiction", message, "export the policy anew"));
  }
  const long = names.filter((_, at) => (lengths?.[at] ?? 1) > 1);
  if (long.length > 0) {
    gaps.push({ rows: "observation", why: history(long) });
    return undefined;
  }
  const rows: DraftObservation[] = [];
  for (const [at, name] of names.entries()) {
    const scale = scales?.[at] === undefined ? undefined : numbersIn("scale", scales[at]);
    const clip = clips?.[at] === undefined ? undefined : numbersIn("clip", clips[at]);
    const term: Term = {
      name,
      width: null,
      ...(scale?.some((one) => one !== 1) && { scale }),
      ...(clip?.some(Number.isFinite) && { clip: [clip[0], clip[1]] as const }),
    };
    const columns = columnsOf(term, robot);
    if (columns === null) {
      const advice = "give all rows of observation in a spec";
      const message = `what the term "${name}" holds is not known`;
      gaps.push({ rows: "observation", why: finding("unknown-term", message, advice) });
      return undefined;
    }
    rows.push(...columns);
  }
  return rows;
}

function findingsOf(metadata: ReadonlyMap<string, string>): Finding[] {
  const findings = [
    finding(
      "convention-assumed",
      "joint positions and actions are taken as from default_joint_pos, in joint_names' order",
      "compare with the task: mjlab's and BeyondMimic's do so, but the file does not say it",
    ),
  ];
  const damping = listAt(metadata, "joint_damping") ?? [];
  const zero = damping.filter((text) => Number(text) === 0);
  if (zero.length > 0) {
    const message = `${zero.length} of joint_damping are ${zero[0]}: three decimals left nothing`;
    const advice = "take the gains from the training's configuration, not from this file";
    findings.push(finding("gain-rounded-away", message, advice));
  }
  if (damping.length > 0) findings.push(gains("joint_stiffness and joint_damping"));
  const others = [...metadata.keys()].filter((key) => !known.includes(key));
  if (others.length > 0) findings.push(unread(others));
  return findings;
}

function roundedOf(metadata: ReadonlyMap<string, string>): Source["rounded"] {
  const fields: [key: string, field: RoundedField][] = [
    ["default_joint_pos", "pose"],
    ["action_scale", "action.scale"],
    ["observation_terms_scale", "observation.scale"],
  ];
  return fields.flatMap(([key, field]) => {
    const half = halfOfDecimals(listAt(metadata, key) ?? []);
    return half === null ? [] : [{ field, half }];
  });
}

/** The items of a list, brackets kept together: `1.000,[-inf, inf]`. */
function listAt(metadata: ReadonlyMap<string, string>, key: string): string[] | undefined {
  const text = metadata.get(key);
  if (text === undefined) return undefined;
  if (text.trim() === "") return [];
  return text.split(/,(?![^[]*\])/).map((item) => item.trim());
}

function namesAt(metadata: ReadonlyMap<string, string>, key: string): string[] | undefined {
  return listAt(metadata, key)?.filter((name) => name !== "");
}

function numbersAt(metadata: ReadonlyMap<string, string>, key: string): number[] | undefined {
  return listAt(metadata, key)?.map((text) => numbersIn(key, text)[0]);
}

/** `0.5`, or `[-inf, inf]`. */
function numbersIn(key: string, text: string): number[] {
  return text
    .replaceAll(/[[\]()]/g, "")
    .split(",")
    .map((one) => {
      const word = one.trim().replace(/^([+-]?)inf(inity)?$/i, "$1Infinity");
      const value = Number(word);
      if (word !== "" && !Number.isNaN(value)) return value;
      const shown = text.length > 30 ? `${text.slice(0, 30)}...` : text;
      throw new SinewError(
        "policy-file",
        `the metadata's ${key} holds "${shown.replaceAll(/\p{Cc}/gu, "?")}": not a list of numbers`,
      );
    });
}
