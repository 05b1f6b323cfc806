import { textAt } from "../wire/contract-query.ts";
import { FrameDecoder } from "../wire/frame.ts";
import { Layout, MessageType } from "../wire/messages.ts";
import { Requests } from "../wire/requests.ts";

/** Who a device says that it is, in its INFO. */
export interface DeviceIdentity {
  /** Board and target, such as `rp2040-pendulum`. */
  readonly name: string;
  /** Another number after every start of the device. */
  readonly bootId: number;
  readonly contractHash: number;
  readonly protocolHash: number;
}

/** The question that every device answers with its INFO, as bytes for its line. */
export function identityQuestion(): Uint8Array {
  const out = new Uint8Array(64);
  // The delimiter at its head ends whatever the line held before.
  return out.slice(0, new Requests().hello(out, 1));
}

/** Looks at what a device sends for who it is, and changes nothing of it. */
export class IdentityWatch {
  /** The newest; null before the first. */
  identity: DeviceIdentity | null = null;
  readonly #decoder = new FrameDecoder();
  readonly #view = new DataView(this.#decoder.frame.buffer);

  /** Whether `bytes` tell of a device, or a start of it, that was not known before. */
  push(bytes: Uint8Array): boolean {
    let news = false;
    for (const byte of bytes) if (this.#decoder.push(byte)) news = this.#take() || news;
    return news;
  }

  #take(): boolean {
    const [at, view] = [Layout.info, this.#view];
    if (view.getUint8(0) !== MessageType.info || this.#decoder.length !== at.size) return false;
    const bootId = view.getUint32(at.bootId, true);
    if (bootId === this.identity?.bootId) return false;
    this.identity = {
      name: textAt(view, at.name, at.size),
      bootId,
      contractHash: view.getUint32(at.contractHash, true),
      protocolHash: view.getUint32(at.protocolHash, true),
    };
    return true;
  }
}
