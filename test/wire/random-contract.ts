import type { Rng } from "../../src/core/rng.ts";
import type { Channel } from "../../src/core/spec.ts";
import { type DeviceContract, noPosition, rampToZero } from "../../src/wire/device-contract.ts";
import { StopCategory } from "../../src/wire/messages.ts";

/** Any contract at all: names and units of every length and sign, limits of every size. */
export function randomContract(rng: Rng): DeviceContract {
  const names = new Set<string>();
  while (names.size < 2 + rng.below(12)) names.add(randomName(rng));
  const channels = [...names].map((name) => randomChannel(rng, name));
  const observations = 1 + rng.below(channels.length - 1);
  const observation = channels.slice(0, observations).map((channel) => {
    const open = rng.below(4) === 0;
    return open ? { ...channel, low: Number.NEGATIVE_INFINITY, high: Infinity } : channel;
  });
  const action = channels.slice(observations);
  const stops = action.map((_, i) => {
    const kind = rng.below(3);
    if (kind === 0) return rampToZero;
    if (kind === 1) return { category: StopCategory.off, position: noPosition };
    const position = rng.below(observations);
    // What is held is observed in the same unit.
    action[i] = { ...action[i], unit: observation[position].unit };
    return { category: StopCategory.rampAndHold, position };
  });
  return { spec: { observation, action, periodUs: 100 + rng.below(1_000_000) }, stops };
}

function randomName(rng: Rng): string {
  const letters = "abcdefghijklmnopqrstuvwxyz0123456789_";
  let name = letters[rng.below(26)];
  for (let left = rng.below(23); left > 0; left--) name += letters[rng.below(letters.length)];
  return name;
}

function randomChannel(rng: Rng, name: string): Channel {
  let unit = "";
  for (let left = 1 + rng.below(11); left > 0; left--) {
    unit += String.fromCharCode(33 + rng.below(94));
  }
  const size = 10 ** (rng.below(12) - 6);
  const low = Math.fround(rng.uniform(-size, 0));
  return {
    name,
    unit,
    low,
    high: rng.below(3) === 0 ? Math.ceil(size) : rng.uniform(0, size) + 1e-7,
  };
}
