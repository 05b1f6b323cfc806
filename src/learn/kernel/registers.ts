import type { Layout } from "./layout.ts";
import type { Loop, Walk } from "./loop.ts";
import { type Elementwise, type ElementwiseName, elementwiseCodes } from "./node.ts";

/** One operation between registers, before registers have numbers. */
interface Step {
  readonly name: ElementwiseName;
  readonly member: Elementwise;
  readonly operands: readonly (Elementwise | number)[];
}

/** How a result gets to memory: from its register by a stride, as it is computed, or repeated. */
const writing = { strided: 0, direct: 1, uniform: 2 } as const;

/**
 * A loop's operations with their registers: first the inputs', then temporary ones, then one for
 * each output. A uniform register holds one number, repeated over one vector.
 */
export interface Registers {
  readonly temporaries: number;
  /** Code, destination, three operands, and bits that say which of them are uniform. */
  readonly steps: readonly (readonly number[])[];
  /** Register of each output, and how it gets to memory: see `writing`. */
  readonly outputs: readonly { readonly register: number; readonly how: number }[];
  readonly sums: readonly { readonly register: number; readonly uniform: boolean }[];
  /** Of each input. */
  readonly uniform: readonly boolean[];
}

export function assignRegisters(loop: Loop, layout: Layout): Registers {
  const steps = contracted(loop);
  const uniform = loop.inputs.map(({ rowStride, columnStride }) =>
    loop.space.byRows ? rowStride === 0 && columnStride === 0 : columnStride === 0,
  );
  return new Assignment(loop, steps, uniform, layout).run();
}

/** Products that only one sum or difference reads become part of it. */
function contracted({ members, outputs, operand }: Loop): Step[] {
  const nodes = members.filter((one) => one.kind === "elementwise");
  const reads = new Map<Elementwise, number>();
  for (const member of members) {
    for (let i = 0; i < member.sources.length; i++) {
      const from = operand(member, i);
      if (typeof from !== "number") reads.set(from, (reads.get(from) ?? 0) + 1);
    }
  }
  const inMemory = new Set(outputs.map(({ member }) => member));
  const spare = (one: Elementwise | number): one is Elementwise =>
    typeof one !== "number" && one.name === "mul" && reads.get(one) === 1 && !inMemory.has(one);
  const gone = new Set<Elementwise>();
  const steps: Step[] = [];
  for (const member of nodes) {
    const operands = member.sources.map((_, i) => operand(member, i));
    const [left, right] = operands;
    const take = (product: Elementwise, other: Elementwise | number, name: ElementwiseName) => {
      gone.add(product);
      steps.push({ name, member, operands: [operand(product, 0), operand(product, 1), other] });
    };
    if (member.name === "add" && spare(left)) take(left, right, "multiplyAdd");
    else if (member.name === "add" && spare(right)) take(right, left, "multiplyAdd");
    else if (member.name === "sub" && spare(right)) take(right, left, "multiplySub");
    else if (member.name === "sub" && spare(left)) take(left, right, "multiplyLess");
    else steps.push({ name: member.name, member, operands });
  }
  return steps.filter(({ member }) => !gone.has(member));
}

class Assignment {
  readonly #loop: Loop;
  readonly #steps: readonly Step[];
  readonly #uniform: readonly boolean[];
  readonly #layout: Layout;
  /** The last step that reads a member's or an input's register; the end where memory is written. */
  readonly #lastRead = new Map<Elementwise | number, number>();
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
    const registerOf = (one: Elementwise | number): number =>
      typeof one === "number" ? one : settle(this.#registers.get(one)!);
    return {
      temporaries: this.#temporaries,
      steps: coded.map(([code, to, a, b, c, bits]) => [
        ...[code, settle(to), settle(a), settle(b), settle(c), bits],
      ]),
      outputs: outputs.map(({ member }) => {
        const how = this.#isUniform(member) ? writing.uniform : writing.strided;
        return { register: registerOf(member), how: direct.has(member) ? writing.direct : how };
      }),
      sums: summed.map((one) => ({ register: registerOf(one), uniform: this.#isUniform(one) })),
      uniform: this.#uniform,
    };
  }

  #isUniform(one: Elementwise | number): boolean {
    return typeof one === "number" ? this.#uniform[one] : this.#uniformMembers.has(one);
  }

  #findUniform(): void {
    for (const { member, operands } of this.#steps) {
      if (operands.every((one) => this.#isUniform(one))) this.#uniformMembers.add(member);
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
    const at = this.#steps.findIndex((step) => step.member === member);
    const [, offset] = this.#layout.addressOf(walk.view);
    return inputs.every(({ view }, i) => {
      const [base, from] = this.#layout.addressOf(view);
      if (base !== 0 || from !== offset) return true;
      return (this.#lastRead.get(i) ?? 0) <= at;
    });
  }

  #code(step: Step, at: number, direct: ReadonlyMap<Elementwise, number>): number[] {
    const { name, member, operands } = step;
    const registers = operands.map((one) =>
      typeof one === "number" ? one : this.#registers.get(one)!,
    );
    for (const one of new Set(operands)) {
      if (typeof one === "number" || this.#lastRead.get(one) !== at || direct.has(one)) continue;
      this.#free.push(this.#registers.get(one)!);
    }
    const output = direct.get(member);
    const to = output === undefined ? this.#take() : -1 - output;
    this.#registers.set(member, to);
    if (output === undefined && !this.#lastRead.has(member)) this.#free.push(to);
    const bits = operands.reduce<number>(
      (sum, one, i) => sum + (this.#isUniform(one) ? 1 << i : 0),
      this.#isUniform(member) ? 8 : 0,
    );
    const [a, b = a, c = a] = registers;
    return [elementwiseCodes[name], to, a, b, c, bits];
  }

  #take(): number {
    return this.#free.pop() ?? this.#loop.inputs.length + this.#temporaries++;
  }
}
