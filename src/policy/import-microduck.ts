import * as v from "valibot";
import { messageOf, SinewError } from "../core/errors.ts";
import type { DraftObservation, Source } from "./import-draft.ts";
import { type Finding, finding } from "./import-finding.ts";
import { columnsOf, jointActions, type Robot } from "./import-terms.ts";

const number = v.pipe(v.number("give a number"), v.finite("give a finite number"));
const text = v.string("give a text");

const policyEntries = {
  file: v.optional(text),
  obs_len: v.optional(number),
  action_len: v.optional(number),
  robot: v.optional(v.looseObject({ model: v.optional(text), control_hz: v.optional(number) }), {}),
  name: v.optional(text),
  kind: v.optional(text),
  duration_s: v.optional(number),
  action_scale: v.optional(number),
  command: v.optional(v.looseObject({ encoding: v.optional(text) }), {}),
  model_api: v.optional(number),
  training: v.optional(v.looseObject({ task_id: v.optional(text) }), {}),
};
const policySchema = v.looseObject(policyEntries);
const manifestSchema = v.looseObject({
  ...policyEntries,
  policies: v.optional(v.array(policySchema, "give a list")),
});

type Manifest = v.InferOutput<typeof policySchema>;

const joints = 14;
const columns = 61;

/**
 * Reads a microduck manifest for the ONNX file `file`, a name without folders. Throws
 * `SinewError("policy-file")` for what is no manifest, for another robot's and for a set without
 * the file.
 */
export function readManifest(source: string, path: string, file: string): Source {
  const manifest = entryOf(parsed(source, path), path, file);
  const { obs_len = columns, action_len = joints, robot } = manifest;
  const model = robot.model ?? "microduck";
  if (model !== "microduck" || obs_len !== columns || action_len !== joints) {
    const line = `is of a "${model}" with ${obs_len} observations and ${action_len} actions`;
    throw new SinewError(
      "policy-file",
      `${path} ${line}: Sinew knows the order of microduck's ${columns} and ${joints} only`,
    );
  }
  const hertz = robot.control_hz;
  return {
    kind: "microduck",
    draft: {
      task: manifest.training.task_id ?? manifest.name,
      periodUs: hertz === undefined || hertz <= 0 ? undefined : Math.round(1e6 / hertz),
      outputIs: "scaled",
      observation: observation(),
      action: jointActions(
        Array.from({ length: joints }, (_, joint) => joint),
        "position",
        manifest.action_scale === undefined ? undefined : [manifest.action_scale],
        () => ({ aroundPose: true }),
      ),
    },
    rounded: [],
    gaps: [],
    findings: findingsOf(manifest),
    kept: { kind: manifest.kind, duration_s: manifest.duration_s, entry: manifest["entry_pose"] },
  };
}

function parsed(source: string, path: string): v.InferOutput<typeof manifestSchema> {
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch (thrown) {
    throw new SinewError("policy-file", `${path} is not JSON: ${messageOf(thrown)}`);
  }
  if (Array.isArray(value)) throw new SinewError("policy-file", `${path}: give one object`);
  const result = v.safeParse(manifestSchema, value);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const key = (issue.path ?? []).map((item) => item.key).join(".");
  throw new SinewError("policy-file", `${path}: "${key}": ${issue.message}`);
}

/** The manifest of one policy; of a set, what it says of this file. */
function entryOf(
  { policies, ...manifest }: v.InferOutput<typeof manifestSchema>,
  path: string,
  file: string,
): Manifest {
  if (policies === undefined) return manifest;
  const entry = policies.find((policy) => policy.file === file);
  if (entry !== undefined) return { ...manifest, ...entry };
  const names = policies.map((policy) => policy.file).join(", ");
  throw new SinewError("policy-file", `${path} is of a set without ${file}: it has ${names}`);
}

/** The order that the robot's program has; no manifest states it. */
function observation(): DraftObservation[] {
  const robot: Robot = { joints, actions: joints, commandsVelocity: true };
  const terms = [
    ...["base_ang_vel", "projected_gravity", "joint_pos", "joint_vel", "last_action"],
    "velocity_commands",
  ];
  const known = terms.flatMap((name) => columnsOf({ name, width: null }, robot)!);
  const command = (name: string, unit: string): DraftObservation => {
    return { name: `command_${name}`, unit, setpoint: true };
  };
  const head = ["neck_pitch", "head_pitch", "head_yaw", "head_roll"];
  return [
    ...known,
    ...head.map((name) => command(name, "rad")),
    { constant: 0 },
    { constant: 0 },
    command("body_z", "m"),
    command("body_roll", "rad"),
    command("body_pitch", "rad"),
    { constant: 0 },
  ];
}

function findingsOf(manifest: Manifest): Finding[] {
  const findings = [
    finding(
      "convention-assumed",
      "no manifest states the order of channels: microduck's own, as of schema 2, is taken",
      "compare with the program that drove it; the mouth is no joint of a policy",
    ),
  ];
  const encoding = manifest.command.encoding ?? "constant";
  if (encoding !== "constant") {
    const message = `its command is a "${encoding}", which runs with the robot's own program`;
    findings.push(finding("time-input", message, "only policies with a constant command go alone"));
  }
  if ((manifest.model_api ?? 1) > 1) {
    const message = `model_api ${manifest.model_api} remembers from one step to the next`;
    findings.push(finding("recurrent", message, "export a policy without memory"));
  }
  if (manifest.duration_s !== undefined) {
    const message = `it is made to run ${manifest.duration_s} s, and nothing in a contract ends it`;
    findings.push(finding("duration-elsewhere", message, "run it with --seconds"));
  }
  return findings;
}
