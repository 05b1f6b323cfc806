import assert from "node:assert/strict";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterEach } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { connectAsync, type MqttClient } from "mqtt";
import { SinewError } from "../../src/core/errors.ts";
import { type Broker, startBroker } from "../../src/link/broker.ts";
import { type MqttPipe, openMqttPipe, type PipeEvents } from "../../src/link/mqtt.ts";
import type { MqttPlace } from "../../src/link/mqtt-place.ts";
import type { Presence } from "../../src/link/presence.ts";

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Closes something after the test, however that ends: what is named last goes first. */
export function closeAfter(close: () => Promise<unknown>): void {
  closers.push(close);
}

/** A broker until the test ends. */
export async function brokerHere(port?: number): Promise<Broker> {
  const broker = await startBroker(port);
  closeAfter(() => broker.close());
  return broker;
}

/** A client of others, until the test ends. */
export async function anyoneAt(
  place: Pick<MqttPlace, "url" | "protocolVersion">,
): Promise<MqttClient> {
  const { url, protocolVersion } = place;
  const client = await connectAsync(url, { protocolVersion });
  closeAfter(() => client.endAsync());
  return client;
}

/** One end of a pipe, and all that it heard. */
export interface Ear {
  readonly pipe: MqttPipe;
  readonly bytes: Uint8Array[];
  readonly notices: string[];
  readonly presences: Presence[];
}

/** Hears until the test ends. */
export async function earAt(place: MqttPlace, side: "host" | "robot"): Promise<Ear> {
  const heard = { bytes: [] as Uint8Array[], notices: [] as string[], presences: [] as Presence[] };
  const events: PipeEvents = {
    onBytes: (bytes) => heard.bytes.push(new Uint8Array(bytes)),
    onNotice: (line) => heard.notices.push(line),
    onPresence: (presence) => heard.presences.push(presence),
  };
  const pipe = await openMqttPipe(place, side, events);
  closeAfter(() => pipe.close());
  return { pipe, ...heard };
}

/** Waits up to 5 s. */
export async function until(condition: () => boolean, what: string = "it"): Promise<void> {
  for (let turn = 0; turn < 1000; turn++) {
    if (condition()) return;
    await delay(5);
  }
  assert.fail(`waited in vain for ${what}`);
}

/** It must be refused on one line, with this code. */
export function refuses(action: Promise<unknown>, line: RegExp, code = "broker"): Promise<void> {
  return assert.rejects(action, (error: unknown) => {
    assert.ok(error instanceof SinewError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, line);
    assert.ok(!error.message.includes("\n"));
    return true;
  });
}

/** A way to a broker that can be cut, or held up with what is in it. */
export interface Proxy {
  readonly url: string;
  /** Nothing more goes to the broker; the other way is open. */
  hold(): void;
  release(): void;
  cut(): void;
}

/** A way to the broker at `url` until the test ends. */
export async function startProxy(url: string): Promise<Proxy> {
  const pairs: [near: Socket, far: Socket][] = [];
  const port = Number(new URL(url).port);
  const proxy = createServer({ noDelay: true }, (near) => {
    const far = connect({ port, host: "127.0.0.1", noDelay: true });
    near.on("error", () => far.destroy());
    far.on("error", () => near.destroy());
    near.on("close", () => far.destroy());
    near.pipe(far).pipe(near);
    pairs.push([near, far]);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const cut = (): void => {
    for (const socket of pairs.flat()) socket.destroy();
  };
  closeAfter(async () => {
    cut();
    await new Promise((resolve) => proxy.close(resolve));
  });
  return {
    url: `mqtt://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    hold: () => {
      for (const [near, far] of pairs) near.unpipe(far).pause();
    },
    release: () => {
      for (const [near, far] of pairs) near.pipe(far);
    },
    cut,
  };
}
