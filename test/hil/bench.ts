import { setTimeout as sleep } from "node:timers/promises";
import { monotonicClock } from "../../src/core/clock.ts";
import type { Spec } from "../../src/core/spec.ts";
import type { Board } from "../../src/hil/board.ts";
import type { Port } from "../../src/link/port.ts";
import { openSerialPort } from "../../src/link/serial.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { hashContract, rampingToZero } from "../../src/wire/device-contract.ts";
import { encodeFrame, FrameDecoder } from "../../src/wire/frame.ts";
import {
  DeviceMode,
  DeviceReason,
  Layout,
  MessageType,
  protocolHash,
} from "../../src/wire/messages.ts";
import { Session } from "../../src/wire/session.ts";

export const image = "firmware-bridge/images/rp2040-pendulum.bin";

/** One STATE, with raw stamps of the device's clock. */
export interface State {
  readonly acknowledged: number;
  readonly mode: number;
  readonly reason: number;
  readonly sampleUs: number;
  readonly txUs: number;
  readonly observation: readonly number[];
  readonly applied: number;
}

/** One ANSWER. */
export interface Answer {
  readonly request: number;
  readonly result: number;
  readonly sequence: number;
}

export type Stats = Record<Exclude<keyof typeof Layout.stats, "size">, number>;

const clock = monotonicClock();
const limitMs = 10_000;

/** A real image on an emulated board, and a host that can say anything at all to it. */
export class Bench {
  readonly board: Board;
  readonly session: Session;
  readonly states: State[] = [];
  readonly answers: Answer[] = [];
  readonly port: Port;
  /** Sequence of the next frame that is not the session's. */
  sequence = 1000;
  #stats: Stats | null = null;
  readonly #decoder = new FrameDecoder();
  readonly #in = new Uint8Array(4096);
  readonly #out = new Uint8Array(Session.outBytesMin);

  constructor(board: Board, spec: Spec) {
    this.board = board;
    this.session = new Session(spec);
    this.port = openSerialPort(board.path);
  }

  /** A session with `board` that is ready. */
  static async open(board: Board): Promise<Bench> {
    const bench = new Bench(board, pendulumSpec);
    await bench.until("a session", () => bench.session.phase === "ready");
    await bench.until("a state", () => bench.states.length > 0);
    return bench;
  }

  now(): number {
    return clock.now();
  }

  /** The device's clock now, as the session knows it: a raw stamp. */
  deviceUs(): number {
    return Math.round(clock.now() + this.session.offsetUs) >>> 0;
  }

  get state(): State {
    return this.states.at(-1)!;
  }

  /** Drops all states but the newest. */
  forget(): void {
    this.states.splice(0, this.states.length - 1);
  }

