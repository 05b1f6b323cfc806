// The Foxglove WebSocket protocol from the client's side, written from the words of its
// specification (foxglove/ws-protocol, docs/spec.md) and not from the server's code.
import assert from "node:assert/strict";
import { test } from "node:test";
import { WebSocket } from "ws";
import { makeStep } from "../../src/core/step.ts";
import type { Dash } from "../../src/dash/dash.ts";
import { commandNamed } from "../../src/edge/commands.ts";
import { StepRecord } from "../../src/log/record.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { until } from "../edge/board-run.ts";
import { openBench } from "./bench-page.ts";

interface Channel {
  readonly id: number;
  readonly topic: string;
  readonly encoding: string;
  readonly schemaName: string;
  readonly schema: string;
  readonly schemaEncoding?: string;
}

interface Told {
  readonly op: string;
  readonly name?: string;
  readonly capabilities?: readonly string[];
  readonly channels?: readonly Channel[];
  readonly level?: number;
  readonly message?: string;
}

/** A client: it subscribes to what is advertised and sorts what comes. */
class Client {
  readonly socket: WebSocket;
  readonly told: Told[] = [];
  readonly data: { readonly id: number; readonly timeNs: bigint; readonly payload: Buffer }[] = [];

  constructor({ url }: Dash, protocol: string) {
    const options = { origin: "https://app.example" };
    this.socket = new WebSocket(url.replace("http", "ws"), [protocol], options);
    this.socket.on("message", (message: Buffer, binary: boolean) => {
      if (!binary) {
        this.told.push(JSON.parse(message.toString()));
        return;
      }
      assert.equal(message.readUInt8(0), 1, "message data");
      const [id, timeNs] = [message.readUInt32LE(1), message.readBigUInt64LE(5)];
      this.data.push({ id, timeNs, payload: message.subarray(13) });
    });
  }

  get channels(): readonly Channel[] {
    return this.told.flatMap(({ op, channels }) => (op === "advertise" ? channels! : []));
  }

