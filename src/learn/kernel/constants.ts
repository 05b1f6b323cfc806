import type { Plan } from "./plan.ts";

/** Writes a plan's constants to its arena. */
export function fillConstants({ constants }: Plan, arena: Float32Array): void {
  const words = new Uint32Array(arena.buffer, arena.byteOffset, arena.length);
  for (const { offset, data } of constants) {
    words.set(new Uint32Array(data.buffer, data.byteOffset, data.length), offset);
  }
}
