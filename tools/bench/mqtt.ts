import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MqttPlace } from "../../src/link/mqtt-place.ts";
import { issue } from "../../test/link/certificate.ts";
import { Mosquitto } from "../../test/mosquitto/mosquitto.ts";
import type { Bench, BenchOptions } from "./main.ts";
import { compile, withEchoDevice } from "./peers/echo-device.ts";
import type { MqttTrips, MqttWay } from "./peers/mqtt-trip.ts";
import { jsonOf, Peer } from "./peers/process.ts";
import { interleave } from "./rounds/interleave.ts";
import type { BenchResult } from "./rounds/result.ts";

const trips = 5000;

export const bench: Bench = {
  title:
    `${trips} round trips a round over one Mosquitto, 34 bytes there and 90 back. Ours is the ` +
    "whole way: a control thread, rings, the main thread, the broker, a bridge in a process of " +
    "its own, a pty with a device in C behind it, and back. mqtt.js is two processes of the " +
    "package alone that answer each other, with TCP_NODELAY as ours have it. The aim is 0.5x. " +
    "Beside them our connections without thread and serial line.",
  rounds: 7,
  run,
};

async function* run(options: BenchOptions): AsyncGenerator<BenchResult> {
  const folder = mkdtempSync(join(tmpdir(), "sinew-mqtt-"));
  const mosquitto = await Mosquitto.start();
  try {
    const echo = compile("echo", folder);
    const tls = mosquitto.tlsOf(issue({ name: "bench", by: mosquitto.lab }));
    const places: Record<string, MqttPlace> = {
      "MQTT 5": mosquitto.place(5),
      "MQTT 3.1.1": mosquitto.place(4),
      "MQTT 5, TLS": mosquitto.securePlace(5, tls),
    };
    for (const [name, place] of Object.entries(places)) yield* casesOf(name, place, echo, options);
  } finally {
    await mosquitto.close();
    rmSync(folder, { recursive: true });
  }
}

async function* casesOf(
  name: string,
  place: MqttPlace,
  echo: string,
  options: BenchOptions,
): AsyncGenerator<BenchResult> {
  const count = options.steps ?? trips;
  const over = (way: MqttWay, path: string = "") => tripsOver(way, place, count, path);
  const contenders: Record<string, () => Promise<MqttTrips>> = {
    ours: () => withEchoDevice(echo, (path) => over("whole", path)),
    "ours, connections": () => over("pipe"),
  };
  if (options.peers) contenders["mqtt.js"] = () => over("raw");
  // No loops keep the cores awake: beside them and other work ours took ten times as long.
  const outcomes = await interleave(contenders, options);
  yield resultOf(`${name}, p50`, outcomes, ({ p50Us }) => p50Us);
  yield resultOf(`${name}, p99`, outcomes, ({ p99Us }) => p99Us);
}

/** The near side on the first core, the far side on the second. */
async function tripsOver(
  way: MqttWay,
  place: MqttPlace,
  count: number,
  path: string,
): Promise<MqttTrips> {
  const script = join(import.meta.dirname, "peers/mqtt-trip.js");
  const words = [way, JSON.stringify(place), String(count), path];
  const far = new Peer(process.execPath, [script, "far", ...words], { cores: "1", threads: 1 });
  try {
    await far.ask("are you there?");
    const near = [script, "near", ...words];
    return (await jsonOf(process.execPath, near, { cores: "0", threads: 1 })) as MqttTrips;
  } finally {
    await far.close();
  }
}

function resultOf(
  name: string,
  outcomes: Readonly<Record<string, readonly MqttTrips[]>>,
  value: (trips: MqttTrips) => number,
): BenchResult {
  const { ours, ...peers } = Object.fromEntries(
    Object.entries(outcomes).map(([contender, rounds]) => [contender, rounds.map(value)]),
  );
  return { case: name, unit: "us", ours, peers };
}
