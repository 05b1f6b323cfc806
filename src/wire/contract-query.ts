import type { Channel } from "../core/spec.ts";
import type { DeviceContract, StopRule } from "./device-contract.ts";
import { channelsMax, Direction, Layout } from "./messages.ts";

/** Collects the channels of a device's contract, which come one CHANNEL frame at a time. */
export class ContractQuery {
  readonly #periodUs: number;
  readonly #channels: readonly [(Channel | null)[], (Channel | null)[]];
  readonly #stops: StopRule[] = [];

  /** `observations` and `actions` as INFO states them: 1 to `channelsMax` each. */
  constructor(periodUs: number, observations: number, actions: number) {
    this.#periodUs = periodUs;
    this.#channels = [
      new Array<Channel | null>(Math.min(observations, channelsMax)).fill(null),
      new Array<Channel | null>(Math.min(actions, channelsMax)).fill(null),
    ];
  }

  /** Channels that have not come yet, as direction and index. */
  missing(): { direction: number; index: number }[] {
    return [Direction.observation, Direction.action].flatMap((direction) =>
      this.#channels[direction].flatMap((channel, index) =>
        channel === null ? [{ direction, index }] : [],
      ),
    );
  }

  /** Takes the frame of a CHANNEL. */
  take(frame: DataView): void {
    const at = Layout.channel;
    const direction = frame.getUint8(at.direction);
    const index = frame.getUint8(at.index);
    const channels = direction <= 1 ? this.#channels[direction] : [];
    if (index >= channels.length) return;
    channels[index] = {
      name: textAt(frame, at.name, at.unit),
      unit: textAt(frame, at.unit, at.size),
      low: frame.getFloat32(at.low, true),
      high: frame.getFloat32(at.high, true),
    };
    if (direction !== Direction.action) return;
    const [category, position] = [frame.getUint8(at.stop), frame.getUint8(at.position)];
    this.#stops[index] = { category, position };
  }

  /** The contract, or null until every channel has come. */
  contract(): DeviceContract | null {
    const [observation, action] = this.#channels.map((channels) =>
      channels.filter((channel) => channel !== null),
    );
    if (observation.length < this.#channels[0].length) return null;
    if (action.length < this.#channels[1].length) return null;
    return { spec: { observation, action, periodUs: this.#periodUs }, stops: this.#stops };
  }
}

/** ASCII text that fills `frame[start, end)` up to the first 0. */
export function textAt(frame: DataView, start: number, end: number): string {
  let text = "";
  for (let at = start; at < end && frame.getUint8(at) !== 0; at++) {
    text += String.fromCharCode(frame.getUint8(at));
  }
  return text;
}
