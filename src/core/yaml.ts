import { type Document, LineCounter, parseDocument } from "yaml";
import { type ErrorCode, messageOf, SinewError } from "./errors.ts";

/** A parsed YAML file that knows where each of its values stands. */
export interface YamlFile {
  /** Plain objects, arrays, texts, numbers, booleans and nulls. */
  readonly value: unknown;
  /** `path:line:column` of the value under `keys`, or of the nearest one around it that exists. */
  placeOf(keys: readonly (string | number)[]): string;
}

/**
 * Parses YAML 1.2 text, with the merge keys (`<<`) of 1.1; `path` is used in messages only. Throws
 * a `SinewError` of the given code with line and column for what is no YAML, and for a key that is
 * given twice.
 */
export function parseYaml(text: string, path: string, code: ErrorCode): YamlFile {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
    merge: true,
  });
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  const fault = document.errors[0] ?? document.warnings[0];
  if (fault !== undefined) {
    throw new SinewError(code, `${place(fault.pos[0])}: ${fault.message}`);
  }
  return {
    value: plainOf(document, path, code),
    placeOf: (keys) => place(offsetOf(document, keys)),
  };
}

function plainOf(document: Document.Parsed, path: string, code: ErrorCode): unknown {
  try {
    return document.toJS();
  } catch (thrown) {
    // What an alias or a merge leads to is known only now.
    throw new SinewError(code, `${path}: ${messageOf(thrown)}`, { cause: thrown });
  }
}

/** Offset of the deepest node on the way along `keys`; of the key itself where its map has it. */
function offsetOf(document: Document.Parsed, keys: readonly (string | number)[]): number {
  let offset = 0;
  for (let depth = keys.length; depth >= 0; depth--) {
    const node = document.getIn(keys.slice(0, depth), true);
    const range = (node as { range?: readonly number[] } | undefined)?.range;
    if (range === undefined) continue;
    offset = range[0]!;
    break;
  }
  return offset;
}
