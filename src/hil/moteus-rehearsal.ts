import { lookFrame } from "../link/moteus.ts";
import { MoteusFrame } from "../link/moteus-frame.ts";
import { stopFrame, writeOrder } from "../link/moteus-orders.ts";
import { MoteusWriter } from "../link/moteus-text.ts";
import { Order } from "../link/motor-line.ts";
import type { Emulated } from "./emulated.ts";

const orders = [Order.effort, Order.velocity, Order.position];
const orderMs = 200;
const stopMs = 2200;
const cycleMs = 10;

/** Just enough of a host for a moteus: every kind of order, a timeout, a stop, readings. */
export class MoteusRehearsal {
  readonly #board: Emulated;
  readonly #writer = new MoteusWriter(true);
  readonly #look = lookFrame();
  readonly #stop = stopFrame();
  readonly #order = new MoteusFrame();

  constructor(board: Emulated) {
    this.#board = board;
  }

  speak(ms: number): void {
    if (ms === orderMs || ms === stopMs) this.#send(0x0001, this.#stop);
    if (ms % cycleMs === 1) this.#send(0x8101, this.#look);
    if (ms % cycleMs !== 5 || ms < orderMs || ms > stopMs) return;
    const order = orders[Math.floor(ms / 700) % orders.length];
    if (writeOrder(this.#order, order, 0.05 * Math.sin(ms / 100), 0.1)) {
      this.#send(0x0001, this.#order);
    }
  }

  listen(): void {
    this.#board.outputLength = 0;
  }

  #send(id: number, frame: MoteusFrame): void {
    this.#writer.clear();
    this.#writer.put(id, frame.bytes, frame.length);
    this.#board.input.push(this.#writer.bytes.slice(0, this.#writer.length), 0);
  }
}
