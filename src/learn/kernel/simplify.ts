import type { Operation, Value } from "../../onnx/graph.ts";
import type { Program } from "../program.ts";

/** A graph without repeated and without unused operations. */
export interface Simplified {
  readonly operations: readonly Operation[];
  /** The value that stands for a value of the graph. */
  readonly resolve: (value: Value) => Value;
  /** The operations that read a value, and "output" where the program publishes it. */
  readonly readers: ReadonlyMap<Value, readonly (Operation | "output")[]>;
}

/** Common subexpressions made one, then all dropped that no output depends on. */
export function simplify(program: Program): Simplified {
  const { graph } = program;
  const stands = new Map<Value, Value>();
  const resolve = (value: Value): Value => stands.get(value) ?? value;
  const ids = new Map<Value, number>();
  const idOf = (value: Value): number => {
    const id = ids.get(value) ?? ids.size;
    ids.set(value, id);
    return id;
  };
  const known = new Map<string, Operation>();
  const distinct: Operation[] = [];
  for (const operation of graph.operations) {
    const inputs = operation.inputs.map(resolve);
    const key = `${operation.op} ${inputs.map(idOf)} ${JSON.stringify(operation.attributes)}`;
    const twin = known.get(key);
    if (twin === undefined) {
      const own = { ...operation, inputs };
      known.set(key, own);
      distinct.push(own);
    } else {
      for (const [i, output] of operation.outputs.entries()) stands.set(output, twin.outputs[i]);
    }
  }
  const published = graph.outputs.map(({ value }) => resolve(value));
  const needed = new Set<Value>(published);
  const operations: Operation[] = [];
  for (const operation of distinct.toReversed()) {
    if (!operation.outputs.some((output) => needed.has(output))) continue;
    operations.push(operation);
    for (const input of operation.inputs) needed.add(input);
  }
  operations.reverse();
  return { operations, resolve, readers: readersOf(operations, published) };
}

function readersOf(
  operations: readonly Operation[],
  published: readonly Value[],
): Map<Value, (Operation | "output")[]> {
  const readers = new Map<Value, (Operation | "output")[]>();
  const add = (value: Value, reader: Operation | "output"): void => {
    const list = readers.get(value);
    if (list === undefined) readers.set(value, [reader]);
    else list.push(reader);
  };
  for (const operation of operations) {
    for (const input of new Set(operation.inputs)) add(input, operation);
  }
  for (const value of published) add(value, "output");
  return readers;
}
