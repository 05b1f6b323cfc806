import type { RingSpectator } from "../log/ring.ts";
import type { Message } from "./message.ts";
import type { Show } from "./show.ts";

/** Who has so much unread is sent nothing more until it has read on. */
export const unreadBytesMax = 262_144;
/** Of steps at a time. */
const batchBytes = 131_072;
const statesPerTimes = 10;
const turnsPerState = 2;

/** The end of a WebSocket at which things are put in. */
export interface Outlet {
  /** Bytes that wait to be sent. */
  readonly bufferedAmount: number;
  send(message: string | Uint8Array): void;
}

/** One page that is open. It has no queue: what it does not take in time, the ring overwrites. */
export class Viewer {
  readonly #socket: Outlet;
  readonly #show: Show;
  readonly #number: number;
  readonly #batch: Uint8Array = new Uint8Array(batchBytes);
  #steps: RingSpectator | null = null;
  #turn = 0;
  #missed = 0;

  constructor(socket: Outlet, show: Show, number: number) {
    this.#socket = socket;
    this.#show = show;
    this.#number = number;
  }

  /** Tells what is new; the last time it says how the run stands, whether that is due or not. */
  look(last: boolean): void {
    const run = this.#show.run;
    if (run === null || this.#socket.bufferedAmount > unreadBytesMax) return;
    if (this.#steps === null) {
      this.#send(this.#show.hello(run, this.#number));
      const size = run.watch(0).recordBytes;
      this.#steps = run.watch(Math.floor(batchBytes / size));
    }
    const { records, missed } = this.#steps.copy(this.#batch);
    this.#missed += missed;
    if (records > 0) this.#socket.send(this.#batch.slice(0, records * this.#steps.recordBytes));
    if (last || this.#turn % turnsPerState === 0) {
      const withTimes = this.#turn % (turnsPerState * statesPerTimes) === 0;
      this.#send(this.#show.state(run, this.#missed, withTimes));
    }
    this.#turn++;
  }

  #send(message: Message): void {
    this.#socket.send(JSON.stringify(message));
  }
}
