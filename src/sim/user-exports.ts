import type { Spec } from "../core/spec.ts";
import type { Finding } from "./check.ts";
import { faultOfParameters } from "./check-extras.ts";
import { faultOfMirror } from "./check-mirror.ts";
import type { UserModule, UserWorld } from "./user-env.ts";

/** Each optional export of a user's file, and what is wrong with it, if anything. */
export function exportFindings(module: Partial<UserModule>, spec: Spec): Finding[] {
  const { selectionStarts, judgedStarts, solvedReturn, mirror, reward, relabel } = module;
  return [
    { name: "selectionStarts", problem: faultOfCount(selectionStarts) },
    { name: "judgedStarts", problem: faultOfCount(judgedStarts) },
    {
      name: "solvedReturn",
      problem:
        solvedReturn === undefined || Number.isFinite(solvedReturn)
          ? null
          : `it is ${shown(solvedReturn)}: give a number`,
    },
    { name: "mirror", problem: mirror === undefined ? null : faultOfMirror(spec, mirror) },
    { name: "reward", problem: faultOfFunction(reward, "(observation, action, next)") },
    { name: "relabel", problem: faultOfFunction(relabel, "(observation, reached)") },
  ];
}

/** What a world lacks of what every world has, or has that cannot be used; null: nothing. */
export function faultOfWorld(world: unknown): string | null {
  if (typeof world !== "object" || world === null) return "makeWorld returns none";
  const fields = world as Partial<UserWorld>;
  for (const name of ["reset", "step"] as const) {
    if (typeof fields[name] !== "function") return `it has no function "${name}"`;
  }
  for (const name of ["scene", "save", "restore"] as const) {
    const fault = faultOfFunction(fields[name], "()");
    if (fault !== null) return `${name}: ${fault}`;
  }
  if ((fields.save === undefined) !== (fields.restore === undefined)) {
    return "it has one of save and restore: give both, or neither";
  }
  return faultOfParameters(fields.parameters);
}

function faultOfCount(value: unknown): string | null {
  if (value === undefined || (Number.isInteger(value) && Number(value) >= 1)) return null;
  return `it is ${shown(value)}: give a whole number of episodes from 1`;
}

function faultOfFunction(value: unknown, of: string): string | null {
  if (value === undefined || typeof value === "function") return null;
  return `it is ${shown(value)}: export a function ${of}`;
}

function shown(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
