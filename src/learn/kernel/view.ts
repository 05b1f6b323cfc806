import { elementsOf } from "../../onnx/dims.ts";

/** Where the floats of a buffer lie. */
export type Place =
  /** Somewhere in the arena, shared with others that are not alive at the same time. */
  | { readonly kind: "temporary" }
  /** In the arena, for itself alone, under a name: carried and shared inputs, kept outputs. */
  | { readonly kind: "permanent" }
  /** In the arena, filled once. */
  | { readonly kind: "constant"; readonly data: Float32Array | Int32Array }
  /** Outside: entry `index` of the table of pointers that each call passes. */
  | { readonly kind: "external"; readonly index: number };

/** A run of floats that one or more nodes write and others read. */
export interface Buffer {
  readonly name: string;
  /** In floats. */
  readonly size: number;
  place: Place;
  /** The buffer in whose memory this one lies, if any. */
  home: Buffer | null;
}

/** Elements of a buffer as a tensor: element [i, j, ...] lies at offset + sum of index * stride. */
export interface View {
  readonly buffer: Buffer;
  readonly offset: number;
  readonly dims: readonly number[];
  /** In floats, one for each axis; 0 repeats, and so does any stride along an axis of size 1. */
  readonly strides: readonly number[];
}

/** A matrix as the kernel reads it: element [i, j] at offset + i * rowStride + j * columnStride. */
export interface Matrix {
  readonly buffer: Buffer;
  readonly offset: number;
  readonly rows: number;
  readonly columns: number;
  readonly rowStride: number;
  readonly columnStride: number;
}

export function newBuffer(name: string, size: number, place: Place): Buffer {
  return { name, size, place, home: null };
}

/** The buffer that a buffer lies in, in the end. */
export function homeOf(buffer: Buffer): Buffer {
  let home = buffer;
  while (home.home !== null) home = home.home;
  return home;
}

/** Row-major strides of a tensor without gaps. */
export function denseStrides(dims: readonly number[]): number[] {
  const strides = new Array<number>(dims.length);
  let stride = 1;
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= dims[axis];
  }
  return strides;
}

/** All of a buffer, row-major. */
export function whole(buffer: Buffer, dims: readonly number[]): View {
  return { buffer, offset: 0, dims, strides: denseStrides(dims) };
}

/** Whether the elements lie one behind the other in row-major order. */
export function isDense({ dims, strides }: View): boolean {
  const dense = denseStrides(dims);
  return dims.every((size, axis) => size === 1 || strides[axis] === dense[axis]);
}

export function sliced(view: View, axis: number, start: number, size: number): View {
  const offset = view.offset + start * view.strides[axis];
  return { ...view, offset, dims: view.dims.with(axis, size) };
}

/** The same elements in the same order under other sizes; null where only a copy can give that. */
export function reshaped(view: View, dims: readonly number[]): View | null {
  if (isDense(view)) return { ...view, dims, strides: denseStrides(dims) };
  // Axes of size 1 come and go freely.
  const [from, to] = [squeezed(view), dims.filter((size) => size !== 1)];
  if (from.dims.length !== to.length || from.dims.some((size, i) => size !== to[i])) return null;
  let next = 0;
  return { ...view, dims, strides: dims.map((size) => (size === 1 ? 0 : from.strides[next++])) };
}

/** Repeats by the broadcasting rule. */
export function expanded(view: View, dims: readonly number[]): View {
  const lead = dims.length - view.dims.length;
  const strides = dims.map((size, axis) =>
    axis < lead || view.dims[axis - lead] !== size ? 0 : view.strides[axis - lead],
  );
  return { ...view, dims, strides };
}

export function transposed(view: View): View {
  return { ...view, dims: view.dims.toReversed(), strides: view.strides.toReversed() };
}

/** Without the axes of size 1. */
function squeezed({ dims, strides }: View): { dims: number[]; strides: number[] } {
  const kept = dims.map((size, axis) => ({ size, stride: strides[axis] }));
  const long = kept.filter(({ size }) => size !== 1);
  return { dims: long.map(({ size }) => size), strides: long.map(({ stride }) => stride) };
}

/** Whether two views give the same elements in the same order, whatever their axes of size 1. */
export function sameElements(a: View, b: View): boolean {
  if (a.buffer !== b.buffer || a.offset !== b.offset) return false;
  const [left, right] = [squeezed(a), squeezed(b)];
  return (
    left.dims.length === right.dims.length &&
    left.dims.every((size, i) => size === right.dims[i] && left.strides[i] === right.strides[i])
  );
}

/** Two dimensions (or fewer) as a matrix: a vector is one row, unless it has a stride. */
export function matrixOf(view: View): Matrix {
  const { buffer, offset, dims, strides } = view;
  const [rows, columns] = dims.length === 2 ? dims : [1, elementsOf(dims)];
  const [rowStride, columnStride] =
    dims.length === 2 ? strides : [0, dims.length === 1 ? strides[0] : 1];
  return { buffer, offset, rows, columns, rowStride, columnStride };
}
