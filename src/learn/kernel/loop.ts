import { SinewError } from "../../core/errors.ts";
import { type Group, inRegister, spaceOf } from "./fuse.ts";
import type { Elementwise, Node, Reduce } from "./node.ts";
import { type Buffer, expanded, newBuffer, type View } from "./view.ts";

/** Floats that one instruction takes through its registers at a time, at most. */
const tileFloats = 512;
/** Rows shorter than this go through the registers several at a time. */
const shortRow = 128;

export type Member = Elementwise | Reduce;

/** An operand or a result, and how it is walked over rows and columns. */
export interface Walk {
  readonly view: View;
  readonly rowStride: number;
  readonly columnStride: number;
}

/** The space of an elementwise instruction: rows by columns, and how it is cut into tiles. */
export interface Space {
  readonly rows: number;
  readonly columns: number;
  /** Several rows a tile, or else a part of one row. */
  readonly byRows: boolean;
  /** Rows, or floats, of a tile. */
  readonly step: number;
  readonly tiles: number;
}

/** A group of elementwise nodes and sums as one walk over memory. */
export interface Loop {
  readonly members: readonly Member[];
  readonly space: Space;
  readonly inputs: readonly Walk[];
  /** Members whose results are needed in memory, and where. */
  readonly outputs: readonly { readonly member: Elementwise; readonly walk: Walk }[];
  /** Sums, with room for what each tile gives where they are over everything. */
  readonly sums: readonly { readonly member: Reduce; readonly parts: Buffer | null }[];
  /** The member, or else the number of the input, that operand `i` of a member is. */
  readonly operand: (member: Member, i: number) => Elementwise | number;
}

/** Works out the walk of a group; `stored` are the nodes that are read outside their registers. */
export function loopOf(group: Group, stored: ReadonlySet<Node>): Loop {
  const members = group.members as Member[];
  const inputs = outsideViews(members);
  const results = members.filter(
    (one): one is Elementwise => one.kind === "elementwise" && stored.has(one),
  );
  const sums = members.filter((one) => one.kind === "reduce");
  const strided = [
    ...inputs,
    ...results.map((one) => ({ view: one.output, strides: stridesOf(one, one.output) })),
  ];
  const dims = spaceOf(members[0]).filter((size) => size !== 1);
  const separate = sums.some(({ over }) => over === "row");
  const merged = separate
    ? { dims, strides: strided.map(({ strides }) => strides) }
    : merge(dims, strided);
  if (merged.dims.length > 2) {
    throw new SinewError("engine", `the kernel cannot walk over the sizes [${merged.dims}]`);
  }
  const [columns = 1, rows = 1] = merged.dims.toReversed();
  const walks = strided.map(({ view }, i): Walk => {
    const [columnStride = 1, rowStride = 0] = merged.strides[i].toReversed();
    return { view, rowStride, columnStride };
  });
  const space = cut(rows, columns);
  return {
    members,
    space,
    inputs: walks.slice(0, inputs.length),
    outputs: results.map((member, i) => ({ member, walk: walks[inputs.length + i] })),
    sums: sums.map((member) => ({ member, parts: partsOf(member, space) })),
    operand: (member, i) => operandOf(member, i, members, inputs),
  };
}

/** The nodes whose results are read from memory. */
export function storedNodes(
  groups: readonly Group[],
  published: (view: View) => boolean,
): Set<Node> {
  const stored = new Set<Node>();
  for (const { members } of groups) {
    const own = new Set(members);
    for (const member of members) {
      if (published(member.output)) stored.add(member);
      for (const source of member.sources) {
        const register = inRegister(source);
        if (register !== null && own.has(register)) continue;
        for (const producer of source.producers) stored.add(producer);
      }
    }
  }
  return stored;
}

function partsOf({ over }: Reduce, { tiles }: Space): Buffer | null {
  return over === "all" ? newBuffer("parts of a sum", tiles, { kind: "temporary" }) : null;
}

interface Strided {
  readonly view: View;
  /** Over the space without its axes of size 1. */
  readonly strides: readonly number[];
}

function stridesOf(member: Member, view: View): number[] {
  const dims = spaceOf(member);
  return expanded(view, dims).strides.filter((_, axis) => dims[axis] !== 1);
}

/** What the members read from memory, each once. */
function outsideViews(members: readonly Member[]): Strided[] {
  const own = new Set<unknown>(members);
  const inputs: Strided[] = [];
  for (const member of members) {
    for (const source of member.sources) {
      const register = inRegister(source);
      if (register !== null && own.has(register)) continue;
      const input = { view: source.view, strides: stridesOf(member, source.view) };
      if (!inputs.some((other) => same(other, input))) inputs.push(input);
    }
  }
  return inputs;
}

function same(a: Strided, b: Strided): boolean {
  return (
    a.view.buffer === b.view.buffer &&
    a.view.offset === b.view.offset &&
    a.strides.every((stride, axis) => stride === b.strides[axis])
  );
}

function operandOf(
  member: Member,
  i: number,
  members: readonly Member[],
  inputs: readonly Strided[],
): Elementwise | number {
  const source = member.sources[i];
  const register = inRegister(source);
  if (register !== null && members.includes(register)) return register;
  const input = { view: source.view, strides: stridesOf(member, source.view) };
  return inputs.findIndex((other) => same(other, input));
}

/** How rows by columns are cut into tiles: the same whatever runs them. */
function cut(rows: number, columns: number): Space {
  if (rows > 1 && columns < shortRow) {
    const step = Math.max(1, Math.floor(tileFloats / columns));
    return { rows, columns, byRows: true, step, tiles: Math.ceil(rows / step) };
  }
  const parts = Math.ceil(columns / tileFloats);
  const step = Math.ceil(columns / parts / 16) * 16;
  return { rows, columns, byRows: false, step, tiles: rows * Math.ceil(columns / step) };
}

/** Makes neighbouring axes one wherever all strides allow it. */
function merge(
  dims: readonly number[],
  all: readonly Strided[],
): { dims: number[]; strides: number[][] } {
  const result = { dims: [] as number[], strides: all.map(() => [] as number[]) };
  for (const [axis, size] of dims.entries()) {
    const last = result.dims.length - 1;
    const joins =
      last >= 0 && all.every(({ strides }, i) => result.strides[i][last] === strides[axis] * size);
    if (joins) result.dims[last] *= size;
    else result.dims.push(size);
    for (const [i, { strides }] of all.entries()) {
      if (joins) result.strides[i][last] = strides[axis];
      else result.strides[i].push(strides[axis]);
    }
  }
  return result;
}
