import * as v from "valibot";
import { nearestOf } from "../core/nearest.ts";
import type { TextPlace, YamlFile } from "../core/yaml.ts";

/** What a robot file says where nobody knows yet. No run takes it for a value. */
export const unknown = "unknown";

/** Something wrong in a robot file, and where. */
export interface Mistake extends TextPlace {
  readonly message: string;
}

type Keys = readonly (string | number)[];

/** Collects what is wrong in one file. */
export class Mistakes {
  readonly #file: YamlFile;
  readonly #found: Mistake[] = [];

  constructor(file: YamlFile) {
    this.#file = file;
    this.#found.push(...file.faults);
  }

  get none(): boolean {
    return this.#found.length === 0;
  }

  /** Something is wrong under `keys`. The same is told once. */
  add(keys: Keys, message: string): void {
    this.#addAt(this.#file.positionOf(keys), message);
  }

  /** The last of `keys` itself is wrong. */
  addKey(keys: Keys, message: string): void {
    this.#addAt(this.#file.keyPositionOf(keys), message);
  }

  /** All of them, in the order of the file. */
  list(): Mistake[] {
    return this.#found.toSorted((a, b) => a.line - b.line || a.column - b.column);
  }

  #addAt(place: TextPlace, message: string): void {
    const mistake = { ...place, message };
    const known = this.#found.some((one) => {
      return one.message === message && one.line === mistake.line && one.column === mistake.column;
    });
    if (!known) this.#found.push(mistake);
  }
}

/** What `schema` says of `file`; the value with its defaults, where nothing is wrong. */
export function checkSchema<Schema extends v.GenericSchema>(
  schema: Schema,
  file: YamlFile,
  mistakes: Mistakes,
): v.InferOutput<Schema> | null {
  // The library tells of the first unknown key of each map only.
  addUnknownKeys(schema, file.value, [], mistakes);
  const result = v.safeParse(schema, file.value);
  if (result.success) return result.output;
  for (const issue of result.issues) {
    if (isUnknownKey(issue)) continue;
    const keys = (issue.path ?? []).map((item) => item.key as string);
    mistakes.add(keys, lineOf(keys.join("."), issue));
  }
  return null;
}

function isUnknownKey(issue: v.BaseIssue<unknown>): boolean {
  return issue.type === "strict_object" && issue.expected === "never";
}

function lineOf(key: string, issue: v.BaseIssue<unknown>): string {
  if (issue.type === "strict_object" && key !== "") return `"${key}" is missing`;
  if (key === "") return "this is no robot file: give robot, link, ...";
  if (issue.input === unknown) return `"${key}" is unknown: fill it in (${issue.message})`;
  return `"${key}": ${issue.message}`;
}

/** What the library's schemas are made of. */
interface Part {
  readonly type: string;
  readonly entries?: Readonly<Record<string, Part>>;
  readonly wrapped?: Part;
  readonly item?: Part;
  readonly value?: Part;
}

function addUnknownKeys(schema: unknown, value: unknown, keys: Keys, mistakes: Mistakes): void {
  const { type, entries = {}, wrapped, item, value: each } = schema as Part;
  if (wrapped !== undefined) addUnknownKeys(wrapped, value, keys, mistakes);
  if (typeof value !== "object" || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    const place = [...keys, Array.isArray(value) ? Number(key) : key];
    if (Array.isArray(value) ? type === "array" : type === "record") {
      addUnknownKeys(item ?? each, inner, place, mistakes);
    } else if (type === "strict_object" && Object.hasOwn(entries, key)) {
      addUnknownKeys(entries[key], inner, place, mistakes);
    } else if (type === "strict_object" && !Array.isArray(value)) {
      mistakes.addKey(place, unknownKeyLine(place, key, Object.keys(entries)));
    }
  }
}

function unknownKeyLine(place: Keys, key: string, known: readonly string[]): string {
  const nearest = nearestOf(key, known);
  const meant = nearest === undefined ? `known are ${known.join(", ")}` : `is it ${nearest}?`;
  return `unknown key "${place.join(".")}": ${meant}`;
}
