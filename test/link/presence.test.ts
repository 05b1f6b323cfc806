import assert from "node:assert/strict";
import { test } from "node:test";
import { IdentityWatch, identityQuestion } from "../../src/link/device-identity.ts";
import { memoryPorts } from "../../src/link/memory.ts";
import {
  decodePresence,
  encodePresence,
  lastWill,
  PresenceTeller,
} from "../../src/link/presence.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { protocolHash } from "../../src/wire/messages.ts";
import { DeskDevice } from "./desk-device.ts";

const device = { name: "desk", bootId: 1, contractHash: 2, protocolHash: 3 };
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

test("presence: what a bridge leaves is what is read, and anything else is nothing", () => {
  for (const presence of [{ alive: true, device }, { alive: true, device: null }, lastWill]) {
    assert.deepEqual(decodePresence(bytesOf(encodePresence(presence))), presence);
  }
  for (const wrong of [
    ...["", "{", "null", "[]", "{}", '{"alive":true}', '{"alive":1,"device":null}'],
    '{"alive":true,"device":{"name":"x"}}',
    '{"alive":false,"device":null,"why":7}',
    `{"alive":false,"device":null,"why":"${"x".repeat(2000)}"}`,
  ]) {
    assert.equal(decodePresence(bytesOf(wrong)), null, wrong.slice(0, 40));
  }
  assert.equal(decodePresence(Uint8Array.of(0xff, 0xfe, 0)), null);
});

test("presence: a person is told of what changes, in what no terminal obeys", () => {
  const teller = new PresenceTeller("arm");
  const bound = "no run stops for that, commands expire by the device's clock";
  assert.equal(teller.lineOf({ alive: true, device }), null, "as it should be");
  const why = "\u001b[31m\r\nnaïve";
  const line = teller.lineOf({ alive: false, device: null, why });
  assert.equal(line, `arm: its bridge is gone, says the broker (?[31m??na?ve); ${bound}`);
  assert.equal(teller.lineOf(lastWill), null, "said once");
  const long = { ...device, name: "n".repeat(500) };
  const again = `arm: its bridge is there again, with ${"n".repeat(80)}`;
  assert.equal(teller.lineOf({ alive: true, device: long }), again);
  const bare = teller.lineOf({ alive: false, device: null });
  assert.equal(bare, `arm: its bridge is gone, says the broker; ${bound}`);
});

test("identity: a device tells it when it is asked, and each start of it is news", () => {
  const [near, far] = memoryPorts();
  const desk = new DeskDevice(pendulumSpec, far);
  const watch = new IdentityWatch();
  const bytes = new Uint8Array(4096);
  let nowUs = 1_000_000;
  const heard = (asks: boolean): boolean => {
    const question = identityQuestion();
    if (asks) near.write(question, question.length);
    nowUs += 10_000;
    desk.turn(nowUs);
    return watch.push(bytes.slice(0, near.read(bytes)));
  };
  assert.equal(heard(false), false, "states alone do not say who it is");
  assert.equal(watch.identity, null);
  assert.equal(heard(true), true);
  assert.equal(watch.identity!.name, "desk");
  assert.equal(watch.identity!.bootId, desk.bootId);
  assert.equal(watch.identity!.protocolHash, protocolHash);
  assert.equal(heard(true), false, "no news");
  desk.bootId++;
  assert.equal(heard(true), true);
  assert.equal(watch.identity!.bootId, desk.bootId);
});
