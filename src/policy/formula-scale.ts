import { type Formula, sourcesOf } from "./formula.ts";

/** What a formula does to each number of its input first: (number - mean) * scale. */
export interface Scaling {
  readonly mean: readonly number[];
  readonly scale: readonly number[];
}

/**
 * The scaling that a formula begins with: sums, products and limits with constants, before anything
 * else reads the input. Null where it begins otherwise.
 */
export function scalingOf({ steps }: Formula): Scaling | null {
  const width = steps[0].width;
  const factor = new Array<number>(width).fill(1);
  const shift = new Array<number>(width).fill(0);
  let place = 0;
  let scales = false;
  for (;;) {
    const readers = steps.flatMap((step, at) => (sourcesOf(step).includes(place) ? [at] : []));
    const step = readers.length === 1 ? steps[readers[0]] : undefined;
    if (step?.kind !== "pair") break;
    const left = steps[step.left];
    const right = steps[step.right];
    const constant = step.left === place ? right : left;
    if (constant.kind !== "constant" || step.width !== width) break;
    const reversed = step.right === place;
    if ((step.op === "Sub" || step.op === "Div") && reversed) break;
    for (let i = 0; i < width; i++) {
      const value = constant.values[constant.width === 1 ? 0 : i];
      if (step.op === "Add") shift[i] += value;
      if (step.op === "Sub") shift[i] -= value;
      if (step.op === "Mul" || step.op === "Div") {
        const by = step.op === "Mul" ? value : 1 / value;
        factor[i] *= by;
        shift[i] *= by;
      }
    }
    if (step.op === "Pow") break;
    scales = scales || !["Max", "Min"].includes(step.op);
    place = readers[0];
  }
  const mean = shift.map((one, i) => (factor[i] === 0 ? 0 : -one / factor[i]));
  return scales ? { mean, scale: factor } : null;
}
