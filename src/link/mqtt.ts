import { setTimeout as delay } from "node:timers/promises";
import type { IClientOptions, MqttClient } from "mqtt";
import { messageOf, SinewError } from "../core/errors.ts";
import { readBrokerFiles } from "./broker-files.ts";
import { openBrokerSocket } from "./broker-socket.ts";
import { brokerClosed, brokerTroubleOf } from "./broker-trouble.ts";
import { ByteRing, pumpRing, type RingCarrier, type RingPair } from "./byte-ring.ts";
import type { MqttPlace } from "./mqtt-place.ts";
import {
  decodePresence,
  encodePresence,
  lastWill,
  type Presence,
  PresenceTeller,
} from "./presence.ts";
import { PublishWriter } from "./publish-packet.ts";

/** A connection that carries frames one way each, and rather loses them than lets them grow old. */
export interface MqttPipe {
  readonly connected: boolean;
  /** Publishes whole frames; false, and they are dropped, when the broker cannot take them now. */
  send(bytes: Uint8Array): boolean;
  /** Leaves word of the robot at the broker, now and whenever it is reached again. */
  leaveWord(presence: Presence): void;
  close(): Promise<void>;
}

/** What a pipe brings. */
export interface PipeEvents {
  /** Frames that were published just now; the bytes are there during the call only. */
  onBytes(bytes: Uint8Array): void;
  /** What is worth telling a person, in one line. */
  onNotice(line: string): void;
  /** Word that was left of the robot: only the host's side hears it. */
  onPresence?(presence: Presence): void;
}

// More than this in the socket means that the broker does not keep up: newer frames are dropped
// then.
const unsentBytesMax = 16_384;
const connectTimeoutMs = 3000;
const reconnectPeriodMs = 100;
const farewellMs = 500;
/**
 * MQTT 5 counts expiry in whole seconds, and 3.1.1 not at all; the expiry that matters is the one
 * inside each command.
 */
const messageExpirySeconds = 1;

/**
 * Connects as the `host` (publishes commands, hears states) or as the `robot` (the other way
 * round). Throws `SinewError("broker")` where the place's files are not as they must be, or no
 * broker lets it in within 3 s. A connection that breaks later is made again every 100 ms.
 */
export async function openMqttPipe(
  place: MqttPlace,
  side: "host" | "robot",
  events: PipeEvents,
): Promise<MqttPipe> {
  const topic = `${place.prefix}/${place.robot}`;
  const presenceTopic = `${topic}/presence`;
  const [publishTo, listenTo] =
    side === "host" ? [`${topic}/cmd`, `${topic}/state`] : [`${topic}/state`, `${topic}/cmd`];
  const will = side === "host" ? {} : { will: willOn(presenceTopic) };
  const client = await connect(place, will, listenTo, (bytes) => events.onBytes(bytes));
  let word: Presence | null = null;
  const leaveWord = (): void => {
    if (word === null || !client.connected) return;
    client.publish(presenceTopic, encodePresence(word), { qos: 0, retain: true }, dropped);
  };
  let tellRetained = true;
  client.on("message", (from, payload) => {
    if (from === presenceTopic) {
      const presence = decodePresence(payload);
      if (presence !== null) events.onPresence?.(presence);
      return;
    }
    // What is live has gone to `onBytes`. This the broker kept: nobody knows since when.
    if (tellRetained) events.onNotice(`refused what ${place.url} retains on ${from}: clear it`);
    tellRetained = false;
  });
  tellOfBreaks(client, place, events.onNotice, leaveWord);
  await listen(client, place, listenTo, side === "host" ? presenceTopic : null);
  const writer = new PublishWriter(publishTo, place.protocolVersion, messageExpirySeconds);
  return {
    get connected() {
      return client.connected;
    },
    send(bytes) {
      // What waited for the broker's return would arrive late and look new.
      if (!client.connected || client.disconnecting) return false;
      if (client.stream.writableLength > unsentBytesMax) return false;
      client.stream.write(writer.packet(bytes));
      return true;
    },
    leaveWord(presence) {
      word = presence;
      leaveWord();
    },
    close: () => close(client),
  };
}

/** What fails because the connection breaks is told by `tellOfBreaks`. */
function dropped(): void {}