  /** Takes in what came and lets the session speak. False once the port is lost. */
  pump(): boolean {
    let length = this.port.read(this.#in);
    for (; length > 0; length = this.port.read(this.#in)) {
      this.session.receive(this.#in, length, clock.now());
      for (let at = 0; at < length; at++) if (this.#decoder.push(this.#in[at])) this.#take();
    }
    this.port.write(this.#out, this.session.poll(clock.now(), this.#out));
    return length === 0;
  }

  async until(what: string, holds: () => boolean): Promise<void> {
    const endUs = clock.now() + limitMs * 1000;
    for (this.pump(); !holds(); this.pump()) {
      if (clock.now() > endUs) throw new Error(`waited ${limitMs} ms for ${what}`);
      await sleep(1);
    }
  }

  /** Lets `ms` of the host's time pass. */
  async pass(ms: number): Promise<void> {
    const endUs = clock.now() + ms * 1000;
    await this.until("time", () => clock.now() >= endUs);
  }

  /** A whole frame; fields as [offset, kind, value]. */
  frame(
    type: number,
    size: number,
    fields: readonly [at: number, kind: "u8" | "u32" | "f32", value: number][],
    sequence: number = this.sequence++,
  ): Uint8Array {
    const bytes = new Uint8Array(size + 4);
    const view = new DataView(bytes.buffer);
    view.setUint8(0, type);
    view.setUint16(1, sequence, true);
    for (const [at, kind, value] of fields) {
      if (kind === "u8") view.setUint8(at, value);
      else if (kind === "u32") view.setUint32(at, value, true);
      else view.setFloat32(at, value, true);
    }
    const out = new Uint8Array(size + 16);
    return out.slice(0, encodeFrame(bytes, size, out));
  }

  send(bytes: Uint8Array): void {
    if (!this.port.write(bytes, bytes.length)) throw new Error("the port did not take the frame");
  }

  command(values: readonly number[], expiresUs: number, sequence?: number): Uint8Array {
    const at = Layout.command;
    return this.frame(
      MessageType.command,
      at.size + 4 * values.length,
      [
        [at.expiresUs, "u32", expiresUs],
        [at.count, "u8", values.length],
        ...values.map((value, i): [number, "f32", number] => [at.action + 4 * i, "f32", value]),
      ],
      sequence,
    );
  }

  /** What the device answers to a request. */
  async ask(bytes: Uint8Array): Promise<Answer> {
    const had = this.answers.length;
    this.send(bytes);
    await this.until("an answer", () => this.answers.length > had);
    return this.answers.at(-1)!;
  }

  arm(
    expiresUs: number = this.deviceUs() + 900_000,
    contract: number = hashContract(rampingToZero(pendulumSpec)),
    protocol: number = protocolHash,
  ): Promise<Answer> {
    const at = Layout.arm;
    return this.ask(
      this.frame(MessageType.arm, at.size, [
        [at.protocolHash, "u32", protocol],
        [at.contractHash, "u32", contract],
        [at.expiresUs, "u32", expiresUs],
      ]),
    );
  }

  stop(reason: number): Promise<Answer> {
    return this.ask(
      this.frame(MessageType.stop, Layout.stop.size, [[Layout.stop.reason, "u8", reason]]),
    );
  }

  reset(): Promise<Answer> {
    return this.ask(this.frame(MessageType.reset, Layout.reset.size, []));
  }

  async stats(): Promise<Stats> {
    this.#stats = null;
    this.send(this.frame(MessageType.askStats, Layout.askStats.size, []));
    await this.until("the counters", () => this.#stats !== null);
    return this.#stats!;
  }

  /** Waits for a STATE that was sent after this moment. */
  async fresh(): Promise<State> {
    const fromUs = this.deviceUs() + this.session.offsetErrorUs;
    await this.until("a fresh state", () => ((this.state.txUs - fromUs) | 0) > 0);
    return this.state;
  }

  /** Brings the device to rest: stopped, reset, disarmed. */
  async settle(): Promise<void> {
    await this.stop(DeviceReason.host);
    await this.until("the stop", () => this.state.mode === DeviceMode.stopped);
    await this.reset();
    await this.until("disarmed", () => this.state.mode === DeviceMode.disarmed);
    this.forget();
  }

  #take(): void {
    const view = new DataView(this.#decoder.frame.buffer);
    const type = view.getUint8(0);
    if (type === MessageType.state) this.states.push(stateOf(view));
    else if (type === MessageType.stats) this.#stats = statsOf(view);
    else if (type === MessageType.answer) {
      this.answers.push({
        request: view.getUint8(Layout.answer.request),
        result: view.getUint8(Layout.answer.result),
        sequence: view.getUint16(Layout.answer.sequence, true),
      });
    }
  }
}

function stateOf(view: DataView): State {
  const at = Layout.state;
  const count = view.getUint8(at.observationCount);
  const value = (i: number): number => view.getFloat32(at.observation + 4 * i, true);
  return {
    acknowledged: view.getUint16(at.acknowledged, true),
    mode: view.getUint8(at.mode),
    reason: view.getUint8(at.reason),
    sampleUs: view.getUint32(at.sampleUs, true),
    txUs: view.getUint32(at.txUs, true),
    observation: Array.from({ length: count }, (_, i) => value(i)),
    applied: value(count),
  };
}

function statsOf(view: DataView): Stats {
  const { size: _, ...fields } = Layout.stats;
  return Object.fromEntries(
    Object.entries(fields).map(([name, at]) => [name, view.getUint32(at, true)]),
  ) as Stats;
}
