import type { GraphBuilder, Value } from "../onnx/graph.ts";

/**
 * What an engine runs: a graph, and how long each of its inputs lives. One pass through the graph
 * is a round. Every value of the graph has fixed sizes but the first axis of a shared input, which
 * may be -1.
 */
export interface Program {
  readonly graph: GraphBuilder;
  /** Written by one round for the next: input `name`, output `name.next` of the same sizes. */
  readonly carried: readonly Value[];
  /** Inputs that stay as they are through all rounds of a call. */
  readonly shared: readonly Value[];
  /** Inputs of which each round has its own: [rounds, ...dims], row-major. */
  readonly each: readonly Value[];
  /** Outputs that are kept of each round, by the name in the graph: [rounds, ...dims]. */
  readonly kept: readonly { readonly name: string; readonly dims: readonly number[] }[];
}

/** Numbers by the name of an input or output. */
export type Arrays = Readonly<Record<string, Float32Array | Int32Array>>;
