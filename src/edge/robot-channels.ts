import * as v from "valibot";
import { type ChannelChoice, ChannelMap, faultsOfChannels } from "../core/channel-map.ts";
import type { Spec } from "../core/spec.ts";
import type { LinkChoice } from "../link/link.ts";
import type { Robot } from "./robot.ts";
import type { Mistakes } from "./robot-mistakes.ts";
import { specOfDevice } from "./setpoints.ts";

const mapAdvice = "give a map: { <the device's name>: <the policy's name> }, in the device's order";

function isMap(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// A record of the library leaves out a key such as constructor, which may be a channel.
const namesSchema = v.pipe(
  v.custom<Readonly<Record<string, string>>>(isMap, mapAdvice),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const input = dataset.value;
    for (const [key, value] of Object.entries(input)) {
      if (typeof value === "string" && value !== "") continue;
      const place = { type: "object", origin: "value", input, key, value } as const;
      addIssue({ message: "give the policy's name of that channel", path: [place] });
    }
  }),
);

/** `channels` of a robot file. */
export const channelsSchema: v.GenericSchema<unknown, ChannelChoice> = v.strictObject({
  observation: v.optional(namesSchema),
  action: v.optional(namesSchema),
});

/**
 * Adds what is wrong with the channels of `robot` where its device has those of `spec`, which are
 * the policy's; without a `spec`, what its file alone shows.
 */
export function checkChannels(
  { channels, link }: Pick<Robot, "channels" | "link">,
  spec: Spec | null,
  mistakes: Mistakes,
): void {
  if (channels === undefined) return;
  const own = ownNamesOf(link);
  if (own !== null) {
    mistakes.addKey(["channels"], `channels: ${own}: leave it out`);
    return;
  }
  for (const { keys, ofKey, line } of faultsOfChannels(channels, spec)) {
    if (ofKey) mistakes.addKey(["channels", ...keys], line);
    else mistakes.add(["channels", ...keys], line);
  }
}

/** What says which channels a link without our firmware has; null where it is one with it. */
function ownNamesOf(link: LinkChoice): string | null {
  const [kind] = Object.keys(link);
  if ("feetech" in link || "dynamixel" in link) {
    return `each of link.${kind}.servos says by its joint which channels it has`;
  }
  if ("odrive" in link) return "each of link.odrive.axes says by its joint which channels it has";
  if ("moteus" in link) return "each of link.moteus.motors says by its joint which channels it has";
  return null;
}

/**
 * Between a policy of `spec`, in cycles of the robot's loop, and the device of `robot`. Throws
 * `SinewError("robot-file")`, see `ChannelMap` and `specOfDevice`.
 */
export function channelsOfRobot(
  { channels, setpoints }: Pick<Robot, "channels" | "setpoints">,
  spec: Spec,
): ChannelMap {
  return new ChannelMap(specOfDevice(spec, setpoints), channels);
}
