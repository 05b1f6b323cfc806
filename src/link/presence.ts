import * as v from "valibot";
import type { DeviceIdentity } from "./device-identity.ts";

/**
 * What a bridge leaves at the broker for whoever asks: its birth, and its death, which the broker
 * tells in its place where it ended without a word. It informs people. Nothing is armed, stopped or
 * let go for it: anyone may write it, and a bridge that hangs dies late or never.
 */
export interface Presence {
  readonly alive: boolean;
  /** Of the device behind the bridge; null before it has answered, and in death. */
  readonly device: DeviceIdentity | null;
  /** Why it is dead. */
  readonly why?: string | undefined;
}

/** What the broker tells of a bridge that ended without a word. */
export const lastWill: Presence = { alive: false, device: null, why: "the broker lost it" };

const textMost = 80;
const bytesMost = 1024;
const word = v.number();
const presenceSchema = v.object({
  alive: v.boolean(),
  device: v.nullable(
    v.object({ name: v.string(), bootId: word, contractHash: word, protocolHash: word }),
  ),
  why: v.optional(v.string()),
});

export function encodePresence(presence: Presence): string {
  return JSON.stringify(presence);
}

/** What anyone may have written; null where it is no presence. */
export function decodePresence(bytes: Uint8Array): Presence | null {
  if (bytes.length > bytesMost) return null;
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    const result = v.safeParse(presenceSchema, value);
    return result.success ? result.output : null;
  } catch {
    return null;
  }
}

/** Turns the presences of one robot into lines for a person: of what is not as it was. */
export class PresenceTeller {
  readonly #robot: string;
  #alive = true;

  constructor(robot: string) {
    this.#robot = robot;
  }

  /** The line that `presence` is worth; null where it is none. */
  lineOf(presence: Presence): string | null {
    const was = this.#alive;
    this.#alive = presence.alive;
    if (presence.alive) {
      const device = presence.device === null ? "" : `, with ${plain(presence.device.name)}`;
      return was ? null : `${this.#robot}: its bridge is there again${device}`;
    }
    if (!was) return null;
    const why = presence.why === undefined ? "" : ` (${plain(presence.why)})`;
    const bound = "no run stops for that, commands expire by the device's clock";
    return `${this.#robot}: its bridge is gone, says the broker${why}; ${bound}`;
  }
}

/** Nothing that a terminal would obey. */
function plain(text: string): string {
  return text.slice(0, textMost).replaceAll(/[^\x20-\x7e]/g, "?");
}