  say(message: object | string): void {
    this.socket.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  of(id: number): Buffer[] {
    return this.data.filter((one) => one.id === id).map(({ payload }) => payload);
  }
}

for (const protocol of ["foxglove.websocket.v1", "foxglove.sdk.v1"]) {
  test(`foxglove: ${protocol}: a client sees steps, events and how it stands`, async (t) => {
    const { dash, controls, staged } = await openBench(t);
    const client = new Client(dash, protocol);
    await until("the server's greeting", () => client.told.length > 0);
    assert.equal(client.socket.protocol, protocol);
    const { op, name, capabilities } = client.told[0];
    assert.deepEqual([op, name, capabilities], ["serverInfo", "sinew bench", []]);
    assert.equal(client.channels.length, 0, "nothing to subscribe to before the run");
    controls.attach(staged.run);
    await until("channels", () => client.channels.length > 0);
    const ids = Object.fromEntries(client.channels.map(({ topic, id }) => [topic, id]));
    assert.deepEqual(Object.keys(ids), ["/step", "/event", "/cycle", "/status"]);
    for (const { encoding, schema, schemaEncoding } of client.channels) {
      if (encoding === "json") assert.equal(JSON.parse(schema).type, "object");
      assert.equal(schemaEncoding, encoding === "json" ? "jsonschema" : "protobuf");
    }
    const topics = Object.values(ids);
    const subscriptions = topics.map((channelId, at) => ({ id: 100 + at, channelId }));
    client.say({ op: "subscribe", subscriptions });
    await controls.order(commandNamed("arm"), "a test");
    await until("all kinds", () => subscriptions.every(({ id }) => client.of(id).length > 2));
    const record = new StepRecord(pendulumSpec);
    const step = makeStep(pendulumSpec);
    record.decode(client.of(100)[0], 0, step);
    assert.deepEqual(step.observation, staged.stage.steps[step.seq].observation);
    const cycle = JSON.parse(client.of(102)[0].toString());
    const { observation, proposed } = staged.stage.steps[cycle.seq];
    assert.equal(Math.fround(cycle.observation.pole_sin), observation[1]);
    assert.equal(Math.fround(cycle.proposed.pole_torque), proposed[0]);
    const first = client.data.find(({ id }) => id === 102)!;
    assert.equal(first.timeNs, BigInt(Math.round(cycle.timeUs * 1000)));
    const events = client.of(101).map((payload) => JSON.parse(payload.toString()).kind);
    assert.deepEqual(events.sort(), ["answer", "command", "transition"]);
    assert.equal(JSON.parse(client.of(103).at(-1)!.toString()).mode, "armed");
  });
}

test("foxglove: what is unsubscribed comes no more, and nonsense is answered", async (t) => {
  const { dash, controls, staged } = await openBench(t);
  controls.attach(staged.run);
  const client = new Client(dash, "foxglove.websocket.v1");
  await until("channels", () => client.channels.length > 0);
  client.say({
    op: "subscribe",
    subscriptions: [
      { id: 1, channelId: 1 },
      { id: 2, channelId: 3 },
    ],
  });
  await until("steps", () => client.of(1).length > 0);
  client.say({ op: "unsubscribe", subscriptionIds: [1] });
  const bad = ["{", "7", "null", '{"op":"setParameters"}', '{"op":"subscribe"}'];
  for (const text of bad) client.say(text);
  const subscriptions = [
    { id: 9, channelId: 99 },
    { id: 2, channelId: 1 },
    { id: -1, channelId: 1 },
    null,
  ];
  client.say({ op: "subscribe", subscriptions });
  const errors = (): Told[] =>
    client.told.filter(({ op, level }) => op === "status" && level === 2);
  await until("an answer to each", () => errors().length === bad.length + subscriptions.length);
  const { length } = client.of(1);
  const cycles = client.of(2).length;
  await until("more cycles", () => client.of(2).length > cycles + 10);
  assert.equal(client.of(1).length, length);
  assert.equal(staged.run.status.mode, 0, "nothing that it says is a command");
});

test("foxglove: its schema has all that is told; a policy's change is an event", async (t) => {
  const { dash, controls, staged } = await openBench(t);
  const client = new Client(dash, "foxglove.sdk.v1");
  controls.attach(staged.run);
  await until("channels", () => client.channels.length > 0);
  const idOf = (name: string): number => client.channels.find(({ topic }) => topic === name)!.id;
  const subscriptions = ["/event", "/status"].map((name, id) => ({ id, channelId: idOf(name) }));
  client.say({ op: "subscribe", subscriptions });
  await until("how it stands", () => client.of(1).length > 0);
  const status = JSON.parse(client.of(1)[0].toString());
  const { schema } = client.channels.find(({ topic }) => topic === "/status")!;
  assert.deepEqual(Object.keys(JSON.parse(schema).properties), Object.keys(status));
  const { timeUs } = staged.run.status.live();
  const back = { what: "rollback", why: "unfit", fromSeq: 9, drives: 0, beside: -1 } as const;
  staged.run.status.policies.add({ timeUs, ...back });
  // One of the mode at the same moment hides none.
  await controls.order(commandNamed("arm"), "a test");
  const events = (): Record<string, unknown>[] =>
    client.of(0).map((payload) => JSON.parse(payload.toString()));
  await until("both", () => events().some(({ kind }) => kind === "transition"));
  const told = { timeUs, kind: "policy", what: "rollback", why: "unfit", fromSeq: 9 };
  assert.deepEqual(
    events().filter(({ kind }) => kind === "policy"),
    [{ ...told, drives: "x", beside: null }],
  );
});

test("foxglove: who subscribes late is told of what happened before, once", async (t) => {
  const { dash, controls, staged } = await openBench(t);
  controls.attach(staged.run);
  const client = new Client(dash, "foxglove.sdk.v1");
  await until("channels", () => client.channels.length > 0);
  const { id: channelId } = client.channels.find(({ topic }) => topic === "/event")!;
  await controls.order(commandNamed("arm"), "a test");
  client.say({ op: "subscribe", subscriptions: [{ id: 7, channelId: 4 }] });
  await until("looks of the server", () => client.of(7).length > 1);
  client.say({ op: "subscribe", subscriptions: [{ id: 8, channelId }] });
  await until("its events", () => client.of(8).length > 0);
  const statuses = client.of(7).length;
  await until("more looks", () => client.of(7).length > statuses + 1);
  const kinds = client.of(8).map((payload) => JSON.parse(payload.toString()).kind);
  assert.deepEqual(kinds.sort(), ["answer", "command", "transition"]);
});
