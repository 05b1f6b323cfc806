import type { Rng } from "../core/rng.ts";
import { type Formula, FormulaBuilder, type FormulaStep } from "./formula.ts";

/** The formula with the sums of each dense step in another order: equal but for rounding. */
export function reordered({ steps }: Formula, rng: Rng): Formula {
  const builder = new FormulaBuilder();
  const places: number[] = [];
  for (const step of steps) {
    const place =
      step.kind === "dense"
        ? shuffledDense(builder, step, places[step.of], rng)
        : builder.copy(step, (source) => places[source]);
    places.push(place);
  }
  return builder.finish(places.at(-1)!);
}

function shuffledDense(
  builder: FormulaBuilder,
  { weights, bias }: FormulaStep & { readonly kind: "dense" },
  of: number,
  rng: Rng,
): number {
  const order = Array.from({ length: builder.widthOf(of) }, (_, at) => at);
  for (let at = order.length - 1; at > 0; at--) {
    const other = rng.below(at + 1);
    [order[at], order[other]] = [order[other], order[at]];
  }
  const width = bias.length;
  const rows = order.flatMap((from) => [...weights.subarray(from * width, (from + 1) * width)]);
  return builder.dense(builder.pick(of, order), Float32Array.from(rows), bias);
}
