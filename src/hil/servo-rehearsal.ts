import { Table } from "../link/dynamixel-table.ts";
import { Register, scs } from "../link/feetech-registers.ts";
import type { ServoFamily, ServoSeries } from "../link/servo-family.ts";
import type { Emulated } from "./emulated.ts";

const ids = Uint8Array.of(1, 2, 3, 4, 5, 6);
const greetMs = 100;
const armMs = 200;
const cycleMs = 10;

/** What lets a servo answer at once: registers that are set to 0. */
const greetings: Readonly<Record<ServoSeries, readonly number[]>> = {
  sts: [Register.lock, Register.returnDelay],
  scs: [scs.lock, Register.returnDelay],
  x: [Table.returnDelay],
};

/** Just enough of a host for a bus of servos: greeting, torque, goals that move, readings. */
export class ServoRehearsal {
  readonly #board: Emulated;
  readonly #family: ServoFamily;
  readonly #out = new Uint8Array(256);

  constructor(board: Emulated, family: ServoFamily) {
    this.#board = board;
    this.#family = family;
  }

  speak(ms: number): void {
    const { packets, torque, present, orders } = this.#family;
    if (ms < greetMs && ms % cycleMs === 0) this.#greet(ids[(ms / cycleMs) % ids.length]);
    if (ms === armMs) {
      const on = new Uint8Array(ids.length).fill(1);
      this.#send(packets.encodeSyncWrite(ids, torque.address, 1, on, this.#out));
    }
    if (ms % cycleMs === 1) {
      const { address, count } = ms % (2 * cycleMs) === 1 ? present : orders;
      this.#read(address, count);
    }
    if (ms % cycleMs === 8) this.#command(Math.sin(ms / 100));
  }

  listen(): void {
    this.#board.outputLength = 0;
  }

  #greet(id: number): void {
    const { packets, series } = this.#family;
    for (const address of greetings[series]) {
      this.#send(packets.encodeWrite(id, address, Uint8Array.of(0), this.#out));
    }
  }

  /** Servos that must be asked by themselves answer one after another all the same. */
  #read(address: number, count: number): void {
    const { encodeRead, encodeSyncRead } = this.#family.packets;
    if (encodeSyncRead !== null) {
      this.#send(encodeSyncRead(ids, ids.length, address, count, this.#out));
      return;
    }
    for (const id of ids) this.#send(encodeRead(id, address, count, this.#out));
  }

  /** To `way`, -1 to 1, about the middle. */
  #command(way: number): void {
    const { packets, goal, putGoal, scale } = this.#family;
    const counts = scale.counts / 2 + Math.round((scale.counts / 8) * way);
    const goals = new Uint8Array(goal.count * ids.length);
    for (let at = 0; at < ids.length; at++) putGoal(goals, goal.count * at, counts);
    this.#send(packets.encodeSyncWrite(ids, goal.address, goal.count, goals, this.#out));
  }

  #send(length: number): void {
    this.#board.input.push(this.#out.slice(0, length), 0);
  }
}
