import type { View } from "./view.ts";

/** What the kernel computes element by element, and the number by which the C core knows it. */
export const elementwiseCodes = {
  copy: 0,
  add: 1,
  sub: 2,
  mul: 3,
  div: 4,
  min: 5,
  max: 6,
  greater: 7,
  equal: 8,
  select: 9,
  neg: 10,
  relu: 11,
  tanh: 12,
  sign: 13,
  sqrt: 14,
  abs: 15,
  exp: 16,
  log: 17,
  /** max(min(a, c), b): b is the lower limit, c the upper. */
  clip: 18,
  /** a b + c. */
  multiplyAdd: 19,
  /** c - a b. */
  multiplySub: 20,
  /** a b - c. */
  multiplyLess: 21,
} as const;

/** Adam's moments and parameters in one step (contract.ts). */
export const adamCode = 22;

export type ElementwiseName = keyof typeof elementwiseCodes;

/** The operations of a graph that are elementwise, and what the kernel calls them. */
export const elementwiseOps: Readonly<Record<string, ElementwiseName>> = {
  Add: "add",
  Sub: "sub",
  Mul: "mul",
  Div: "div",
  Min: "min",
  Max: "max",
  Greater: "greater",
  Equal: "equal",
  Where: "select",
  Neg: "neg",
  Relu: "relu",
  Tanh: "tanh",
  Sign: "sign",
  Sqrt: "sqrt",
  Abs: "abs",
  Exp: "exp",
  Log: "log",
  Clip: "clip",
};

/** An operand: where it lies, and the nodes that must have run for it to be there. */
export interface Source {
  readonly view: View;
  readonly producers: readonly Node[];
}

interface Common {
  /** Place in the order that the graph was built in. */
  readonly index: number;
  sources: Source[];
  output: View;
}

export interface Elementwise extends Common {
  readonly kind: "elementwise";
  readonly name: ElementwiseName;
}

/** Sum over all elements, or over the columns of each row; times `scale`, then perhaps a root. */
export interface Reduce extends Common {
  readonly kind: "reduce";
  readonly over: "all" | "row";
  readonly squared: boolean;
  readonly scale: number;
  readonly root: boolean;
}

/** Sum over the rows of each column, times `scale`. */
export interface ColumnSum extends Common {
  readonly kind: "columnSum";
  readonly scale: number;
}

/** Sources a [m, k], b [k, n], then the bias [n] if any, then what `epilogue` reads. */
export interface Gemm extends Common {
  readonly kind: "gemm";
  readonly bias: boolean;
  /** `mask`: times 1 where the last source is above 0, else times 0. */
  epilogue: "none" | "relu" | "mask";
}

/** Sources x [rows, width] and the index [n]. */
export interface Gather extends Common {
  readonly kind: "gather";
}

/** `fill` everywhere, then source 1 [n, width] added to the rows that source 0 [n] names. */
export interface Scatter extends Common {
  readonly kind: "scatter";
  readonly fill: number;
}

export type Node = Elementwise | Reduce | ColumnSum | Gemm | Gather | Scatter;
