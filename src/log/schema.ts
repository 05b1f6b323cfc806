import { ProtoWriter } from "../core/protobuf.ts";
import type { Channel, Spec } from "../core/spec.ts";
import { betweenAnswers, Mode, Reason, Verdict } from "../core/step.ts";

/** The full name of the message that a log holds. */
export const messageName = "sinew.Step";

// Numbers of descriptor.proto: field types, and labels.
const double = 1;
const float = 2;
const fixed32 = 7;
const sfixed64 = 16;
const optional = 1;
const repeated = 3;

interface Field {
  readonly name: string;
  readonly type: number;
  readonly comment: string;
}

/**
 * The `google.protobuf.FileDescriptorSet` of `sinew.Step` for `spec`, with units and the order of
 * the channels as comments. Other tools decode the log with it.
 */
export function describeStep(spec: Spec): Uint8Array {
  const fields = fieldsOf(spec);
  const file = new ProtoWriter()
    .string(1, "sinew/step.proto")
    .string(2, "sinew")
    .message(4, (message) => {
      message.string(1, "Step");
      fields.forEach((field, index) => {
        message.message(2, (one) => {
          one
            .string(1, field.name)
            .varint(3, index + 1)
            .varint(4, index + 1 > scalars ? repeated : optional)
            .varint(5, field.type)
            .string(10, jsonName(field.name));
        });
      });
    })
    .message(9, (source) => {
      const period = `Microseconds are of the host's monotonic clock; period ${spec.periodUs} us.`;
      comment(source, [4, 0], `One control cycle. ${period}`);
      fields.forEach((field, index) => {
        comment(source, [4, 0, 2, index], field.comment);
      });
    })
    .string(12, "proto3")
    .finish();
  return new ProtoWriter().bytes(1, file).finish();
}

const scalars = 8;
const bits = { ...Reason, betweenAnswers };
const asked = "What the policy asked for, or what was put in its place before the gate.";

function fieldsOf(spec: Spec): Field[] {
  const observation = wordsOfChannels(spec.observation);
  const action = wordsOfChannels(spec.action);
  return [
    {
      name: "seq",
      type: sfixed64,
      comment: "Cycle, from 0; a gap is a cycle not run or not kept.",
    },
    { name: "time_us", type: double, comment: "Start of the cycle, us." },
    { name: "age_us", type: double, comment: "Age of the observation then, us; inf before any." },
    { name: "decided_us", type: double, comment: "When the policy had answered, us." },
    { name: "valid_until_us", type: double, comment: "Until when the action may be used, us." },
    { name: "mode", type: fixed32, comment: wordsOfNumbers(Mode) },
    { name: "verdict", type: fixed32, comment: wordsOfNumbers(Verdict) },
    { name: "reasons", type: fixed32, comment: `Bits: ${wordsOfNumbers(bits)}` },
    { name: "observation", type: float, comment: observation },
    { name: "proposed", type: float, comment: `${asked} ${action}` },
    { name: "action", type: float, comment: `What the gate permitted. ${action}` },
  ];
}

function wordsOfNumbers(table: Readonly<Record<string, number>>): string {
  return Object.entries(table)
    .map(([name, number]) => `${number} ${name}`)
    .join(", ");
}

function wordsOfChannels(channels: readonly Channel[]): string {
  return channels
    .map(({ name, unit, low, high }, at) => `[${at}] ${name}, ${unit}, ${low} to ${high}`)
    .join("; ");
}

function jsonName(name: string): string {
  return name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function comment(source: ProtoWriter, path: readonly number[], text: string): void {
  source.message(1, (location) => {
    location
      .bytes(1, Uint8Array.from(path))
      .bytes(2, Uint8Array.of(0, 0, 0))
      .string(3, ` ${text}\n`);
  });
}
