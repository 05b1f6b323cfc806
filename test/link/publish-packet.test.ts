import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import type { MqttVersion } from "../../src/link/mqtt-place.ts";
import { PublishReader, PublishWriter } from "../../src/link/publish-packet.ts";

const topic = "sinew/arm/cmd";

/** All that a reader of `topic` makes of `pieces`; others' bytes as one. */
function read(version: MqttVersion, pieces: readonly Uint8Array[]): [string[], string] {
  const payloads: string[] = [];
  const others: number[] = [];
  const reader = new PublishReader(topic, version, {
    onPayload: (bytes) => payloads.push(Buffer.from(bytes).toString("hex")),
    onOther: (bytes) => others.push(...bytes),
  });
  for (const piece of pieces) {
    reader.push(piece);
    // Its memory is used again.
    piece.fill(0xee);
  }
  return [payloads, Buffer.from(others).toString("hex")];
}

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

test("publish: a packet is as the specifications say it", () => {
  const payload = Uint8Array.of(1, 2, 0);
  const name = `000d${hexOf(Buffer.from(topic))}`;
  assert.equal(hexOf(new PublishWriter(topic, 4, 1).packet(payload)), `3012${name}010200`);
  // MQTT 5: five bytes of properties, which are the message's expiry in seconds.
  const five = new PublishWriter(topic, 5, 258).packet(payload);
  assert.equal(hexOf(five), `3018${name}050200000102010200`);
  // A length of two bytes, and of three.
  const of = (length: number): string =>
    hexOf(new PublishWriter("t", 4, 1).packet(new Uint8Array(length)));
  assert.match(of(125), /^308001000174(00){125}$/);
  assert.match(of(16_381), /^30808001000174(00){16381}$/);
});

test("publish: what is written is read, however a line cuts it, and all else is left", () => {
  for (const version of [5, 4] as const) {
    const rng = new Rng(version);
    const writer = new PublishWriter(topic, version, 1);
    const elsewhere = new PublishWriter("sinew/arm/presence", version, 1);
    const near = new PublishWriter("sinew/arm/cme", version, 1);
    for (let turn = 0; turn < 300; turn++) {
      const payloads: string[] = [];
      const stream: number[] = [];
      let others = "";
      for (let left = rng.below(8); left >= 0; left--) {
        const payload = Uint8Array.from({ length: rng.below(300) }, () => rng.below(256));
        const kind = rng.below(6);
        const packet =
          kind === 0
            ? bytesOf("d000")
            : kind === 1
              ? [elsewhere, near][rng.below(2)].packet(payload)
              : Uint8Array.from(writer.packet(payload));
        // Retained, said again, or of another quality of service.
        if (kind === 2) packet[0] |= 1 + rng.below(15);
        if (kind > 2) payloads.push(hexOf(payload));
        else others += hexOf(packet);
        stream.push(...packet);
      }
      const pieces: Uint8Array[] = [];
      for (let at = 0; at < stream.length; ) {
        const length = 1 + rng.below([2, 40, 4000][turn % 3]);
        pieces.push(Uint8Array.from(stream.slice(at, at + length)));
        at += length;
      }
      assert.deepEqual(read(version, pieces), [payloads, others], `MQTT ${version}, turn ${turn}`);
    }
  }
});

test("publish: properties that a broker adds are skipped", () => {
  const name = `000d${hexOf(Buffer.from(topic))}`;
  // A content type of 0x80 bytes, and an expiry.
  const properties = `880103${"0080"}${"61".repeat(0x80)}0200000001`;
  const body = `${name}${properties}0700`;
  const length = body.length / 2;
  const packet = bytesOf(`30${hexOf(Uint8Array.of((length & 127) | 128, length >> 7))}${body}`);
  assert.deepEqual(read(5, [packet]), [["0700"], ""]);
});

test("publish: what makes no sense is for others to refuse, and stays theirs", () => {
  const name = `000d${hexOf(Buffer.from(topic))}`;
  const live = `3011${name}0700`;
  for (const [version, hex] of [
    // A length that does not end, with what follows.
    [4, `30ffffffffff${live}`],
    [4, `30ffffffff01${live}`],
    // A packet that ends in its topic, or before it.
    [4, "3006000d73696e65"],
    [4, "3000"],
    [4, "300100"],
    // Properties that are longer than their packet, and no length of them.
    [5, `3012${name}050200`],
    [5, `300f${name}`],
    [5, `3013${name}ffffffff`],
  ] as const) {
    assert.deepEqual(read(version, [bytesOf(hex)]), [[], hex], hex);
  }
  // None of it touches what is whole and comes later.
  assert.deepEqual(read(4, [bytesOf(`3006000d73696e65${live}`)]), [["0700"], "3006000d73696e65"]);
});

test("publish: what is too long to be of ours is not kept until its end", () => {
  const packet = new PublishWriter(topic, 4, 1).packet(new Uint8Array(70_000));
  const others: number[] = [];
  const reader = new PublishReader(topic, 4, {
    onPayload: () => assert.fail("it is none"),
    onOther: (bytes) => others.push(bytes.length),
  });
  reader.push(packet.slice(0, 5000));
  assert.deepEqual(others, [5000]);
  reader.push(packet.slice(5000));
  assert.deepEqual(others, [5000, packet.length - 5000]);
});
