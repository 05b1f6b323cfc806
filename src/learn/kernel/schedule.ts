import type { Group } from "./fuse.ts";
import type { Lowered } from "./lower.ts";
import type { Node } from "./node.ts";
import { type Buffer, isDense, sameElements, type View } from "./view.ts";

/** The order of a round, and what has to be copied at its end. */
export interface Schedule {
  readonly groups: readonly Group[];
  /** Carried values that could not be written where they live. */
  readonly copies: readonly { readonly from: View; readonly to: View }[];
}

type Edges = Map<Group, Set<Group>>;

/**
 * Orders the groups so that each runs after those it reads from. Carried values are written in
 * place wherever everything that reads the old value can run first.
 */
export function schedule(groups: readonly Group[], carried: Lowered["carried"]): Schedule {
  const groupOf = new Map<Node, Group>();
  for (const group of groups) for (const member of group.members) groupOf.set(member, group);
  const before: Edges = new Map(groups.map((group) => [group, new Set<Group>()]));
  for (const group of groups) {
    for (const { producers } of group.members.flatMap(({ sources }) => sources)) {
      for (const producer of producers) {
        const other = groupOf.get(producer)!;
        if (other !== group) before.get(group)!.add(other);
      }
    }
  }
  const copies: { from: View; to: View }[] = [];
  for (const { home, next } of carried) {
    const { buffer } = next.view;
    if (buffer.home === null && writeInPlace(groups, before, home, buffer)) {
      buffer.home = home.buffer;
    } else {
      copies.push({ from: next.view, to: home });
    }
  }
  return { groups: ordered(groups, before), copies };
}

/** Adds the edges that make `buffer` lie where `home` does; false, and none, if that cannot be. */
function writeInPlace(
  groups: readonly Group[],
  before: Edges,
  home: View,
  buffer: Buffer,
): boolean {
  const writers = groups.filter(({ members }) =>
    members.some(({ output }) => output.buffer === buffer),
  );
  const readers = groups.filter(({ members }) =>
    members.some(({ sources }) => sources.some(({ view }) => view.buffer === home.buffer)),
  );
  const added: [Group, Group][] = [];
  const undo = (): false => {
    for (const [writer, reader] of added) before.get(writer)!.delete(reader);
    return false;
  };
  for (const writer of writers) {
    for (const reader of readers) {
      if (reader === writer) {
        if (!readsWhatItWrites(writer, home.buffer, buffer)) return undo();
        continue;
      }
      if (before.get(writer)!.has(reader)) continue;
      if (reaches(reader, writer, before)) return undo();
      before.get(writer)!.add(reader);
      added.push([writer, reader]);
    }
  }
  return true;
}

/** Whether a group reads each element of `home` only where it writes the same one of `buffer`. */
function readsWhatItWrites({ members }: Group, home: Buffer, buffer: Buffer): boolean {
  if (members.some(({ kind }) => kind !== "elementwise" && kind !== "reduce")) return false;
  const outputs = members.filter(({ output }) => output.buffer === buffer);
  if (outputs.length !== 1 || outputs[0].kind !== "elementwise") return false;
  const written = outputs[0].output;
  const read = members.flatMap(({ sources }) => sources).filter(({ view }) => view.buffer === home);
  return read.every(({ view }) => isDense(view) && sameElements({ ...view, buffer }, written));
}

/** Whether `from` has to run after `to`. */
function reaches(from: Group, to: Group, before: Edges): boolean {
  const pending = [from];
  const seen = new Set<Group>();
  for (let group = pending.pop(); group !== undefined; group = pending.pop()) {
    if (group === to) return true;
    if (seen.has(group)) continue;
    seen.add(group);
    pending.push(...before.get(group)!);
  }
  return false;
}

/** The first in the graph's order of those that may run, again and again. */
function ordered(groups: readonly Group[], before: Edges): Group[] {
  const left = new Set(groups.toSorted((one, two) => one.members[0].index - two.members[0].index));
  const order: Group[] = [];
  while (left.size > 0) {
    const next = [...left].find((group) => [...before.get(group)!].every((one) => !left.has(one)));
    if (next === undefined) throw new Error("groups wait for each other");
    order.push(next);
    left.delete(next);
  }
  return order;
}