function willOn(topic: string): NonNullable<IClientOptions["will"]> {
  return { topic, payload: Buffer.from(encodePresence(lastWill)), qos: 0, retain: true };
}

async function connect(
  place: MqttPlace,
  more: IClientOptions,
  topic: string,
  onPayload: (payload: Uint8Array) => void,
): Promise<MqttClient> {
  const secrets = readBrokerFiles(place);
  const { username, password } = secrets;
  const { MqttClient } = await import("mqtt");
  const client = new MqttClient(() => openBrokerSocket(place, secrets, topic, onPayload), {
    ...more,
    ...(username !== undefined && { username, password }),
    protocolVersion: place.protocolVersion,
    // No session: what was meant for a connection that broke shall not come to the next one.
    clean: true,
    keepalive: 5,
    connectTimeout: connectTimeoutMs,
    reconnectPeriod: reconnectPeriodMs,
    // A broker that is just starting may say no for a while.
    reconnectOnConnackError: true,
  });
  client.on("error", dropped);
  try {
    await new Promise<void>((resolve, reject) => {
      client.once("connect", () => resolve());
      client.once("error", reject);
      client.once("close", () => reject(new Error(brokerClosed)));
    });
  } catch (error) {
    client.end(true);
    throw new SinewError("broker", brokerTroubleOf(place, error), { cause: error });
  }
  return client;
}

/** Hears `topic` and, where the broker permits it, what is told on `presenceTopic`. */
async function listen(
  client: MqttClient,
  place: MqttPlace,
  topic: string,
  presenceTopic: string | null,
): Promise<void> {
  try {
    // As it was published: MQTT 5 then also tells of what is live and will be retained.
    await client.subscribeAsync(topic, { qos: 0, rap: true });
  } catch (error) {
    client.end(true);
    const line = `the broker ${place.url} does not let us hear ${topic}: ${messageOf(error)}`;
    throw new SinewError("broker", line, { cause: error });
  }
  if (presenceTopic !== null) await client.subscribeAsync(presenceTopic, { qos: 0 }).catch(dropped);
}

/** Tells when the broker is away, why it is not reached again, and when it is. */
function tellOfBreaks(
  client: MqttClient,
  place: MqttPlace,
  onNotice: (line: string) => void,
  onBack: () => void,
): void {
  let away = false;
  let trouble = "";
  client.on("close", () => {
    if (!away && !client.disconnecting) onNotice(`the connection to ${place.url} broke`);
    away = true;
  });
  client.on("error", (error) => {
    const line = brokerTroubleOf(place, error);
    if (away && line !== trouble) onNotice(line);
    trouble = line;
  });
  client.on("connect", () => {
    onNotice(`the broker ${place.url} is there again`);
    away = false;
    trouble = "";
    onBack();
  });
}

/** Says farewell, so that the broker does not tell a death that was none; in bounded time. */
async function close(client: MqttClient): Promise<void> {
  const over = client.endAsync().catch(dropped);
  await Promise.race([over, delay(farewellMs, undefined, { ref: false })]);
  client.stream.destroy();
}

// A broker that comes and goes for hours shall not fill the memory.
const noticesMost = 100;

/** Carries the control thread's frames between its `rings` and the broker, on this thread. */
export async function carryRings(place: MqttPlace, rings: RingPair): Promise<RingCarrier> {
  const toDevice = new ByteRing(rings.toDevice);
  const fromDevice = new ByteRing(rings.fromDevice);
  const notices: string[] = [];
  const onNotice = (line: string): void => {
    if (notices.length < noticesMost) notices.push(line);
  };
  const teller = new PresenceTeller(place.robot);
  const pipe = await openMqttPipe(place, "host", {
    onBytes: (bytes) => {
      fromDevice.write(bytes, bytes.length);
    },
    onNotice,
    onPresence: (presence) => {
      const line = teller.lineOf(presence);
      if (line !== null) onNotice(line);
    },
  });
  const pumping = pumpRing(toDevice, (bytes) => pipe.send(bytes));
  return {
    notices,
    close: async () => {
      toDevice.close();
      await pumping;
      await pipe.close();
      fromDevice.close();
    },
  };
}
