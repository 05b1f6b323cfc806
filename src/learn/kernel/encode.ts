import { SinewError } from "../../core/errors.ts";
import { elementsOf } from "../../onnx/dims.ts";
import { encodeLoop } from "./encode-elementwise.ts";
import type { Group } from "./fuse.ts";
import type { Layout } from "./layout.ts";
import type { ColumnSum, Gather, Gemm, Scatter } from "./node.ts";
import { homeOf, matrixOf, type View } from "./view.ts";

/** Numbers by which the C core knows its instructions. */
export const opcodes = {
  elementwise: 1,
  gemm: 2,
  columnSum: 3,
  gather: 4,
  scatter: 5,
  combine: 6,
  keep: 7,
} as const;

/** Floats of the arena from `start` up to but not including `end`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** One instruction, not yet placed in the stream. */
export interface Instruction {
  readonly op: number;
  /** What follows the opcode, the length and the flags. */
  readonly words: readonly number[];
  /** Whether two threads share it; else the first one does it alone. */
  readonly shared: boolean;
  readonly reads: readonly Span[];
  readonly writes: readonly Span[];
}

/** Multiplications, or elements, below which a second thread costs more than it takes over. */
const worthSharing = { products: 40_000, elements: 6_000 };

/** All instructions of one group. */
export function encodeGroup(group: Group, layout: Layout): Instruction[] {
  const [first] = group.members;
  switch (first.kind) {
    case "elementwise":
    case "reduce":
      return encodeLoop(group.loop!, layout, worthSharing.elements);
    case "gemm":
      return [encodeGemm(first, layout)];
    case "columnSum":
      return [encodeColumnSum(first, layout)];
    case "gather":
      return [encodeGather(first, layout)];
    case "scatter":
      return [encodeScatter(first, layout)];
  }
}

/** Copies a kept output out of the arena, to entry `external` of the table. */
export function encodeKeep(view: View, external: number, layout: Layout): Instruction {
  const [, offset] = layout.addressOf(view);
  const words = [elementsOf(view.dims), offset, external];
  return { op: opcodes.keep, words, shared: false, reads: spansOf([view], layout), writes: [] };
}

/** The floats that views span, those outside the arena left out. */
export function spansOf(views: readonly View[], layout: Layout): Span[] {
  return views.flatMap(({ buffer, offset, dims, strides }) => {
    if (homeOf(buffer).place.kind === "external") return [];
    const start = layout.offsetOf(buffer) + offset;
    const reach = dims.reduce((sum, size, axis) => sum + (size - 1) * strides[axis], 0);
    return [{ start, end: start + reach + 1 }];
  });
}

/** The bits of a float32 as a word. */
export function floatWord(value: number): number {
  return new Int32Array(Float32Array.of(value).buffer)[0];
}

function encodeGemm(node: Gemm, layout: Layout): Instruction {
  const views = node.sources.map(({ view }) => view);
  const [a, b] = [matrixOf(views[0]), matrixOf(views[1])];
  const c = matrixOf(node.output);
  if (b.rows !== a.columns || c.rows !== a.rows || c.columns !== b.columns) {
    throw new SinewError("engine", "the kernel's planner mixed up a matrix product");
  }
  const bias = node.bias ? layout.addressOf(views[2]) : [-1, 0];
  const mask = node.epilogue === "mask" ? matrixOf(views.at(-1)!) : null;
  const words = [
    ...[a.rows, b.columns, a.columns],
    ...[...layout.addressOf(a), a.rowStride, a.columnStride],
    ...[...layout.addressOf(b), b.rowStride, b.columnStride],
    ...[layout.addressOf(c)[1], c.rowStride],
    ...bias,
    { none: 0, relu: 1, mask: 2 }[node.epilogue],
    ...(mask === null ? [0, 0, 0] : [...layout.addressOf(mask), mask.rowStride]),
  ];
  return {
    op: opcodes.gemm,
    words,
    shared: a.rows * b.columns * a.columns >= worthSharing.products,
    reads: spansOf(views, layout),
    writes: spansOf([node.output], layout),
  };
}

function encodeColumnSum(node: ColumnSum, layout: Layout): Instruction {
  const [{ view }] = node.sources;
  const x = matrixOf(view);
  const out = matrixOf(node.output);
  const words = [
    ...[x.rows, x.columns],
    ...[...layout.addressOf(x), x.rowStride],
    ...[layout.addressOf(out)[1], out.columnStride],
    floatWord(node.scale),
  ];
  return {
    op: opcodes.columnSum,
    words,
    shared: x.rows * x.columns >= worthSharing.elements && x.columns >= 32,
    reads: spansOf([view], layout),
    writes: spansOf([node.output], layout),
  };
}

function encodeGather(node: Gather, layout: Layout): Instruction {
  const [x, index] = node.sources.map(({ view }) => view);
  const out = matrixOf(node.output);
  const words = [
    ...[out.rows, out.columns, x.dims[0]],
    ...[...layout.addressOf(x), x.strides[0]],
    ...layout.addressOf(index),
    ...[layout.addressOf(out)[1], out.rowStride],
  ];
  return {
    op: opcodes.gather,
    words,
    shared: out.rows * out.columns >= worthSharing.elements,
    reads: spansOf(x.dims[0] < 0 ? [index] : [x, index], layout),
    writes: spansOf([node.output], layout),
  };
}

function encodeScatter(node: Scatter, layout: Layout): Instruction {
  const [index, updates] = node.sources.map(({ view }) => view);
  const count = elementsOf(index.dims);
  const width = elementsOf(updates.dims) / count;
  const rows = elementsOf(node.output.dims) / width;
  const words = [
    ...[count, width, rows],
    ...layout.addressOf(index),
    ...[...layout.addressOf(updates), updates.strides[0]],
    ...[layout.addressOf(node.output)[1], node.output.strides[0]],
    floatWord(node.fill),
  ];
  return {
    op: opcodes.scatter,
    words,
    shared: false,
    reads: spansOf([index, updates], layout),
    writes: spansOf([node.output], layout),
  };
}
