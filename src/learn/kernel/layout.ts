import type { Group } from "./fuse.ts";
import type { Memory } from "./memory.ts";
import { type Buffer, homeOf, type View } from "./view.ts";

/** Buffers begin at multiples of this many floats: 64 bytes, a cache line. */
const alignment = 16;

/** Where each buffer of the arena begins, in floats. */
export class Layout {
  readonly #offsets = new Map<Buffer, number>();
  #size = 0;

  /** Floats in the arena so far. */
  get size(): number {
    return this.#size;
  }

  /** Gives the named buffers and the constants their places, unless they have them. */
  placePermanent(memory: Memory): void {
    for (const { buffer } of memory.named.values()) this.#append(buffer);
    for (const buffer of memory.constants) this.#append(buffer);
  }

  /**
   * Gives a program's temporary buffers places from `start` on; two share floats only where no
   * moment needs both.
   */
  placeTemporary(groups: readonly Group[], start: number): void {
    const lives = lifetimes(groups);
    const placed: { life: Life; offset: number; end: number }[] = [];
    for (const life of lives.toSorted((a, b) => b.buffer.size - a.buffer.size)) {
      const near = placed
        .filter(({ life: other }) => other.first <= life.last && life.first <= other.last)
        .sort((a, b) => a.offset - b.offset);
      let offset = start;
      for (const other of near) {
        if (offset + aligned(life.buffer.size) <= other.offset) break;
        offset = Math.max(offset, other.end);
      }
      const end = offset + aligned(life.buffer.size);
      placed.push({ life, offset, end });
      this.#offsets.set(life.buffer, offset);
      this.#size = Math.max(this.#size, end);
    }
  }

  /** A run of its own. Returns where it begins. */
  reserve(floats: number): number {
    const offset = this.#size;
    this.#size += aligned(floats);
    return offset;
  }

  offsetOf(buffer: Buffer): number {
    const offset = this.#offsets.get(homeOf(buffer));
    if (offset === undefined) throw new Error(`${buffer.name} has no place`);
    return offset;
  }

  /** Base and offset of a view's first element: base 0 is the arena, i + 1 external i. */
  addressOf({ buffer, offset }: Pick<View, "buffer" | "offset">): [number, number] {
    const { place } = homeOf(buffer);
    if (place.kind === "external") return [place.index + 1, offset];
    return [0, this.offsetOf(buffer) + offset];
  }

  #append(buffer: Buffer): void {
    if (!this.#offsets.has(buffer)) this.#offsets.set(buffer, this.reserve(buffer.size));
  }
}

function aligned(floats: number): number {
  return Math.ceil(floats / alignment) * alignment;
}

interface Life {
  readonly buffer: Buffer;
  readonly first: number;
  last: number;
}

/** The first and the last group that touches each temporary buffer. */
function lifetimes(groups: readonly Group[]): Life[] {
  const lives = new Map<Buffer, Life>();
  for (const [at, group] of groups.entries()) {
    for (const buffer of touched(group)) {
      const home = homeOf(buffer);
      if (home.place.kind !== "temporary") continue;
      const life = lives.get(home);
      if (life === undefined) lives.set(home, { buffer: home, first: at, last: at });
      else life.last = at;
    }
  }
  return [...lives.values()];
}

/** The buffers that a group reads or writes in memory. */
function touched({ members, loop }: Group): Buffer[] {
  if (loop === null) {
    return members.flatMap(({ sources, output }) => [
      ...sources.map(({ view }) => view.buffer),
      output.buffer,
    ]);
  }
  return [
    ...loop.inputs.map(({ view }) => view.buffer),
    ...loop.outputs.map(({ member }) => member.output.buffer),
    ...loop.sums.flatMap(({ member, parts }) => [member.output.buffer, parts ?? []].flat()),
  ];
}
