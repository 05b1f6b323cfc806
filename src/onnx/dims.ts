import assert from "node:assert/strict";

/** Sizes of `a` and `b` under numpy's broadcasting rule. */
export function broadcastDims(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  const dims: number[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const left = a[a.length - rank + axis] ?? 1;
    const right = b[b.length - rank + axis] ?? 1;
    assert(left === right || left === 1 || right === 1, `cannot broadcast [${a}] and [${b}]`);
    dims.push(left === 1 ? right : left);
  }
  return dims;
}

/** Number of elements. */
export function elementsOf(dims: readonly number[]): number {
  return dims.reduce((product, size) => product * size, 1);
}

/** Whether `a` and `b` are the same sizes. */
export function sameDims(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

/** Sizes once `axes` are summed away: 1 in their places. */
export function reducedDims(dims: readonly number[], axes: readonly number[]): number[] {
  return dims.map((size, axis) => (axes.includes(axis) ? 1 : size));
}
