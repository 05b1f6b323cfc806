// What a cycle's channels allocate on their way to and from a device with an order of its own.
import { ChannelMap } from "../../src/core/channel-map.ts";
import type { Channel } from "../../src/core/spec.ts";
import { printBytes } from "../allocation.ts";

const names = Array.from({ length: 12 }, (_, at) => `c${at}`);
const channels = names.map((name): Channel => ({ name, unit: "rad", low: -1, high: 1 }));
const turned = Object.fromEntries(names.map((_, at) => [`d${at}`, names.at(-1 - at)!]));
const map = new ChannelMap(
  { observation: channels, action: channels, periodUs: 1000 },
  { observation: turned, action: turned },
);
const told = Float32Array.from(names, (_, at) => at / 7);
const seen = new Float32Array(told.length);

await printBytes(() => {
  map.observe(told, seen);
  told.set(map.act(seen));
});
