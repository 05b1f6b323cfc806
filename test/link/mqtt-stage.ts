import assert from "node:assert/strict";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { SinewError } from "../../src/core/errors.ts";
import { type MqttPipe, openMqttPipe, type PipeEvents } from "../../src/link/mqtt.ts";
import type { MqttPlace } from "../../src/link/mqtt-place.ts";
import type { Presence } from "../../src/link/presence.ts";

/** One end of a pipe, and all that it heard. */
export interface Ear {
  readonly pipe: MqttPipe;
  readonly bytes: Uint8Array[];
  readonly notices: string[];
  readonly presences: Presence[];
}

export async function earAt(place: MqttPlace, side: "host" | "robot"): Promise<Ear> {
  const heard = { bytes: [] as Uint8Array[], notices: [] as string[], presences: [] as Presence[] };
  const events: PipeEvents = {
    onBytes: (bytes) => heard.bytes.push(new Uint8Array(bytes)),
    onNotice: (line) => heard.notices.push(line),
    onPresence: (presence) => heard.presences.push(presence),
  };
  return { pipe: await openMqttPipe(place, side, events), ...heard };
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

/** A way to the broker at `url` that can be clogged, or cut. */
export async function startProxy(url: string): Promise<{
  url: string;
  clog(): void;
  cut(): void;
  close(): Promise<void>;
}> {
  const sockets: Socket[] = [];
  const proxy = createServer((near) => {
    const far = connect(Number(new URL(url).port), "127.0.0.1");
    near.pipe(far).pipe(near);
    near.on("error", () => far.destroy());
    far.on("error", () => near.destroy());
    near.on("close", () => far.destroy());
    sockets.push(near, far);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `mqtt://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    clog: () => {
      for (const socket of sockets) socket.pause().unpipe();
    },
    cut,
    close: async () => {
      cut();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}
