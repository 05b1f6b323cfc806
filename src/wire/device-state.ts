import type { DeviceClock } from "./device-clock.ts";
import { Layout } from "./messages.ts";

const never: number = Number.NEGATIVE_INFINITY;

/** The newest STATE of a device. */
export class DeviceState {
  readonly observation: Float32Array;
  readonly applied: Float32Array;
  mode = 0;
  /** When it said so, and when it said this mode for the first time: raw stamps of its clock. */
  saidUs = 0;
  modeSaidUs = 0;
  reason = 0;
  /** Actuators that are driven; the rest are let go. */
  driven = 0;
  /** Code `StopLine`; `none` before the first STATE. */
  stopLine = 0;
  /** Host time of the sample; -Infinity before the first. */
  sampledUs: number = never;
  /** Sequence of the newest accepted command; -1 before the first STATE. */
  acknowledged = -1;
  #sequence = -1;

  constructor(observations: number, actions: number) {
    this.observation = new Float32Array(observations);
    this.applied = new Float32Array(actions);
  }

  /** Forgets all but the last values: the device has started anew. */
  clear(): void {
    this.mode = 0;
    this.reason = 0;
    this.driven = 0;
    this.stopLine = 0;
    this.sampledUs = never;
    this.acknowledged = -1;
    this.#sequence = -1;
  }

  /** True where STATE's counts and its length are those of our contract. */
  fits(frame: DataView, length: number): boolean {
    const at = Layout.state;
    const values = this.observation.length + this.applied.length;
    return (
      frame.getUint8(at.observationCount) === this.observation.length &&
      frame.getUint8(at.actionCount) === this.applied.length &&
      length === at.size + 4 * values
    );
  }

  /** Takes a STATE that fits; false where a newer one has come before it. */
  take(frame: DataView, clock: DeviceClock, nowUs: number): boolean {
    const at = Layout.state;
    const sequence = frame.getUint16(1, true);
    const ahead = ((sequence - this.#sequence) << 16) >> 16;
    if (this.#sequence >= 0 && ahead <= 0) return false;
    this.#sequence = sequence;
    this.saidUs = frame.getUint32(at.txUs, true);
    const mode = frame.getUint8(at.mode);
    if (mode !== this.mode) this.modeSaidUs = this.saidUs;
    this.mode = mode;
    this.reason = frame.getUint8(at.reason);
    this.driven = frame.getUint8(at.driven);
    this.stopLine = frame.getUint8(at.stopLine);
    this.acknowledged = frame.getUint16(at.acknowledged, true);
    if (!Number.isNaN(clock.offsetUs)) {
      this.sampledUs = clock.toHost(frame.getUint32(at.sampleUs, true), nowUs);
    }
    let value = at.observation;
    for (let i = 0; i < this.observation.length; i++, value += 4) {
      this.observation[i] = frame.getFloat32(value, true);
    }
    for (let i = 0; i < this.applied.length; i++, value += 4) {
      this.applied[i] = frame.getFloat32(value, true);
    }
    return true;
  }
}
