import assert from "node:assert/strict";
import { test } from "node:test";
import { monotonicClock } from "../../src/core/clock.ts";
import { FoxgloveClient } from "../../src/dash/foxglove.ts";
import type { Message, State } from "../../src/dash/message.ts";
import { Show } from "../../src/dash/show.ts";
import { unreadBytesMax, Viewer } from "../../src/dash/viewer.ts";
import { Controls } from "../../src/edge/controls.ts";
import { Count } from "../../src/edge/status.ts";
import { until } from "../edge/board-run.ts";
import { StagedRun } from "../edge/staged-run.ts";
import { robot } from "./bench-page.ts";

/** The end of a WebSocket whose other end reads when it is told to. */
class Outlet {
  bufferedAmount = 0;
  readonly texts: string[] = [];
  readonly bytes: Uint8Array[] = [];

  send(message: string | Uint8Array): void {
    if (typeof message === "string") this.texts.push(message);
    else this.bytes.push(message);
  }

  get sent(): number {
    return this.texts.length + this.bytes.length;
  }
}

const controls = new Controls();
const show = new Show(robot, "policy.onnx", controls, monotonicClock());

test("viewer: who does not read is sent nothing more, and is told what it missed", async (t) => {
  const { run } = new StagedRun(t);
  controls.attach(run);
  const [slow, quick] = [new Outlet(), new Outlet()];
  const [sleeper, watcher] = [new Viewer(slow, show, 1), new Viewer(quick, show, 2)];
  const look = (): void => {
    sleeper.look(false);
    watcher.look(false);
  };
  await until("some steps", () => {
    look();
    return slow.bytes.length > 0;
  });
  const { sent } = slow;
  slow.bufferedAmount = unreadBytesMax + 1;
  const cycles = run.status.count(Count.cycles);
  await until("more steps than the ring holds", () => {
    look();
    return run.status.count(Count.cycles) > cycles + 400;
  });
  assert.equal(slow.sent, sent, "nothing waits for who does not read");
  slow.bufferedAmount = 0;
  const states = (outlet: Outlet): State[] => {
    return (outlet.texts.map((text) => JSON.parse(text)) as Message[]).filter(
      (message) => message.kind === "state",
    );
  };
  const before = states(slow).length;
  await until("its next state", () => {
    look();
    return states(slow).length > before;
  });
  assert.ok(states(slow).at(-1)!.missed > 100);
  assert.equal(states(quick).at(-1)!.missed, 0);
});

test("viewer: how the run stood at its end is told, whether that is due or not", (t) => {
  const { run } = new StagedRun(t);
  controls.attach(run);
  const outlet = new Outlet();
  const viewer = new Viewer(outlet, show, 1);
  const states = (): number => outlet.texts.filter((text) => /^\{"kind":"state"/.test(text)).length;
  viewer.look(false);
  assert.equal(states(), 1);
  viewer.look(false);
  assert.equal(states(), 1, "every second time");
  viewer.look(false);
  viewer.look(true);
  assert.equal(states(), 3);
});

test("foxglove: who does not read is sent nothing more, and is told what it missed", async (t) => {
  const { run } = new StagedRun(t);
  controls.attach(run);
  const outlet = new Outlet();
  const client = new FoxgloveClient(outlet, show);
  client.look();
  client.take('{"op":"subscribe","subscriptions":[{"id":7,"channelId":1}]}');
  await until("some steps", () => {
    client.look();
    return outlet.bytes.length > 0;
  });
  const { sent } = outlet;
  outlet.bufferedAmount = unreadBytesMax + 1;
  const cycles = run.status.count(Count.cycles);
  await until("more steps than the ring holds", () => {
    client.look();
    return run.status.count(Count.cycles) > cycles + 400;
  });
  assert.equal(outlet.sent, sent);
  outlet.bufferedAmount = 0;
  await until("the warning", () => {
    client.look();
    return outlet.texts.some((text) => /\d{3} steps were not sent: the client was slow/.test(text));
  });
});
