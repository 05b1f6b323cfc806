import type { Loop } from "./loop.ts";
import type { Elementwise, Gemm, Node, Reduce, Source } from "./node.ts";
import { sameElements, type View } from "./view.ts";

/** Nodes that run as one instruction: elementwise ones and sums over one space, or one other. */
export interface Group {
  members: Node[];
  /** How an elementwise group walks over memory, once that is known. */
  loop: Loop | null;
}

/** The most nodes, and the most operands and results in memory, of one elementwise instruction. */
const limits = { members: 60, sources: 24, outputs: 16 };

/** Buffers that are read after the round: what lies in them has to be written. */
export type Published = (view: View) => boolean;

/** The nodes that read what a node writes. */
function readersOf(nodes: readonly Node[]): Map<Node, Node[]> {
  const readers = new Map<Node, Node[]>(nodes.map((node) => [node, []]));
  for (const node of nodes) {
    const producers = new Set(node.sources.flatMap((source) => source.producers));
    for (const producer of producers) readers.get(producer)?.push(node);
  }
  return readers;
}

/**
 * What follows a product and only it, where the product can do that as it writes: relu, and relu's
 * derivative. Returns the nodes that are left.
 */
export function fuseEpilogues(nodes: readonly Node[], published: Published): Node[] {
  const replaced = new Map<Node, Node>();
  const readers = readersOf(nodes);
  for (const gemm of nodes) {
    if (gemm.kind !== "gemm" || published(gemm.output)) continue;
    const [reader, another] = readers.get(gemm)!;
    if (reader?.kind !== "elementwise" || another !== undefined) continue;
    if (!fits(reader.output)) continue;
    if (reader.name === "relu" && isOf(reader.sources[0], gemm)) {
      gemm.epilogue = "relu";
    } else {
      const mask = reader.name === "mul" ? maskOf(reader, gemm) : null;
      if (mask === null) continue;
      gemm.epilogue = "mask";
      gemm.sources.push(mask);
    }
    gemm.output = reader.output;
    replaced.set(reader, gemm);
  }
  for (const node of nodes) {
    node.sources = node.sources.map(({ view, producers }) => ({
      view,
      producers: producers.map((producer) => replaced.get(producer) ?? producer),
    }));
  }
  const left = nodes.filter((node) => !replaced.has(node));
  return withoutUnread(left, published);
}

function fits({ dims, strides }: View): boolean {
  return dims.length === 2 && (strides[1] === 1 || dims[1] === 1);
}

function isOf({ view, producers }: Source, node: Node): boolean {
  return producers.length === 1 && producers[0] === node && sameElements(view, node.output);
}

/** y, where `product` multiplies what `gemm` writes by sign(y) and y comes of a relu before it. */
function maskOf(product: Elementwise, gemm: Gemm): Source | null {
  const [left, right] = product.sources;
  const [own, other] = isOf(left, gemm) ? [left, right] : [right, left];
  if (!isOf(own, gemm)) return null;
  const sign = other.producers.length === 1 ? other.producers[0] : undefined;
  if (sign?.kind !== "elementwise" || sign.name !== "sign" || !isOf(other, sign)) return null;
  const [y] = sign.sources;
  const maker = y.producers.length === 1 ? y.producers[0] : undefined;
  const rectified =
    (maker?.kind === "elementwise" && maker.name === "relu") ||
    (maker?.kind === "gemm" && maker.epilogue === "relu");
  if (!rectified || maker.index > gemm.index || !fits(y.view)) return null;
  return y.view.dims.every((size, axis) => size === gemm.output.dims[axis]) ? y : null;
}

function withoutUnread(nodes: readonly Node[], published: Published): Node[] {
  const read = new Set<Node>();
  const left: Node[] = [];
  for (const node of nodes.toReversed()) {
    if (!read.has(node) && !published(node.output)) continue;
    left.push(node);
    for (const { producers } of node.sources) for (const producer of producers) read.add(producer);
  }
  return left.reverse();
}

/** Whether `reader` may take an operand out of a register, not out of memory. */
export function inRegister({ view, producers }: Source): Elementwise | null {
  const [producer] = producers;
  if (producers.length !== 1 || producer.kind !== "elementwise") return null;
  return sameElements(view, producer.output) ? producer : null;
}

/** The sizes that a node runs over: equal ones may run together. */
export function spaceOf(node: Elementwise | Reduce): readonly number[] {
  return node.kind === "reduce" ? node.sources[0].view.dims : node.output.dims;
}

function spaceKey(node: Node): string | null {
  if (node.kind !== "elementwise" && node.kind !== "reduce") return null;
  return spaceOf(node)
    .filter((size) => size !== 1)
    .join();
}

/** Elementwise nodes and sums that feed each other or read the same become one instruction. */
export function fuse(nodes: readonly Node[]): Group[] {
  const groupOf = new Map<Node, Group>(
    nodes.map((node) => [node, { members: [node], loop: null }]),
  );
  const join = (left: Node, right: Node): void => {
    const [a, b] = [groupOf.get(left)!, groupOf.get(right)!];
    if (a === b || a.members.length + b.members.length > limits.members) return;
    const members = [...a.members, ...b.members].sort((one, two) => one.index - two.index);
    if (!isSmall(members) || dependsOnItself(members, groupOf)) return;
    a.members = members;
    for (const member of b.members) groupOf.set(member, a);
  };
  // From the end, so that what waits for a later node goes with that one, not with an earlier.
  for (const node of nodes.toReversed()) {
    const key = spaceKey(node);
    if (key === null) continue;
    for (const source of node.sources) {
      const producer = inRegister(source);
      if (producer !== null && spaceKey(producer) === key) join(producer, node);
    }
  }
  for (const node of nodes) if (node.kind === "reduce") joinReader(node, nodes, join);
  return [...new Set(groupOf.values())];
}

/** Lets a sum ride along where its operand is read anyway. */
function joinReader(
  sum: Reduce,
  nodes: readonly Node[],
  join: (left: Node, right: Node) => void,
): void {
  const key = spaceKey(sum);
  for (const node of nodes) {
    if (node === sum || spaceKey(node) !== key) continue;
    if (node.sources.some(({ view }) => sameElements(view, sum.sources[0].view))) join(node, sum);
  }
}

function isSmall(members: readonly Node[]): boolean {
  const own = new Set(members);
  const outside: View[] = [];
  for (const { sources } of members) {
    for (const source of sources) {
      const producer = inRegister(source);
      if (producer !== null && own.has(producer)) continue;
      if (!outside.some((view) => sameElements(view, source.view))) outside.push(source.view);
    }
  }
  return outside.length <= limits.sources && members.length <= limits.members;
}

/** Whether a group of these nodes would have to run before itself. */
function dependsOnItself(members: readonly Node[], groupOf: ReadonlyMap<Node, Group>): boolean {
  const own = new Set(members);
  const pending: Node[] = [];
  for (const { sources } of members) {
    for (const source of sources) {
      const register = inRegister(source);
      if (register !== null && own.has(register)) continue;
      pending.push(...source.producers);
    }
  }
  const seen = new Set<Group>();
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (own.has(node)) return true;
    const group = groupOf.get(node)!;
    if (seen.has(group)) continue;
    seen.add(group);
    for (const member of group.members) {
      for (const { producers } of member.sources) pending.push(...producers);
    }
  }
  return false;
}
