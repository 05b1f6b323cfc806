import type { Loop } from "./loop.ts";
import type { Elementwise, ElementwiseName } from "./node.ts";

/** Another step's result, or the number of an input. */
export type Operand = Elementwise | number;

/** One operation between registers, before registers have numbers. */
export interface Step {
  readonly name: ElementwiseName | "adam";
  /** What it computes: one member, or of `adam` the moments and the parameters. */
  readonly results: readonly Elementwise[];
  readonly operands: readonly Operand[];
}

/** A loop's operations, where they go together as one: products into sums, Adam into one step. */
export function contracted(loop: Loop, uniform: readonly boolean[]): Step[] {
  const spare = spareIn(loop);
  const steps = withProducts(loop, spare);
  return withAdam(steps, spare, (one) => typeof one === "number" && uniform[one]);
}

/** Tells which results only one operation of the loop reads, and nothing else. */
function spareIn({ members, outputs, operand }: Loop): (one: Operand) => one is Elementwise {
  const reads = new Map<Operand, number>();
  for (const member of members) {
    for (let i = 0; i < member.sources.length; i++) {
      const from = operand(member, i);
      reads.set(from, (reads.get(from) ?? 0) + 1);
    }
  }
  const inMemory = new Set(outputs.map(({ member }) => member));
  return (one): one is Elementwise =>
    typeof one !== "number" && reads.get(one) === 1 && !inMemory.has(one);
}

/** Products that only one sum or difference reads become part of it. */
function withProducts({ members, operand }: Loop, spare: (one: Operand) => one is Elementwise) {
  const gone = new Set<Elementwise>();
  const steps: Step[] = [];
  const product = (one: Operand): one is Elementwise => spare(one) && one.name === "mul";
  for (const member of members) {
    if (member.kind !== "elementwise") continue;
    const operands = member.sources.map((_, i) => operand(member, i));
    const [left, right] = operands;
    const take = (one: Elementwise, other: Operand, name: ElementwiseName): void => {
      gone.add(one);
      const factors = [operand(one, 0), operand(one, 1)];
      steps.push({ name, results: [member], operands: [...factors, other] });
    };
    if (member.name === "add" && product(left)) take(left, right, "multiplyAdd");
    else if (member.name === "add" && product(right)) take(right, left, "multiplyAdd");
    else if (member.name === "sub" && product(right)) take(right, left, "multiplySub");
    else if (member.name === "sub" && product(left)) take(left, right, "multiplyLess");
    else steps.push({ name: member.name, results: [member], operands });
  }
  return steps.filter(({ results }) => !gone.has(results[0]));
}

/**
 * Finds m' = m b1 + g c1, v' = v b2 + g^2 c2, p' = p - rate m' / (sqrt(v') + epsilon) and makes one
 * step of it: results m', v', p'; operands g, m, v, p, rate, epsilon, b1, c1, b2, c2.
 */
function withAdam(
  steps: readonly Step[],
  spare: (one: Operand) => one is Elementwise,
  uniform: (one: Operand) => boolean,
): Step[] {
  const makers = new Map<Operand, Step>(steps.map((step) => [step.results[0], step]));
  const gone = new Set<Step>();
  const whole = new Map<Step, Step>();
  for (const step of steps) {
    const found = step.name === "multiplySub" ? adamEndingIn(step, makers, spare) : null;
    if (found === null || !fits(found.adam, found.parts, steps, uniform)) continue;
    for (const part of found.parts) gone.add(part);
    whole.set(step, found.adam);
  }
  return steps.filter((step) => !gone.has(step)).map((step) => whole.get(step) ?? step);
}

/**
 * Whether its numbers are numbers and its vectors memory of its own, and nothing reads the moments
 * before the parameters are there.
 */
function fits(
  { operands, results }: Step,
  parts: readonly Step[],
  steps: readonly Step[],
  uniform: (one: Operand) => boolean,
): boolean {
  const [vectors, numbers] = [operands.slice(0, 4), operands.slice(4)];
  if (vectors.some(uniform) || !numbers.every(uniform)) return false;
  const moments = results.slice(0, 2);
  const end = steps.findIndex((step) => step.results[0] === results[2]);
  return steps
    .slice(0, end)
    .every(
      (step) =>
        parts.includes(step) || !step.operands.some((one) => moments.includes(one as Elementwise)),
    );
}

function adamEndingIn(
  step: Step,
  makers: ReadonlyMap<Operand, Step>,
  spare: (one: Operand) => one is Elementwise,
): { adam: Step; parts: Step[] } | null {
  /** The step of this name that makes an operand that nothing else reads. */
  const inner = (one: Operand, name: Step["name"]): Step | null => {
    const maker = makers.get(one);
    return spare(one) && maker?.name === name ? maker : null;
  };
  const either = (of: Step, name: Step["name"]): [Step, Operand] | null => {
    const [left, right] = of.operands;
    const [first, second] = [inner(left, name), inner(right, name)];
    if (first !== null) return [first, right];
    return second === null ? null : [second, left];
  };
  const quotient = either(step, "div");
  if (quotient === null) return null;
  const [division, rate] = quotient;
  const sum = inner(division.operands[1], "add");
  const rooted = sum === null ? null : either(sum, "sqrt");
  if (sum === null || rooted === null) return null;
  const [root, epsilon] = rooted;
  const first = makers.get(division.operands[0]);
  const second = makers.get(root.operands[0]);
  if (first?.name !== "multiplyAdd" || second?.name !== "multiplyAdd") return null;
  const slope = inner(first.operands[2], "mul");
  const square = inner(second.operands[2], "mul");
  const squared = square === null ? null : either(square, "mul");
  if (slope === null || square === null || squared === null) return null;
  const [power, c2] = squared;
  const [g, c1] = slope.operands;
  if (power.operands[0] !== g || power.operands[1] !== g) return null;
  const [m, b1] = first.operands;
  const [v, b2] = second.operands;
  const adam: Step = {
    name: "adam",
    results: [first.results[0], second.results[0], step.results[0]],
    operands: [g, m, v, step.operands[2], rate, epsilon, b1, c1, b2, c2],
  };
  return { adam, parts: [division, sum, root, first, second, slope, square, power] };
}
