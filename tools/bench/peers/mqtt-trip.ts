// One side of round trips over a broker, 34 bytes there and 90 back:
//   node mqtt-trip.js <near|far> <raw|pipe|whole> <place as JSON> <n> [serial port of the far side]
// The near side prints {"p50Us","p99Us"}; the far side answers any line once it is ready.
import type { Socket } from "node:net";
import { createInterface } from "node:readline";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { connectAsync } from "mqtt";
import { monotonicClock } from "../../../src/core/clock.ts";
import { startBridge } from "../../../src/link/bridge.ts";
import { readBrokerFiles } from "../../../src/link/broker-files.ts";
import { makeRingPair, type RingPair } from "../../../src/link/byte-ring.ts";
import { RingPort } from "../../../src/link/memory.ts";
import { carryRings, openMqttPipe } from "../../../src/link/mqtt.ts";
import type { MqttPlace } from "../../../src/link/mqtt-place.ts";

/** The package alone; our connections; all of ours from control thread to serial port. */
export type MqttWay = "raw" | "pipe" | "whole";

export interface MqttTrips {
  readonly p50Us: number;
  readonly p99Us: number;
}

const request = new Uint8Array(34).fill(1);
request[33] = 0;
const answer = new Uint8Array(90).fill(1);
answer[89] = 0;
const clock = monotonicClock();

/** Publishes on one topic. */
type Send = (bytes: Uint8Array) => unknown;

/** One end of a way; `onBytes` hears the other. */
type End = (place: MqttPlace, side: "host" | "robot", onBytes: () => void) => Promise<Send>;

/** As a program that uses the package does it, which knows of Nagle. */
const raw: End = async (place, side, onBytes) => {
  const [to, from] = side === "host" ? ["raw/there", "raw/back"] : ["raw/back", "raw/there"];
  const { protocolVersion } = place;
  const client = await connectAsync(place.url, { protocolVersion, ...readBrokerFiles(place) });
  (client.stream as Socket).setNoDelay(true);
  client.on("message", onBytes);
  await client.subscribeAsync(from, { qos: 0 });
  return (bytes) => client.publish(to, Buffer.from(bytes), { qos: 0 });
};

const pipe: End = async (place, side, onBytes) => {
  const opened = await openMqttPipe(place, side, { onBytes, onNotice: () => {} });
  return (bytes) => opened.send(bytes);
};

const ends: Readonly<Record<Exclude<MqttWay, "whole">, End>> = { raw, pipe };

async function far(way: MqttWay, place: MqttPlace, path: string): Promise<void> {
  if (way === "whole") {
    await startBridge(path, 1_000_000, place);
  } else {
    let send: Send = () => {};
    send = await ends[way](place, "robot", () => send(answer));
  }
  createInterface(process.stdin).on("line", () => console.log("ready"));
}

async function near(way: MqttWay, place: MqttPlace, count: number): Promise<MqttTrips> {
  if (way === "whole") {
    const rings = makeRingPair();
    await carryRings(place, rings);
    const worker = new Worker(new URL(import.meta.url), { workerData: { rings, count } });
    return new Promise((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
  }
  let done: () => void = () => {};
  const send = await ends[way](place, "host", () => done());
  const times = new Float64Array(count);
  for (let i = -count / 10; i < count; i++) {
    const startUs = clock.now();
    await new Promise<void>((resolve) => {
      done = resolve;
      send(request);
    });
    if (i >= 0) times[Math.floor(i)] = clock.now() - startUs;
  }
  return tripsOf(times);
}

/** As the control thread does it between two cycles: a write, then naps until bytes are there. */
function controlThread({ rings, count }: { rings: RingPair; count: number }): MqttTrips {
  const port = new RingPort(rings.toDevice, rings.fromDevice);
  const bytes = new Uint8Array(4096);
  const times = new Float64Array(count);
  for (let i = -count / 10; i < count; i++) {
    const startUs = clock.now();
    port.write(request, request.length);
    for (let length = 0; length === 0 || bytes[length - 1] !== 0; ) {
      port.wait(1000);
      length = port.read(bytes);
      if (length < 0) throw new Error("the link is gone");
    }
    if (i >= 0) times[Math.floor(i)] = clock.now() - startUs;
  }
  return tripsOf(times);
}

function tripsOf(times: Float64Array): MqttTrips {
  times.sort();
  const { length } = times;
  return { p50Us: times[length >> 1], p99Us: times[length - 1 - Math.floor(length / 100)] };
}

if (isMainThread) {
  const [, , side, way, place, count, path] = process.argv;
  if (side === "far") {
    await far(way as MqttWay, JSON.parse(place) as MqttPlace, path);
  } else {
    const result = await near(way as MqttWay, JSON.parse(place) as MqttPlace, Number(count));
    process.stdout.write(`${JSON.stringify(result)}\n`);
    process.exit(0);
  }
} else {
  parentPort!.postMessage(controlThread(workerData as { rings: RingPair; count: number }));
}
