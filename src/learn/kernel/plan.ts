import { elementsOf } from "../../onnx/dims.ts";
import type { Program } from "../program.ts";
import { encodeGroup, encodeKeep, type Instruction, type Span } from "./encode.ts";
import { fuse, fuseEpilogues, type Group } from "./fuse.ts";
import { Layout } from "./layout.ts";
import { loopOf, storedNodes } from "./loop.ts";
import { lower } from "./lower.ts";
import { type External, Externals, Memory, type Named } from "./memory.ts";
import type { Elementwise, Node } from "./node.ts";
import { schedule } from "./schedule.ts";
import { homeOf, type View, whole } from "./view.ts";

/** One program, ready for the C core. */
export interface ProgramPlan {
  /** Instructions, one behind the other: opcode, length, flags, then what the opcode asks for. */
  readonly words: Int32Array;
  /** The pointers of a call: inputs, then one for each kept output. */
  readonly externals: readonly External[];
  readonly kept: readonly { readonly name: string; readonly dims: readonly number[] }[];
  readonly instructions: number;
}

/** A float32 buffer with a name: where it is in the arena. */
export interface Place extends Pick<Named, "dims" | "type"> {
  readonly name: string;
  /** In floats. */
  readonly offset: number;
  readonly size: number;
}

/** Programs that share an arena, and what lies in it. */
export interface Plan {
  readonly programs: readonly ProgramPlan[];
  readonly places: readonly Place[];
  readonly constants: readonly {
    readonly offset: number;
    readonly data: Float32Array | Int32Array;
  }[];
  /** Floats of the arena. */
  readonly size: number;
}

export interface PlanOptions {
  /** Whether rows of inputs outside the arena are gathered before the call (WebAssembly). */
  readonly staged: boolean;
}

/** Bits of an instruction's flags. */
export const flagBits = { barrier: 1, shared: 2 } as const;

/**
 * Makes programs into instructions on one arena. Carried and shared inputs and kept outputs of the
 * same name and size are the same floats in all of them.
 */
export function plan(programs: readonly Program[], { staged }: PlanOptions): Plan {
  const memory = new Memory();
  const drafts = programs.map((program) => draft(program, memory, staged));
  const layout = new Layout();
  layout.placePermanent(memory);
  const start = layout.size;
  const plans = drafts.map(({ groups, externals, kept }) => {
    layout.placeTemporary(groups, start);
    const instructions = groups.flatMap((group) => encodeGroup(group, layout));
    for (const { buffer, dims } of kept) {
      const external = externals.list.length;
      const size = elementsOf(dims);
      const common = { type: "float32", rowWidth: 0, gathered: null } as const;
      externals.list.push({ ...common, name: buffer.name, stride: size, size });
      instructions.push(encodeKeep(whole(buffer, dims), external, layout));
    }
    return {
      words: stream(instructions),
      externals: externals.list,
      kept: kept.map(({ buffer, dims }) => ({ name: buffer.name, dims })),
      instructions: instructions.length,
    };
  });
  return {
    programs: plans,
    places: [...memory.named.values()].map(({ buffer, dims, type }) => ({
      ...{ name: buffer.name, dims, type, size: buffer.size },
      offset: layout.offsetOf(buffer),
    })),
    constants: [...memory.constants].flatMap((buffer) =>
      buffer.place.kind === "constant"
        ? [{ offset: layout.offsetOf(buffer), data: buffer.place.data }]
        : [],
    ),
    size: layout.size,
  };
}

interface Draft {
  readonly groups: readonly Group[];
  readonly externals: Externals;
  readonly kept: readonly Named[];
}

function draft(program: Program, memory: Memory, staged: boolean): Draft {
  const externals = new Externals();
  const { nodes, carried, kept } = lower(program, memory, externals, staged);
  const next = new Set(carried.map((one) => one.next.view.buffer));
  const published = ({ buffer }: View): boolean =>
    next.has(buffer) || homeOf(buffer).place.kind === "permanent";
  const fused = fuse(fuseEpilogues(nodes, published));
  const { groups, copies } = schedule(fused, carried);
  const last = copies.map(({ from, to }, i): Group => copyGroup(nodes.length + i, from, to));
  const all = [...groups, ...last];
  const stored = storedNodes(all, published);
  for (const group of all) {
    const [{ kind }] = group.members;
    if (kind === "elementwise" || kind === "reduce") group.loop = loopOf(group, stored);
  }
  return { groups: all, externals, kept };
}

function copyGroup(index: number, from: View, to: View): Group {
  const sources: Node["sources"] = [{ view: { ...from, dims: to.dims }, producers: [] }];
  const copy: Elementwise = { kind: "elementwise", name: "copy", index, sources, output: to };
  return { members: [copy], loop: null };
}

/** Joins instructions, with a barrier before each that another thread's work must not overtake. */
function stream(instructions: readonly Instruction[]): Int32Array {
  const words: number[] = [];
  let open: Instruction[] = [];
  for (const instruction of instructions) {
    const waits = open.some((earlier) => collide(earlier, instruction));
    if (waits) open = [];
    open.push(instruction);
    const flags = (waits ? flagBits.barrier : 0) + (instruction.shared ? flagBits.shared : 0);
    words.push(instruction.op, instruction.words.length + 3, flags, ...instruction.words);
  }
  return Int32Array.from(words);
}

/** Whether two instructions touch the same floats, one of them writing, on different threads. */
function collide(earlier: Instruction, later: Instruction): boolean {
  if (!earlier.shared && !later.shared) return false;
  return (
    overlap(earlier.writes, later.reads) ||
    overlap(earlier.writes, later.writes) ||
    overlap(earlier.reads, later.writes)
  );
}

function overlap(some: readonly Span[], others: readonly Span[]): boolean {
  return some.some((one) => others.some((two) => one.start < two.end && two.start < one.end));
}
