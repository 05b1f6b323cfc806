import { messageOf, SinewError } from "../core/errors.ts";
import { restOf } from "../core/history.ts";
import { checkSpec } from "../core/spec.ts";
import { decodeModel, type Model } from "../onnx/model.ts";
import type { SecondFile } from "../onnx/tensor.ts";
import { type Contract, contractKey } from "./contract.ts";
import { exportFormula } from "./export.ts";
import { readPolicyFile } from "./file.ts";
import { FormulaBuilder } from "./formula.ts";
import { scalingOf } from "./formula-scale.ts";
import { compareWithOriginal } from "./import-comparison.ts";
import { type Draft, mergeDrafts, type Source } from "./import-draft.ts";
import { type Finding, finding, unread } from "./import-finding.ts";
import { judge, type Reading } from "./import-judgement.ts";
import { type Layout, layoutOf, scalingOfChannels } from "./import-layout.ts";
import { readManifest } from "./import-microduck.ts";
import { isMjlab, readMjlab } from "./import-mjlab.ts";
import { type ImportRecord, importKey, sha256Of, weightsOf } from "./import-record.ts";
import { parseSpec } from "./import-spec.ts";
import { readDeploy } from "./import-unitree.ts";
import { checkVersions } from "./policy.ts";

/** A text file beside the ONNX; `path` is for messages, its last part is kept. */
export interface SideFile {
  readonly path: string;
  readonly text: string;
}

/** All that an import is made of. */
export interface ImportRequest {
  /** The ONNX file's name, without folders. */
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly second: SecondFile;
  readonly spec?: SideFile | undefined;
  /** At most one of these two. */
  readonly deploy?: SideFile | undefined;
  readonly manifest?: SideFile | undefined;
}

/** What became of it. */
export interface Import {
  readonly source: Source["kind"] | "bare";
  readonly findings: readonly Finding[];
  /** What is known of the policy, for a template of what is missing. */
  readonly draft: Draft;
  /** The policy file; null where a finding is an error. */
  readonly file: Uint8Array | null;
  /** The largest difference between the file and the imported one, in the unit of its channel. */
  readonly difference: number | null;
}

/**
 * Reads somebody else's ONNX policy and writes one of ours: raw observation in, physical action
 * out, contract and proof in its metadata, and under `sinew.import` where it comes from with each
 * warning. The same files give the same bytes. Throws `SinewError("policy-file")` for what is
 * damaged or no such file, and `SinewError("proof")` where the file computes otherwise than read.
 */
export async function importPolicy(request: ImportRequest): Promise<Import> {
  const model = decodeModel(request.bytes, request.second);
  checkVersions(model);
  if (model.metadata.has(contractKey)) {
    throw new SinewError("policy-file", `${request.name} is a policy file of Sinew's already`);
  }
  const source = sourceOf(request, model);
  const said = request.spec === undefined ? {} : parseSpec(request.spec.text, request.spec.path);
  const merged = mergeDrafts(source ?? { draft: {}, rounded: [], gaps: [] }, said);
  const { draft } = merged;
  const findings = [...merged.findings];
  const kind = source?.kind ?? "bare";
  const others = [...model.metadata.keys()];
  if (kind !== "mjlab" && others.length > 0) findings.push(unread(others));
  const judged = judge(model, draft, said, source);
  const all = [...findings, ...judged.findings];
  const stopped: Import = {
    ...{ source: kind, findings: all, draft: judged.draft, file: null, difference: null },
  };
  if (judged.reading === null || all.some(({ severity }) => severity === "error")) return stopped;
  const layout = layoutOf(judged.draft);
  try {
    checkSpec(layout.spec);
  } catch (thrown) {
    const fault = finding("channel-invalid", messageOf(thrown), "mend it in a spec");
    return { ...stopped, findings: [...all, fault] };
  }
  const record = recordFor(request, model, source, judged.reading, all);
  const file = await write(judged.draft, layout, judged.reading, record);
  const { proof } = readPolicyFile(file);
  const { network, output } = judged.reading;
  const difference = await compareWithOriginal(model, network, output, layout, proof);
  return { ...stopped, file, difference };
}

function sourceOf({ name, deploy, manifest }: ImportRequest, { metadata }: Model): Source | null {
  if (deploy !== undefined) return readDeploy(deploy.text, deploy.path);
  if (manifest !== undefined) return readManifest(manifest.text, manifest.path, name);
  return isMjlab(metadata) ? readMjlab(metadata) : null;
}

function recordFor(
  request: ImportRequest,
  model: Model,
  source: Source | null,
  { network, output }: Reading,
  findings: readonly Finding[],
): ImportRecord {
  const beside = [request.spec, request.deploy, request.manifest].flatMap((side) => {
    if (side === undefined) return [];
    return [{ name: side.path.split(/[\\/]/).at(-1)!, sha256: sha256Of(side.text) }];
  });
  const { producer, irVersion, opset } = model;
  return {
    format: 1,
    kind: source?.kind ?? "bare",
    file: { name: request.name, sha256: sha256Of(request.bytes), weights: weightsOf(model) },
    beside,
    graph: { producer, irVersion, opset, input: network.input.name, output },
    findings,
    kept: source?.kept ?? {},
  };
}

async function write(
  draft: Draft,
  layout: Layout,
  { formula }: Reading,
  record: ImportRecord,
): Promise<Uint8Array> {
  const { spec, observationHistory, actionHistory, actionRest, front, back } = layout;
  const builder = new FormulaBuilder();
  const columns = builder.append(front, builder.input(spec.observation.length));
  const whole = builder.finish(builder.append(back, builder.append(formula, columns)));
  const rests = restOf(spec);
  const odd = actionRest.some((rest, i) => Math.fround(rest) !== rests[i]);
  const contract: Contract = {
    format: 1,
    task: draft.task ?? "imported",
    spec,
    algorithm: draft.algorithm ?? "unknown",
    ...(observationHistory > 0 && { observationHistory }),
    ...(actionHistory > 0 && { actionHistory }),
    ...(actionHistory > 0 && odd && { actionRest }),
    training: { importedFrom: record.kind },
  };
  const scaling = scalingOfChannels(layout, draft, scalingOf(formula));
  const metadata = new Map([[importKey, JSON.stringify(record)]]);
  return exportFormula({ contract, formula: whole, scaling, metadata });
}
