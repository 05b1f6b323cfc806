// The contract of every link, over Mosquitto: MQTT 3.1.1 and 5, and 5 over TLS.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Board } from "../../src/hil/board.ts";
import { startEmulated } from "../../src/hil/emulated-board.ts";
import { startBridge } from "../../src/link/bridge.ts";
import { openLink, openPort } from "../../src/link/link.ts";
import type { MqttPlace } from "../../src/link/mqtt-place.ts";
import { issue } from "../link/certificate.ts";
import { keepsTheContract } from "../link/link-contract.ts";
import { earAt, until } from "../link/mqtt-stage.ts";
import { Mosquitto } from "./mosquitto.ts";

let mosquitto: Mosquitto;
let board: Board;
before(async () => {
  mosquitto = await Mosquitto.start();
  board = await startEmulated({ image: "firmware-bridge/images/rp2040-pendulum.bin" });
});
after(async () => {
  await board.close();
  await mosquitto.close();
});

async function keepsOver(host: MqttPlace, robot: MqttPlace, seed: number): Promise<void> {
  const told: string[] = [];
  const bridge = await startBridge(board.path, 1_000_000, robot, (line) => told.push(line));
  const link = await openLink({ mqtt: host });
  await keepsTheContract(openPort(link.door), seed);
  const device = bridge.device;
  assert.equal(device?.name, "rp2040-pendulum");
  // Who comes later finds its birth, and then its death.
  const late = await earAt(host, "host");
  await until(() => late.presences.length === 1, "the birth");
  assert.deepEqual(late.presences, [{ alive: true, device }]);
  await bridge.close();
  await until(() => late.presences.length === 2, "the farewell");
  assert.deepEqual(late.presences[1], { alive: false, device: null, why: "it was ended" });
  assert.deepEqual(told, []);
  assert.equal(link.notices.length, 1, "the end of the bridge, and nothing else");
  await link.close();
}

test("mosquitto: MQTT 3.1.1", () => keepsOver(mosquitto.place(4), mosquitto.place(4), 11));
test("mosquitto: MQTT 5", () => keepsOver(mosquitto.place(5), mosquitto.place(5), 12));
test("mosquitto: a host of MQTT 5 and a bridge of 3.1.1", () =>
  keepsOver(mosquitto.place(5), mosquitto.place(4), 13));
test("mosquitto: MQTT 5 over TLS, each with a certificate of its own", () => {
  const places = ["laptop", "arm-1"].map((name) => {
    const tls = mosquitto.tlsOf(issue({ name, by: mosquitto.lab }));
    return mosquitto.securePlace(5, tls);
  });
  return keepsOver(places[0], places[1], 14);
});
