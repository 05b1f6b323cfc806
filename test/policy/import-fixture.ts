import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { secondFileOf } from "../../src/cli/second-file.ts";
import type { ImportRequest, SideFile } from "../../src/policy/import.ts";

const root = "test/golden/import";

/** One step of a golden run: what the device tells, and the action that PyTorch gave. */
export interface GoldenStep {
  readonly observation: readonly number[];
  readonly action: readonly number[];
}

/** Golden exports, by folder: which PyTorch files there are, `tools/golden/imports` says. */
export function golden(name: string): Readonly<Record<string, readonly GoldenStep[]>> {
  return JSON.parse(readFileSync(join(root, name, "torch.json"), "utf8"));
}

/** A file beside the ONNX, if it is there. */
export function sideFile(folder: string, name: string): SideFile | undefined {
  const path = join(root, folder, name);
  return existsSync(path) ? { path: name, text: readFileSync(path, "utf8") } : undefined;
}

/** What `sinew import` is given for a golden export, with all that lies beside it. */
export function requestOf(folder: string): ImportRequest {
  const path = join(root, folder, "policy.onnx");
  return {
    name: "policy.onnx",
    bytes: readFileSync(path),
    second: secondFileOf(path),
    spec: sideFile(folder, "spec.yaml"),
    deploy: sideFile(folder, "deploy.yaml"),
    manifest: sideFile(folder, "manifest.json"),
  };
}

/** The request with its spec's text changed, which must change. */
export function withSpec(request: ImportRequest, from: string | RegExp, to: string): ImportRequest {
  const text = request.spec!.text.replace(from, to);
  if (text === request.spec!.text) throw new Error(`the spec has no ${from}`);
  return { ...request, spec: { path: "spec.yaml", text } };
}
