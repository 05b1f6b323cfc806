import { encodeFrame, frameBytesMax } from "./frame.ts";
import { Layout, MessageType, protocolHash } from "./messages.ts";

/**
 * The frames that a host sends, under one sequence that only grows. Each method writes a whole
 * frame into `out`, from `at` where it has one, and returns where it ends.
 */
export class Requests {
  /** Of the newest frame. */
  sequence = 0;
  readonly #frame = new Uint8Array(frameBytesMax);
  readonly #view = new DataView(this.#frame.buffer);

  hello(out: Uint8Array, at: number): number {
    this.#view.setUint32(Layout.hello.protocolHash, protocolHash, true);
    return this.#encode(MessageType.hello, Layout.hello.size, out, at);
  }

  query(direction: number, index: number, out: Uint8Array, at: number): number {
    this.#view.setUint8(Layout.query.direction, direction);
    this.#view.setUint8(Layout.query.index, index);
    return this.#encode(MessageType.query, Layout.query.size, out, at);
  }

  sync(token: number, out: Uint8Array): number {
    this.#view.setUint32(Layout.sync.token, token, true);
    return this.#encode(MessageType.sync, Layout.sync.size, out);
  }

  configure(statePeriodUs: number, out: Uint8Array): number {
    this.#view.setUint32(Layout.configure.statePeriodUs, statePeriodUs, true);
    return this.#encode(MessageType.configure, Layout.configure.size, out);
  }

  /** `expiresUs` is a raw stamp of the device's clock; in a trial nothing is driven. */
  arm(contractHash: number, expiresUs: number, out: Uint8Array, trial: boolean = false): number {
    const at = Layout.arm;
    this.#view.setUint32(at.protocolHash, protocolHash, true);
    this.#view.setUint32(at.contractHash, contractHash, true);
    this.#view.setUint32(at.expiresUs, expiresUs, true);
    this.#view.setUint8(at.trial, trial ? 1 : 0);
    return this.#encode(MessageType.arm, at.size, out);
  }

  stop(reason: number, out: Uint8Array): number {
    this.#view.setUint8(Layout.stop.reason, reason);
    return this.#encode(MessageType.stop, Layout.stop.size, out);
  }

  reset(out: Uint8Array): number {
    return this.#encode(MessageType.reset, Layout.reset.size, out);
  }

  /** `expiresUs` is a raw stamp of the device's clock; the values have been checked. */
  command(action: Float32Array, expiresUs: number, out: Uint8Array): number {
    const at = Layout.command;
    this.#view.setUint32(at.expiresUs, expiresUs, true);
    this.#view.setUint8(at.count, action.length);
    for (let i = 0; i < action.length; i++) {
      this.#view.setFloat32(at.action + 4 * i, action[i], true);
    }
    return this.#encode(MessageType.command, at.size + 4 * action.length, out);
  }

  askStats(out: Uint8Array): number {
    return this.#encode(MessageType.askStats, Layout.askStats.size, out);
  }

  askDictionary(offset: number, out: Uint8Array): number {
    this.#view.setUint16(Layout.askDictionary.offset, offset, true);
    return this.#encode(MessageType.askDictionary, Layout.askDictionary.size, out);
  }

  lockstep(on: boolean, out: Uint8Array): number {
    this.#view.setUint8(Layout.lockstep.on, on ? 1 : 0);
    return this.#encode(MessageType.lockstep, Layout.lockstep.size, out);
  }

  /** `ticks` from 1 to `stepTicksMax`. */
  step(ticks: number, out: Uint8Array): number {
    this.#view.setUint16(Layout.step.ticks, ticks, true);
    return this.#encode(MessageType.step, Layout.step.size, out);
  }

  #encode(type: number, length: number, out: Uint8Array, at: number = 0): number {
    this.sequence = (this.sequence + 1) & 0xffff;
    this.#view.setUint8(0, type);
    this.#view.setUint16(1, this.sequence, true);
    return encodeFrame(this.#frame, length, out, at);
  }
}
