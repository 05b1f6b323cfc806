import assert from "node:assert/strict";

/** Functions of one number. */
export type MapOp =
  | "Abs"
  | "Cos"
  | "Elu"
  | "Exp"
  | "LeakyRelu"
  | "Log"
  | "Neg"
  | "Reciprocal"
  | "Relu"
  | "Selu"
  | "Sigmoid"
  | "Sign"
  | "Sin"
  | "Softplus"
  | "Softsign"
  | "Sqrt"
  | "Tanh";

/** Functions of two numbers; what compares them gives 1 or 0. */
export type PairOp = ("Add" | "Div" | "Max" | "Min" | "Mul" | "Pow" | "Sub") | ("Greater" | "Less");

/**
 * One step of a formula. It gives a row of `width` numbers; `of`, `left` and `right` are the places
 * of earlier steps. Rows of width 1 stand beside wider ones as if repeated.
 */
export type FormulaStep = { readonly width: number } & (
  | { readonly kind: "input" }
  | { readonly kind: "constant"; readonly values: Float32Array }
  | { readonly kind: "pick"; readonly of: number; readonly indices: readonly number[] }
  | { readonly kind: "join"; readonly of: readonly number[] }
  | {
      readonly kind: "dense";
      readonly of: number;
      /** [inputs, width], row-major. */
      readonly weights: Float32Array;
      readonly bias: Float32Array;
    }
  | { readonly kind: "map"; readonly of: number; readonly op: MapOp; readonly alpha: number }
  | { readonly kind: "pair"; readonly left: number; readonly right: number; readonly op: PairOp }
  /** `yes` where `test` is not 0. */
  | {
      readonly kind: "choose";
      readonly test: number;
      readonly yes: number;
      readonly no: number;
    }
  | { readonly kind: "mean"; readonly of: number }
  | {
      readonly kind: "norm";
      readonly of: number;
      readonly gain: Float32Array;
      readonly shift: Float32Array;
      readonly epsilon: number;
    }
);

/** What a policy computes of one row: steps in order, of which the last is the result. */
export interface Formula {
  readonly steps: readonly FormulaStep[];
}

/** Builds a formula step by step; each method gives the new step's place. */
export class FormulaBuilder {
  readonly steps: FormulaStep[] = [];

  widthOf(place: number): number {
    return this.steps[place].width;
  }

  input(width: number): number {
    return this.#add({ kind: "input", width });
  }

  constant(values: ArrayLike<number>): number {
    const row = Float32Array.from(values);
    return this.#add({ kind: "constant", width: row.length, values: row });
  }

  /** The numbers at `indices` of `of`; nothing is added where that is all of them in order. */
  pick(of: number, indices: readonly number[]): number {
    const whole = indices.length === this.widthOf(of) && indices.every((from, at) => from === at);
    assert(indices.every((from) => from >= 0 && from < this.widthOf(of)));
    return whole ? of : this.#add({ kind: "pick", of, indices, width: indices.length });
  }

  join(of: readonly number[]): number {
    if (of.length === 1) return of[0];
    const width = of.reduce((sum, place) => sum + this.widthOf(place), 0);
    return this.#add({ kind: "join", of, width });
  }

  dense(of: number, weights: Float32Array, bias: Float32Array): number {
    assert.equal(weights.length, this.widthOf(of) * bias.length);
    return this.#add({ kind: "dense", of, weights, bias, width: bias.length });
  }

  map(op: MapOp, of: number, alpha: number = 0): number {
    return this.#add({ kind: "map", of, op, alpha: Math.fround(alpha), width: this.widthOf(of) });
  }

  pair(op: PairOp, left: number, right: number): number {
    const widths = [this.widthOf(left), this.widthOf(right)];
    const width = Math.max(...widths);
    assert(widths.every((one) => one === width || one === 1));
    return this.#add({ kind: "pair", left, right, op, width });
  }

  choose(test: number, yes: number, no: number): number {
    const width = Math.max(...[test, yes, no].map((place) => this.widthOf(place)));
    return this.#add({ kind: "choose", test, yes, no, width });
  }

  mean(of: number): number {
    return this.#add({ kind: "mean", of, width: 1 });
  }

  norm(of: number, gain: Float32Array, shift: Float32Array, epsilon: number): number {
    const width = this.widthOf(of);
    assert(gain.length === width && shift.length === width);
    return this.#add({ kind: "norm", of, gain, shift, epsilon: Math.fround(epsilon), width });
  }

  /** All steps of `formula` anew, its input being the step `of`. */
  append(formula: Formula, of: number): number {
    const places: number[] = [];
    for (const step of formula.steps) {
      if (step.kind === "input") {
        assert.equal(step.width, this.widthOf(of));
        places.push(of);
      } else {
        places.push(this.#add(moved(step, (place) => places[place])));
      }
    }
    return places.at(-1)!;
  }

  /** The formula whose result is `place`, without the steps that it does not need. */
  finish(place: number): Formula {
    const needed = new Set([place]);
    for (let at = place; at >= 0; at--) {
      if (needed.has(at)) for (const source of sourcesOf(this.steps[at])) needed.add(source);
    }
    const kept = [...needed].sort((a, b) => a - b);
    const places = new Map(kept.map((at, now) => [at, now]));
    return { steps: kept.map((at) => moved(this.steps[at], (source) => places.get(source)!)) };
  }

  #add(step: FormulaStep): number {
    return this.steps.push(step) - 1;
  }
}

/** The places that a step reads. */
export function sourcesOf(step: FormulaStep): readonly number[] {
  switch (step.kind) {
    case "input":
    case "constant":
      return [];
    case "join":
      return step.of;
    case "pair":
      return [step.left, step.right];
    case "choose":
      return [step.test, step.yes, step.no];
    default:
      return [step.of];
  }
}

function moved(step: FormulaStep, to: (place: number) => number): FormulaStep {
  switch (step.kind) {
    case "input":
    case "constant":
      return step;
    case "join":
      return { ...step, of: step.of.map(to) };
    case "pair":
      return { ...step, left: to(step.left), right: to(step.right) };
    case "choose":
      return { ...step, test: to(step.test), yes: to(step.yes), no: to(step.no) };
    default:
      return { ...step, of: to(step.of) };
  }
}
