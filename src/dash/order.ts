import * as v from "valibot";
import { messageOf, SinewError } from "../core/errors.ts";
import { commandNamed } from "../edge/commands.ts";
import type { Controls } from "../edge/controls.ts";
import type { OrderAnswer } from "./message.ts";

/** An order is no longer than this. */
export const orderBytesMax = 256;
/** Who looks at what is older than this does not know what they ask for, us. */
const shownUsMax = 1_500_000;

const schema = v.object({
  command: v.string(),
  shownUs: v.optional(v.number(), Number.NEGATIVE_INFINITY),
  viewer: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(2 ** 32))),
});

/**
 * Does what a page asks for in `text`, at `nowUs` of the clock that its states tell. A stop is good
 * however late it comes. Anything else must come from somebody who sees how the robot stands: a
 * page that hangs, a computer that slept or a request that lay about does not arm it.
 */
export async function obey(text: string, controls: Controls, nowUs: number): Promise<OrderAnswer> {
  try {
    const { command: name, shownUs, viewer } = orderOf(text);
    const command = commandNamed(name);
    const source = viewer === undefined ? "page" : `page ${viewer}`;
    const ageUs = nowUs - shownUs;
    const sees = ageUs >= 0 && ageUs <= shownUsMax;
    if (name !== "stop" && !sees) {
      throw new SinewError(
        "command",
        `${name} came from a page that is not up to date: look again`,
      );
    }
    return { ok: true, line: await controls.order(command, source) };
  } catch (error) {
    return { ok: false, line: messageOf(error) };
  }
}

function orderOf(text: string): v.InferOutput<typeof schema> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  throw new SinewError("usage", 'no order: send one such as {"command":"stop"}');
}
