import { createHash } from "node:crypto";
import type { Model } from "../onnx/model.ts";
import type { Finding } from "./import-finding.ts";

/** The key in the ONNX file's `metadata_props` that says what a policy was imported from. */
export const importKey = "sinew.import";

/** What an imported policy keeps of where it comes from. */
export interface ImportRecord {
  readonly format: 1;
  /** Whose conventions were taken: `bare`, `mjlab`, `unitree` or `microduck`. */
  readonly kind: string;
  /** Names are without folders; `weights` is of all constants of the graph, in order. */
  readonly file: { readonly name: string; readonly sha256: string; readonly weights: string };
  readonly beside: readonly { readonly name: string; readonly sha256: string }[];
  readonly graph: {
    readonly producer: string;
    readonly irVersion: number;
    readonly opset: number;
    readonly input: string;
    readonly output: string;
  };
  /** The warnings. */
  readonly findings: readonly Finding[];
  /** What the file said and a contract has no place for, such as gains. */
  readonly kept: Readonly<Record<string, unknown>>;
}

/** SHA-256 in hexadecimal. */
export function sha256Of(content: Uint8Array | string): string {
  return createHash("sha256").update(content).digest("hex");
}

/** SHA-256 of all constants of the graph, which may lie in a second file. */
export function weightsOf({ graph }: Model): string {
  const hash = createHash("sha256");
  for (const { data } of graph.initializers) hash.update(data);
  return hash.digest("hex");
}

/**
 * The record in a file's metadata; null where there is none, or none that can be read. Its texts
 * may be anybody's, so they hold no terminal codes.
 */
export function recordOf(metadata: ReadonlyMap<string, string>): ImportRecord | null {
  const plain = (_: string, value: unknown): unknown =>
    typeof value === "string" ? value.replaceAll(/\p{Cc}/gu, "?") : value;
  try {
    const record: ImportRecord = JSON.parse(metadata.get(importKey) ?? "null", plain);
    const { format, kind, file, findings } = record;
    const texts = [kind, file.name, ...findings.flatMap(({ code, message }) => [code, message])];
    return format === 1 && texts.every((text) => typeof text === "string") ? record : null;
  } catch {
    return null;
  }
}
