import type { Channel, Spec } from "../core/spec.ts";
import { nameOfMode, namesOfReasons, type Step, Verdict } from "../core/step.ts";
import { eventSchema } from "../log/event.ts";
import { eventTopic } from "../log/event-chunk.ts";
import { topic } from "../log/layout.ts";
import type { StepRecord } from "../log/record.ts";
import { messageName } from "../log/schema.ts";

/** What a Foxglove client may subscribe to, by its number. */
export const ChannelId = { step: 1, event: 2, cycle: 3, status: 4 } as const;

interface FoxgloveChannel {
  readonly id: number;
  readonly topic: string;
  readonly encoding: string;
  readonly schemaName: string;
  readonly schema: string;
  readonly schemaEncoding: string;
}

/**
 * The channels of a run. `/step` and `/event` are what the log's file has, so that one layout of
 * Foxglove's shows both; `/cycle` is a step by the names of its channels, `/status` the loop.
 */
export function channelsOf(record: StepRecord): FoxgloveChannel[] {
  const json = { encoding: "json", schemaEncoding: "jsonschema" };
  return [
    {
      id: ChannelId.step,
      topic,
      encoding: "protobuf",
      schemaName: messageName,
      schema: Buffer.from(record.schema).toString("base64"),
      schemaEncoding: "protobuf",
    },
    {
      id: ChannelId.event,
      topic: eventTopic,
      ...json,
      schemaName: "sinew.Event",
      schema: eventSchema,
    },
    {
      id: ChannelId.cycle,
      topic: "/cycle",
      ...json,
      schemaName: "sinew.Cycle",
      schema: cycleSchema(record.spec),
    },
    {
      id: ChannelId.status,
      topic: "/status",
      ...json,
      schemaName: "sinew.Status",
      schema: statusSchema,
    },
  ];
}

/** One cycle as JSON, which has no NaN and no infinity: null stands for them. */
export function cycleText(spec: Spec, step: Step): string {
  const named = (channels: readonly Channel[], values: Float32Array): Record<string, number> => {
    return Object.fromEntries(channels.map(({ name }, at) => [name, values[at]!]));
  };
  return JSON.stringify({
    seq: step.seq,
    timeUs: step.timeUs,
    ageUs: step.ageUs,
    mode: nameOfMode(step.mode),
    verdict: Object.keys(Verdict)[step.verdict],
    reasons: namesOfReasons(step.reasons),
    observation: named(spec.observation, step.observation),
    proposed: named(spec.action, step.proposed),
    action: named(spec.action, step.action),
  });
}

const maybe = { type: ["number", "null"] };
const words = { type: "array", items: { type: "string" } };

function cycleSchema({ observation, action, periodUs }: Spec): string {
  const group = (channels: readonly Channel[], what: string): object => ({
    type: "object",
    description: `${what} Null is NaN or infinite.`,
    properties: Object.fromEntries(
      channels.map(({ name, unit, low, high }) => {
        return [name, { ...maybe, description: `${unit}, ${low} to ${high}` }];
      }),
    ),
  });
  return JSON.stringify({
    title: "sinew.Cycle",
    description: `One control cycle of ${periodUs} us. Times are of the host's monotonic clock.`,
    type: "object",
    properties: {
      seq: { type: "number" },
      timeUs: { type: "number" },
      ageUs: { ...maybe, description: "Age of the observation; null before the first." },
      mode: { type: "string" },
      verdict: { type: "string" },
      reasons: words,
      observation: group(observation, "As the device told it."),
      proposed: group(action, "What was asked for, by the policy or in its place."),
      action: group(action, "What the gate permitted; sent while driving and not refused."),
    },
  });
}

const number = { type: "number" };
const word = { type: "string" };
const maybeWord = { type: ["string", "null"] };

function maybeOf(properties: Readonly<Record<string, object>>): object {
  return { type: ["object", "null"], properties };
}

const statusSchema = JSON.stringify({
  title: "sinew.Status",
  type: "object",
  properties: {
    mode: word,
    device: word,
    deviceReason: word,
    stopLine: word,
    reasons: words,
    why: word,
    cycles: number,
    late: number,
    missed: number,
    limited: number,
    refused: number,
    policyId: word,
    policyPath: word,
    policyPeriodUs: number,
    between: maybeWord,
    policySinceUs: number,
    second: maybeWord,
    secondPath: maybeWord,
    secondAs: word,
    secondSinceUs: maybe,
    shadow: maybeOf({
      cycles: number,
      limited: { ...number, description: "Share of the cycles that the gate would bound." },
      refused: { ...number, description: "Share of the cycles that it would refuse." },
      distanceMean: { ...maybe, description: "From what was asked for, as a share of the range." },
      distanceMax: maybe,
    }),
    watch: maybeOf({
      cycles: number,
      ofCycles: number,
      limited: number,
      limitedMost: number,
    }),
    policyChange: maybeOf({ timeUs: number, what: word, why: word, fromSeq: number }),
    jointsWithEnds: maybe,
    logPath: word,
    logLost: number,
  },
});
