import { makeStep, type Step } from "../core/step.ts";
import type { Run } from "../edge/run.ts";
import { statusOf } from "../edge/run-status.ts";
import type { LogEvent } from "../log/event.ts";
import { nanosecondsOf, setU64 } from "../log/mcap.ts";
import { StepRecord } from "../log/record.ts";
import type { RingSpectator } from "../log/ring.ts";
import { ChannelId, channelsOf, cycleText } from "./foxglove-channel.ts";
import type { Show } from "./show.ts";
import { type Outlet, unreadBytesMax } from "./viewer.ts";

/** The subprotocols in which Foxglove asks for the same; the second one is newer. */
export const foxgloveProtocols: readonly string[] = ["foxglove.websocket.v1", "foxglove.sdk.v1"];

const batchBytes = 131_072;
const looksPerStatus = 4;
/** Of a message with data: what kind it is, the subscription, and the time in nanoseconds. */
const headBytes = 13;
const messageData = 1;
const never = Number.NEGATIVE_INFINITY;
const Level = { warning: 1, error: 2 } as const;

/** What a run is made of for one client. */
interface Stream {
  readonly run: Run;
  readonly record: StepRecord;
  readonly steps: RingSpectator;
  readonly step: Step;
}

/**
 * One client that speaks Foxglove's WebSocket protocol, version 1, by its specification
 * (foxglove/ws-protocol, docs/spec.md). It reads and can command nothing: no capability is offered.
 */
export class FoxgloveClient {
  readonly #socket: Outlet;
  readonly #show: Show;
  /** Its number for each channel that it wants. */
  readonly #wanted = new Map<number, number>();
  readonly #batch: Uint8Array = new Uint8Array(batchBytes);
  #stream: Stream | null = null;
  #looks = 0;
  #missed = 0;
  /** Of the newest that was sent. Each of these is written by itself. */
  readonly #sentUs = { asked: never, mode: never, policy: never };

  constructor(socket: Outlet, show: Show) {
    this.#socket = socket;
    this.#show = show;
    this.#tell({ op: "serverInfo", name: `sinew ${show.robot.robot}`, capabilities: [] });
  }

  /** Takes a text that the client sent. What is none of the protocol is answered and forgotten. */
  take(text: string): void {
    let told: unknown;
    try {
      told = JSON.parse(text);
    } catch {
      told = null;
    }
    const { op, subscriptions, subscriptionIds } = (told ?? {}) as Record<string, unknown>;
    if (op === "subscribe" && Array.isArray(subscriptions)) {
      for (const one of subscriptions) this.#subscribe(one);
    } else if (op === "unsubscribe" && Array.isArray(subscriptionIds)) {
      for (const [channel, id] of this.#wanted) {
        if (subscriptionIds.includes(id)) this.#wanted.delete(channel);
      }
    } else {
      this.#complain(Level.error, "this server knows subscribe and unsubscribe");
    }
  }

  /** Sends what is new on the channels that are wanted. */
  look(): void {
    if (this.#stream === null) this.#advertise();
    // What it does not read in time is overwritten.
    if (this.#stream === null || this.#socket.bufferedAmount > unreadBytesMax) return;
    this.#sendSteps(this.#stream);
    const { run } = this.#stream;
    this.#sendEvents(run);
    if (this.#looks++ % looksPerStatus !== 0) return;
    const { timeUs } = run.status.live();
    this.#send(ChannelId.status, timeUs, () => Buffer.from(JSON.stringify(statusOf(run))));
    if (this.#missed === 0) return;
    this.#complain(Level.warning, `${this.#missed} steps were not sent: the client was slow`);
    this.#missed = 0;
  }

  #advertise(): void {
    const { run } = this.#show;
    if (run === null) return;
    const record = new StepRecord(run.spec);
    this.#stream = { run, record, steps: run.watch(0), step: makeStep(run.spec) };
    this.#tell({ op: "advertise", channels: channelsOf(record) });
  }

  #subscribe(one: unknown): void {
    const { id, channelId } = (one ?? {}) as Record<string, unknown>;
    const known = Object.values(ChannelId).some((channel) => channel === channelId);
    const whole = Number.isInteger(id) && (id as number) >= 0 && (id as number) < 2 ** 32;
    const taken = [...this.#wanted.values()].includes(id as number);
    if (known && whole && !taken) this.#wanted.set(channelId as number, id as number);
    else this.#complain(Level.error, `no subscription ${id} of channel ${channelId}`);
  }

  #sendSteps({ record, steps, step }: Stream): void {
    const { records, missed } = steps.copy(this.#batch);
    if (!this.#wanted.has(ChannelId.step) && !this.#wanted.has(ChannelId.cycle)) return;
    this.#missed += missed;
    for (let at = 0; at < records * record.size; at += record.size) {
      record.decode(this.#batch, at, step);
      this.#send(ChannelId.step, step.timeUs, () => this.#batch.subarray(at, at + record.size));
      this.#send(ChannelId.cycle, step.timeUs, () => Buffer.from(cycleText(record.spec, step)));
    }
  }

  #sendEvents(run: Run): void {
    // Who subscribes later is told of the newest, too.
    if (!this.#wanted.has(ChannelId.event)) return;
    const sentUs = { ...this.#sentUs };
    for (const event of this.#show.events(run)) {
      const writer = writerOf(event);
      // Two may be of the same moment.
      if (event.timeUs <= sentUs[writer]) continue;
      this.#sentUs[writer] = event.timeUs;
      this.#send(ChannelId.event, event.timeUs, () => Buffer.from(JSON.stringify(event)));
    }
  }

  /** Sends a message of `channel` where it is wanted; `payload` is only asked for then. */
  #send(channel: number, timeUs: number, payload: () => Uint8Array): void {
    const id = this.#wanted.get(channel);
    if (id === undefined) return;
    const bytes = payload();
    const message = new Uint8Array(headBytes + bytes.length);
    const view = new DataView(message.buffer);
    view.setUint8(0, messageData);
    view.setUint32(1, id, true);
    setU64(view, 5, nanosecondsOf(timeUs));
    message.set(bytes, headBytes);
    this.#socket.send(message);
  }

  #complain(level: number, message: string): void {
    this.#tell({ op: "status", level, message });
  }

  #tell(message: object): void {
    this.#socket.send(JSON.stringify(message));
  }
}

function writerOf({ kind }: LogEvent): "asked" | "mode" | "policy" {
  if (kind === "transition") return "mode";
  return kind === "policy" ? "policy" : "asked";
}
