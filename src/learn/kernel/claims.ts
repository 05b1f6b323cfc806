import type { Operation, Value } from "../../onnx/graph.ts";
import type { Simplified } from "./simplify.ts";
import { newBuffer, reshaped, sliced, type View, whole } from "./view.ts";

/** Operations that only look at their input differently. */
const looks = new Set(["Reshape", "Split", "Slice", "Transpose", "Expand", "Cast", "Identity"]);

/** Concatenations whose pieces are computed in place, and where each such piece goes. */
export interface Claims {
  readonly places: ReadonlyMap<Value, View>;
}

/**
 * Decides which values are written straight into the concatenation that they are a piece of. Each
 * value has one place, so the last concatenation that wants it gets it.
 */
export function claimPieces({ operations }: Simplified): Claims {
  const makers = new Map<Value, Operation>();
  for (const operation of operations) {
    for (const output of operation.outputs) makers.set(output, operation);
  }
  const places = new Map<Value, View>();
  for (const operation of operations.toReversed()) {
    if (operation.op !== "Concat") continue;
    const output = operation.outputs[0];
    const place =
      places.get(output) ??
      whole(newBuffer(output.name, sizeOf(output), { kind: "temporary" }), output.dims);
    places.set(output, place);
    const axis = axisOf(operation);
    let at = 0;
    for (const input of operation.inputs) {
      claim(input, sliced(place, axis, at, input.dims[axis]), makers, places);
      at += input.dims[axis];
    }
  }
  return { places };
}

function claim(
  piece: Value,
  place: View,
  makers: ReadonlyMap<Value, Operation>,
  places: Map<Value, View>,
): void {
  let [value, view]: [Value, View | null] = [piece, place];
  let maker = makers.get(value);
  while (maker !== undefined && maker.op === "Reshape") {
    value = maker.inputs[0];
    view = reshaped(view, value.dims);
    if (view === null) return;
    maker = makers.get(value);
  }
  if (maker === undefined || looks.has(maker.op) || places.has(value)) return;
  places.set(value, view);
}

function sizeOf({ dims }: Value): number {
  return dims.reduce((product, size) => product * size, 1);
}

/** The axis that a node concatenates or splits along. */
export function axisOf({ attributes }: Operation): number {
  const { axis } = attributes;
  return axis !== undefined && "int" in axis ? axis.int : 0;
}
