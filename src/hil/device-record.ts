import { Layout, MessageType } from "../wire/messages.ts";

/** What the device said of itself in one STATE. */
export interface Seen {
  /** When it came, us of the rig's clock. */
  readonly hostUs: number;
  /** When it was sampled, us of the device's clock since the rig's first STATE; no wrap. */
  readonly deviceUs: number;
  /** When it was said, by the same clock. */
  readonly saidUs: number;
  /** A `DeviceMode` and a `DeviceReason`. */
  readonly mode: number;
  readonly reason: number;
  /** Sequence of the newest command that it accepted. */
  readonly acknowledged: number;
  readonly observation: readonly number[];
  /** How many of its actuators are driven; the rest are let go. */
  readonly driven: number;
  /** What its actuators were told. */
  readonly applied: readonly number[];
}

/**
 * Everything that the device said, as the rig read it off the line before any fault: no host can
 * gloss over it.
 */
export class DeviceRecord {
  readonly seen: Seen[] = [];
  /** STATEs with a good CRC whose counts do not fit their length. */
  broken = 0;
  /**
   * Expiries of the COMMANDs in the order in which hosts sent them, us of the device's clock from
   * the first one on; no wrap.
   */
  readonly promises: number[] = [];
  #lastPromise = 0;
  /** Expiry of each COMMAND and ARM that a host sent, by sequence, raw device stamp. */
  readonly #expiries = new Map<number, number>();
  /** What each COMMAND of a host said, by sequence, and for an ARM nothing. */
  readonly #actions = new Map<number, readonly number[]>();
  /** When it was sent, us of the rig's clock. */
  readonly #sentUs = new Map<number, number>();
  #firstUs = -1;
  #lastRaw = 0;
  #turns = 0;

  /** A good frame of the device. */
  takeFromDevice(frame: DataView, length: number, hostUs: number): void {
    const at = Layout.state;
    if (frame.getUint8(0) !== MessageType.state || length < at.size) return;
    const observations = frame.getUint8(at.observationCount);
    if (length !== at.size + 4 * (observations + frame.getUint8(at.actionCount))) {
      this.broken++;
      return;
    }
    const floats = (from: number, count: number): number[] =>
      Array.from({ length: count }, (_, i) => frame.getFloat32(from + 4 * i, true));
    const sampleRaw = frame.getUint32(at.sampleUs, true);
    const deviceUs = this.#unwrapped(sampleRaw);
    this.seen.push({
      hostUs,
      deviceUs,
      saidUs: deviceUs + ((frame.getUint32(at.txUs, true) - sampleRaw) | 0),
      mode: frame.getUint8(at.mode),
      reason: frame.getUint8(at.reason),
      acknowledged: frame.getUint16(at.acknowledged, true),
      driven: frame.getUint8(at.driven),
      observation: floats(at.observation, observations),
      applied: floats(at.applied + 4 * observations, frame.getUint8(at.actionCount)),
    });
  }

  /** A good frame that a host sent, before any fault. */
  takeToDevice(frame: DataView, hostUs: number): void {
    const type = frame.getUint8(0);
    const sequence = frame.getUint16(1, true);
    if (type === MessageType.command || type === MessageType.arm)
      this.#sentUs.set(sequence, hostUs);
    if (type === MessageType.command) {
      const expires = frame.getUint32(Layout.command.expiresUs, true);
      this.#expiries.set(sequence, expires);
      const before = this.promises.at(-1);
      this.promises.push(before === undefined ? 0 : before + ((expires - this.#lastPromise) | 0));
      this.#lastPromise = expires;
      const count = frame.getUint8(Layout.command.count);
      const { action } = Layout.command;
      const values = Array.from({ length: count }, (_, i) =>
        frame.getFloat32(action + 4 * i, true),
      );
      this.#actions.set(sequence, values);
    } else if (type === MessageType.arm) {
      this.#expiries.set(sequence, frame.getUint32(Layout.arm.expiresUs, true));
      this.#actions.set(sequence, []);
    }
  }

  /** When the host sent what a STATE acknowledges, us of the rig's clock; NaN: no host did. */
  sentUsFor({ acknowledged }: Seen): number {
    return this.#sentUs.get(acknowledged) ?? Number.NaN;
  }

  /** What the host said in what a STATE acknowledges, empty for an ARM; undefined: no host did. */
  sentFor({ acknowledged }: Seen): readonly number[] | undefined {
    return this.#actions.get(acknowledged);
  }

  /** When what a STATE acknowledges expires, as `deviceUs`; NaN where the rig did not see it. */
  expiryOf({ acknowledged, deviceUs }: Seen): number {
    const raw = this.#expiries.get(acknowledged);
    if (raw === undefined) return Number.NaN;
    // Within 35 minutes of that STATE, modulo 2^32.
    return deviceUs + ((raw - ((deviceUs + this.#firstUs) >>> 0)) | 0);
  }

  #unwrapped(raw: number): number {
    if (this.#firstUs < 0) this.#firstUs = raw;
    else if (raw < this.#lastRaw && this.#lastRaw - raw > 2 ** 31) this.#turns++;
    this.#lastRaw = raw;
    return this.#turns * 2 ** 32 + raw - this.#firstUs;
  }
}
