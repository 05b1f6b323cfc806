import type { MqttVersion } from "./mqtt-place.ts";

// A PUBLISH of QoS 0 that is neither retained nor a repetition.
const livePublish = 0x30;
const messageExpiryInterval = 0x02;
const lengthBytesMax = 4;
/** What is longer carries no frames of ours. */
const packetBytesMax = 65_536;

/** Makes the packets that publish on one topic, at QoS 0 (section 3.3 of MQTT 3.1.1 and of 5.0). */
export class PublishWriter {
  /** The topic and what MQTT 5 adds to it. */
  readonly #head: Uint8Array;

  /** `expirySeconds`, 0 to 2^32 - 1, counts for MQTT 5 only. */
  constructor(topic: string, version: MqttVersion, expirySeconds: number) {
    const properties = Buffer.of(5, messageExpiryInterval, 0, 0, 0, 0);
    properties.writeUInt32BE(expirySeconds, 2);
    this.#head = Buffer.concat([textOf(topic), ...(version === 5 ? [properties] : [])]);
  }

  /** The packet that carries `payload`, in memory of its own. */
  packet(payload: Uint8Array): Uint8Array {
    const head = this.#head;
    const bodyLength = head.length + payload.length;
    const packet = Buffer.allocUnsafe(1 + lengthBytesMax + bodyLength);
    packet[0] = livePublish;
    let at = 1;
    let left = bodyLength;
    for (; left >= 0x80; left >>= 7) packet[at++] = (left & 0x7f) | 0x80;
    packet[at++] = left;
    packet.set(head, at);
    packet.set(payload, at + head.length);
    return packet.subarray(0, at + bodyLength);
  }
}

/** What a reader finds. The bytes are theirs only during the call. */
export interface PublishEvents {
  /** What was published just now on the reader's topic. */
  onPayload(payload: Uint8Array): void;
  /** Everything else, in its order. */
  onOther(bytes: Uint8Array): void;
}

/**
 * Takes what is published just now on one topic out of the packets of one connection. Whatever is
 * not that, or makes no sense, is left to others.
 */
export class PublishReader {
  /** As it is in a packet. */
  readonly #topic: Uint8Array;
  readonly #version: MqttVersion;
  readonly #events: PublishEvents;
  /** The start of a packet whose end has not come. */
  #rest: Uint8Array = new Uint8Array();
  /** Bytes of a packet of others that have not come. */
  #othersLeft = 0;

  constructor(topic: string, version: MqttVersion, events: PublishEvents) {
    this.#topic = textOf(topic);
    this.#version = version;
    this.#events = events;
  }

  push(bytes: Uint8Array): void {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    let at = 0;
    for (let length = 1; length > 0; at += length) length = this.#take(all.subarray(at));
    this.#rest = Uint8Array.from(all.subarray(at));
  }

  /** Takes what `bytes` begin with, and says how many that are; 0 where more must come first. */
  #take(bytes: Uint8Array): number {
    if (this.#othersLeft > 0) return this.#leave(bytes);
    const body = readLength(bytes, 1);
    if (body === null) return 0;
    const length = body.at + body.value;
    const isOurs = bytes[0] === livePublish && length <= packetBytesMax;
    if (isOurs && length > bytes.length) return 0;
    const from = isOurs ? this.#payloadStart(bytes.subarray(0, length), body.at) : -1;
    if (from < 0) {
      this.#othersLeft = length;
      return this.#leave(bytes);
    }
    this.#events.onPayload(bytes.subarray(from, length));
    return length;
  }

  #leave(bytes: Uint8Array): number {
    const length = Math.min(this.#othersLeft, bytes.length);
    this.#othersLeft -= length;
    if (length > 0) this.#events.onOther(bytes.subarray(0, length));
    return length;
  }

  /** Where the payload begins in a packet whose topic begins at `at`; -1 where it is for others. */
  #payloadStart(packet: Uint8Array, at: number): number {
    const topic = this.#topic;
    if (topic.some((byte, i) => packet[at + i] !== byte)) return -1;
    const end = at + topic.length;
    if (this.#version === 4) return end;
    const properties = readLength(packet, end);
    if (properties === null) return -1;
    const from = properties.at + properties.value;
    return from <= packet.length ? from : -1;
  }
}

/** A text of MQTT: two bytes of its length, then UTF-8. */
function textOf(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.of(bytes.length >> 8, bytes.length & 0xff), bytes]);
}

/**
 * A length of MQTT, seven bits a byte, and where it ends; null where it has not ended yet. One that
 * does not end in four bytes is infinite.
 */
function readLength(bytes: Uint8Array, from: number): { value: number; at: number } | null {
  let value = 0;
  for (let i = 0; i < lengthBytesMax; i++) {
    const byte = bytes[from + i];
    if (byte === undefined) return null;
    value |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) return { value, at: from + i + 1 };
  }
  return { value: Number.POSITIVE_INFINITY, at: from + lengthBytesMax };
}
