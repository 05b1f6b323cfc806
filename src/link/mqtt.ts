import { Socket } from "node:net";
import type { IClientOptions, MqttClient } from "mqtt";
import { messageOf, SinewError } from "../core/errors.ts";
import { ByteRing, type RingPair } from "./byte-ring.ts";

/** Where a robot is found: on `<prefix>/<robot>/cmd` and `<prefix>/<robot>/state` of one broker. */
export interface MqttPlace {
  readonly url: string;
  readonly prefix: string;
  readonly robot: string;
}

/** A connection that carries frames one way each, and rather loses them than lets them grow old. */
export interface MqttPipe {
  readonly connected: boolean;
  /** Publishes whole frames; false, and they are dropped, when the broker cannot take them now. */
  send(bytes: Uint8Array): boolean;
  close(): Promise<void>;
}

// More than this in the socket means that the broker does not keep up: newer frames are dropped
// then.
const unsentBytesMax = 16_384;
const connectTimeoutMs = 3000;
const reconnectPeriodMs = 100;
/** MQTT counts expiry in whole seconds; the expiry that matters is the one inside each command. */
const messageExpirySeconds = 1;

/**
 * Connects as the `host` (publishes commands, hears states) or as the `robot` (the other way
 * round), with MQTT 5, or 3.1.1 where the broker knows no better. Throws `SinewError("broker")`
 * where no broker answers within 3 s. A connection that breaks later is made again every 100 ms.
 */
export async function openMqttPipe(
  place: MqttPlace,
  side: "host" | "robot",
  onBytes: (bytes: Uint8Array) => void,
): Promise<MqttPipe> {
  const topic = `${place.prefix}/${place.robot}`;
  const [publishTo, listenTo] =
    side === "host" ? [`${topic}/cmd`, `${topic}/state`] : [`${topic}/state`, `${topic}/cmd`];
  const client = await connect(place.url);
  client.on("message", (_topic, payload) => onBytes(payload));
  await client.subscribeAsync(listenTo, { qos: 0 });
  const isFive = client.options.protocolVersion === 5;
  const options = isFive
    ? { qos: 0 as const, properties: { messageExpiryInterval: messageExpirySeconds } }
    : { qos: 0 as const };
  return {
    get connected() {
      return client.connected;
    },
    send(bytes) {
      if (!client.connected || unsentBytes(client) > unsentBytesMax) return false;
      client.publish(publishTo, Buffer.from(bytes), options, dropped);
      return true;
    },
    close: () => client.endAsync(true),
  };
}

/** A publish that fails when the connection breaks under it is one more frame lost. */
function dropped(): void {}

async function connect(url: string): Promise<MqttClient> {
  if (!/^mqtts?:\/\/[^/]/.test(url)) {
    throw new SinewError("broker", `"${url}" is no broker: give mqtt://host:port or mqtts://host`);
  }
  try {
    return await connectWith(url, 5);
  } catch (error) {
    if (!/protocol version/i.test(messageOf(error))) throw unreachable(url, error);
  }
  try {
    return await connectWith(url, 4);
  } catch (error) {
    throw unreachable(url, error);
  }
}

function unreachable(url: string, error: unknown): SinewError {
  const why = messageOf(error) || (error as NodeJS.ErrnoException).code || "no answer";
  return new SinewError("broker", `cannot reach the broker ${url}: ${why}`, { cause: error });
}

async function connectWith(url: string, protocolVersion: 4 | 5): Promise<MqttClient> {
  const { connect: open } = await import("mqtt");
  const options: IClientOptions = {
    protocolVersion,
    clean: true,
    keepalive: 5,
    connectTimeout: connectTimeoutMs,
    reconnectPeriod: reconnectPeriodMs,
    // A command that waited for the broker's return would arrive late and look new.
    queueQoSZero: false,
  };
  const client = open(url, options);
  client.on("connect", () => {
    if (client.stream instanceof Socket) client.stream.setNoDelay(true);
  });
  try {
    await new Promise<void>((resolve, reject) => {
      client.once("connect", () => resolve());
      client.once("error", reject);
      client.once("close", () => reject(new Error("the connection closed")));
    });
  } catch (error) {
    client.end(true);
    throw error;
  }
  // Later errors only break the connection, which is made again.
  client.on("error", dropped);
  return client;
}

function unsentBytes(client: MqttClient): number {
  return client.stream.writableLength;
}

/**
 * Carries the control thread's frames between its `rings` and the broker, on this thread. Returns
 * how to end it, which also ends the rings.
 */
export async function carryRings(place: MqttPlace, rings: RingPair): Promise<() => Promise<void>> {
  const toDevice = new ByteRing(rings.toDevice);
  const fromDevice = new ByteRing(rings.fromDevice);
  const pipe = await openMqttPipe(place, "host", (bytes) => {
    fromDevice.write(bytes, bytes.length);
  });
  const pump = async (): Promise<void> => {
    const chunk = new Uint8Array(4096);
    for (;;) {
      await toDevice.waitAsync();
      const length = toDevice.read(chunk);
      if (length < 0) return;
      if (length > 0) pipe.send(chunk.subarray(0, length));
    }
  };
  const pumping = pump();
  return async () => {
    toDevice.close();
    await pumping;
    await pipe.close();
    fromDevice.close();
  };
}
