import { type Document, isMap, isScalar, LineCounter, parseDocument, stringify } from "yaml";
import { type ErrorCode, messageOf, SinewError } from "./errors.ts";

/** A place in a text, both from 1. */
export interface TextPlace {
  readonly line: number;
  readonly column: number;
}

/** A parsed YAML file that knows where each of its values stands. */
export interface YamlFile {
  /** Plain objects, arrays, texts, numbers, booleans and nulls. */
  readonly value: unknown;
  /** What makes it no YAML, in the order of the file. */
  readonly faults: readonly (TextPlace & { readonly message: string })[];
  /** Of the value under `keys`, or of the nearest one around it that exists. */
  positionOf(keys: readonly (string | number)[]): TextPlace;
  /** Of the last of `keys` itself, in its map. */
  keyPositionOf(keys: readonly (string | number)[]): TextPlace;
  /** The same as `path:line:column`. */
  placeOf(keys: readonly (string | number)[]): string;
}

/**
 * Reads YAML 1.2 text, with the merge keys (`<<`) of 1.1; `path` is used in messages only. What is
 * no YAML is in its `faults`.
 */
export function readYaml(text: string, path: string): YamlFile {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
    merge: true,
  });
  const position = (offset: number): TextPlace => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const faults = [...document.errors, ...document.warnings].map(({ pos, message }) => {
    return { ...position(pos[0]), message };
  });
  const positionOf = (keys: readonly (string | number)[]): TextPlace => {
    return position(offsetOf(document, keys));
  };
  let value: unknown;
  try {
    // What is no YAML may stand for nothing at all.
    value = faults.length === 0 ? document.toJS() : undefined;
  } catch (error) {
    // What an alias or a merge leads to is known only now.
    faults.push({ ...position(0), message: messageOf(error) });
  }
  return {
    value,
    faults,
    positionOf,
    keyPositionOf: (keys) => position(keyOffsetOf(document, keys) ?? offsetOf(document, keys)),
    placeOf: (keys) => placeText(path, positionOf(keys)),
  };
}

/**
 * The same, or throws a `SinewError` of the given code with line and column for what is no YAML,
 * and for a key that is given twice.
 */
export function parseYaml(text: string, path: string, code: ErrorCode): YamlFile {
  const file = readYaml(text, path);
  const [fault] = file.faults;
  if (fault === undefined) return file;
  throw new SinewError(code, `${placeText(path, fault)}: ${fault.message}`);
}

/** Plain values as YAML text, which parses to the same values again. */
export function printYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0 });
}

function placeText(path: string, { line, column }: TextPlace): string {
  return `${path}:${line}:${column}`;
}

/** Offset of the deepest node on the way along `keys`. */
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

/** Offset of the last of `keys` in its map; undefined where there is no such map. */
function keyOffsetOf(
  document: Document.Parsed,
  keys: readonly (string | number)[],
): number | undefined {
  const parent = document.getIn(keys.slice(0, -1), true);
  const map = keys.length === 1 ? document.contents : parent;
  if (!isMap(map)) return undefined;
  // A key that is written as a number is a text in the value.
  const name = String(keys.at(-1));
  const pair = map.items.find(({ key }) => isScalar(key) && String(key.value) === name);
  return isScalar(pair?.key) ? pair.key.range?.[0] : undefined;
}
