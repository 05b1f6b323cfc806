import { contracted, type Operand, type Step } from "./contract.ts";
import type { Layout } from "./layout.ts";
import type { Loop, Walk } from "./loop.ts";
import { adamCode, type Elementwise, elementwiseCodes } from "./node.ts";

/** How a result gets to memory: from its register by a stride, as it is computed, or repeated. */
const writing = { strided: 0, direct: 1, uniform: 2 } as const;

/**
 * A loop's operations with their registers: first the inputs', then temporary ones, then one for
 * each output. A uniform register holds one number, repeated over one vector.
 */
export interface Registers {
  readonly temporaries: number;
  /**
   * Code, destination, three operands, and bits that say which of them are uniform; Adam's step
   * takes three times that.
   */
  readonly steps: readonly (readonly number[])[];
  /** Register of each output, and how it gets to memory: see `writing`. */
  readonly outputs: readonly { readonly register: number; readonly how: number }[];
  readonly sums: readonly { readonly register: number; readonly uniform: boolean }[];
  /** Of each input. */
  readonly uniform: readonly boolean[];
}

export function assignRegisters(loop: Loop, layout: Layout): Registers {
  const uniform = loop.inputs.map(({ rowStride, columnStride }) =>
    loop.space.byRows ? rowStride === 0 && columnStride === 0 : columnStride === 0,
  );
  return new Assignment(loop, contracted(loop, uniform), uniform, layout).run();
}

/** One step with its registers: the first result, then operands; see `#code` for Adam's. */
interface Coded {
  readonly code: number;
  readonly registers: readonly number[];
  readonly bits: number;
}

class Assignment {
  readonly #loop: Loop;
  readonly #steps: readonly Step[];
  readonly #uniform: readonly boolean[];
  readonly #layout: Layout;
  /** The last step that reads a member's or an input's register; the end where it is stored. */
  readonly #lastRead = new Map<Operand, number>();
  readonly #registers = new Map<Elementwise, number>();
  readonly #uniformMembers = new Set<Elementwise>();
  /** Temporary registers that are free; the rest counts up. */
  readonly #free: number[] = [];
  #temporaries = 0;

  constructor(loop: Loop, steps: readonly Step[], uniform: readonly boolean[], layout: Layout) {
    this.#loop = loop;
    this.#steps = steps;
    this.#uniform = uniform;
    this.#layout = layout;
  }

  run(): Registers {
    const { inputs, outputs, sums, operand } = this.#loop;
    for (const [at, { operands }] of this.#steps.entries()) {
      for (const one of operands) this.#lastRead.set(one, at);
    }
    const summed = sums.map(({ member }) => operand(member, 0));
    for (const one of summed) this.#lastRead.set(one, this.#steps.length);
    this.#findUniform();
    const direct = new Map<Elementwise, number>();
    for (const [i, { member, walk }] of outputs.entries()) {
      if (this.#isDirect(member, walk)) direct.set(member, i);
      else this.#lastRead.set(member, this.#steps.length);
    }
    const coded = this.#steps.map((step, at) => this.#code(step, at, direct));
    // Registers of outputs come behind the temporary ones, which have been counted only now.
    const first = inputs.length + this.#temporaries;
    const settle = (register: number): number => (register < 0 ? first - 1 - register : register);
    const registerOf = (one: Operand): number =>
      typeof one === "number" ? one : settle(this.#registers.get(one)!);
    return {
      temporaries: this.#temporaries,
      steps: coded.flatMap(({ code, registers, bits }) => {
        const [to, a, b, c, ...more] = registers.map(settle);
        const first = [code, to, a, b, c, bits];
        if (more.length === 0) return [first];
        return [first, [...more.slice(0, 5), 0], [...more.slice(5), 0, 0]];
      }),
      outputs: outputs.map(({ member }) => {
        const how = this.#isUniform(member) ? writing.uniform : writing.strided;
        return { register: registerOf(member), how: direct.has(member) ? writing.direct : how };
      }),
      sums: summed.map((one) => ({ register: registerOf(one), uniform: this.#isUniform(one) })),
      uniform: this.#uniform,
    };
  }

  #isUniform(one: Operand): boolean {
    return typeof one === "number" ? this.#uniform[one] : this.#uniformMembers.has(one);
  }

  #findUniform(): void {
    for (const { results, operands } of this.#steps) {
      if (operands.every((one) => this.#isUniform(one))) this.#uniformMembers.add(results[0]);
    }
  }

  /**
   * Whether a result may go to memory as it is computed: it lies there without gaps, and nothing
   * that is read from the same memory later in the tile is written over.
   */
  #isDirect(member: Elementwise, walk: Walk): boolean {
    if (this.#isUniform(member)) return false;
    const { space, inputs } = this.#loop;
    if (walk.columnStride !== 1) return false;
    if (space.byRows && walk.rowStride !== space.columns) return false;
    const at = this.#steps.findIndex(({ results }) => results.includes(member));
    const [, offset] = this.#layout.addressOf(walk.view);
    return inputs.every(({ view }, i) => {
      const [base, from] = this.#layout.addressOf(view);
      if (base !== 0 || from !== offset) return true;
      return (this.#lastRead.get(i) ?? 0) <= at;
    });
  }

  #code(step: Step, at: number, direct: ReadonlyMap<Elementwise, number>): Coded {
    const { name, results, operands } = step;
    const from = operands.map((one) => (typeof one === "number" ? one : this.#registers.get(one)!));
    const over = [...new Set(operands)].filter(
      (one): one is Elementwise =>
        typeof one !== "number" && this.#lastRead.get(one) === at && !direct.has(one),
    );
    // One number is read for every vector of the result, so that must not be written over it.
    const wide = !this.#isUniform(results[0]);
    const kept = over.filter((one) => wide && this.#isUniform(one));
    for (const one of over) if (!kept.includes(one)) this.#free.push(this.#registers.get(one)!);
    const to = results.map((result) => {
      const output = direct.get(result);
      const register = output === undefined ? this.#take() : -1 - output;
      this.#registers.set(result, register);
      return register;
    });
    for (const one of kept) this.#free.push(this.#registers.get(one)!);
    for (const [i, result] of results.entries()) {
      if (!direct.has(result) && !this.#lastRead.has(result)) this.#free.push(to[i]);
    }
    if (name === "adam") {
      const [g, m, v, ...rest] = from;
      return { code: adamCode, registers: [to[0], g, m, v, to[2], to[1], ...rest], bits: 0 };
    }
    const bits = operands.reduce<number>(
      (sum, one, i) => sum + (this.#isUniform(one) ? 1 << i : 0),
      this.#isUniform(results[0]) ? 8 : 0,
    );
    const [a, b = a, c = a] = from;
    return { code: elementwiseCodes[name], registers: [to[0], a, b, c], bits };
  }

  #take(): number {
    return this.#free.pop() ?? this.#loop.inputs.length + this.#temporaries++;
  }
}
