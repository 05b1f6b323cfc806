import { floatWord, type Instruction, opcodes, type Span, spansOf } from "./encode.ts";
import type { Layout } from "./layout.ts";
import type { Loop } from "./loop.ts";
import type { Reduce } from "./node.ts";
import { assignRegisters, type Registers } from "./registers.ts";
import type { Buffer } from "./view.ts";

/** The instruction of a loop, and one more for each of its sums over everything. */
export function encodeLoop(loop: Loop, layout: Layout, worthSharing: number): Instruction[] {
  const { space, inputs, outputs, sums } = loop;
  const registers = assignRegisters(loop, layout);
  const words = [
    ...[Number(space.byRows), space.rows, space.columns, space.step],
    ...[inputs.length, registers.temporaries, outputs.length, registers.steps.length, sums.length],
    ...inputs.flatMap(({ view, rowStride, columnStride }, i) => [
      ...[...layout.addressOf(view), rowStride, columnStride, Number(registers.uniform[i])],
    ]),
    ...outputs.flatMap(({ member, walk }, i) => {
      const { register, how } = registers.outputs[i];
      const [, offset] = layout.addressOf(member.output);
      return [register, offset, walk.rowStride, walk.columnStride, how];
    }),
    ...registers.steps.flat(),
    ...sums.flatMap(({ member, parts }, i) => sumWords(member, parts, registers.sums[i], layout)),
  ];
  const rowSums = sums.flatMap(({ member, parts }) => (parts === null ? [member.output] : []));
  const spans = sums.map(({ parts }) => (parts === null ? [] : [spanOf(parts, layout)]));
  const work = space.rows * space.columns * Math.max(1, registers.steps.length / 4);
  const main: Instruction = {
    op: opcodes.elementwise,
    words,
    shared: work >= worthSharing && space.tiles > 1,
    reads: spansOf(
      inputs.map(({ view }) => view),
      layout,
    ),
    writes: [
      ...spansOf([...outputs.map(({ member }) => member.output), ...rowSums], layout),
      ...spans.flat(),
    ],
  };
  const combines = sums.flatMap(({ member }, i) =>
    spans[i].map((parts) => encodeCombine(member, parts, layout)),
  );
  return [main, ...combines];
}

function spanOf(buffer: Buffer, layout: Layout): Span {
  const start = layout.offsetOf(buffer);
  return { start, end: start + buffer.size };
}

/** Adds up what the tiles gave, in their order. */
function encodeCombine(sum: Reduce, parts: Span, layout: Layout): Instruction {
  const [, out] = layout.addressOf(sum.output);
  const words = [parts.end - parts.start, parts.start, out, floatWord(sum.scale), Number(sum.root)];
  const writes = spansOf([sum.output], layout);
  return { op: opcodes.combine, words, shared: false, reads: [parts], writes };
}

function sumWords(
  sum: Reduce,
  parts: Buffer | null,
  { register, uniform }: Registers["sums"][number],
  layout: Layout,
): number[] {
  const to = parts === null ? layout.addressOf(sum.output)[1] : layout.offsetOf(parts);
  const long = sum.output.dims.findIndex((size) => size !== 1);
  const stride = long < 0 ? 1 : sum.output.strides[long];
  return [
    ...[register, Number(uniform), Number(sum.squared), Number(parts === null), to, stride],
    ...[floatWord(sum.scale), Number(sum.root)],
  ];
}
