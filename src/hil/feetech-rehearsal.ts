import { encodeSyncRead, encodeSyncWrite, encodeWrite } from "../link/feetech-packet.ts";
import { putWord, Register, sts } from "../link/feetech-registers.ts";
import type { Emulated } from "./emulated.ts";

const ids = Uint8Array.of(1, 2, 3, 4, 5, 6);
const greetMs = 100;
const armMs = 200;
const cycleMs = 10;

/** Just enough of a host for a bus of servos: greeting, torque, goals that move, readings. */
export class FeetechRehearsal {
  readonly #board: Emulated;
  readonly #out = new Uint8Array(256);

  constructor(board: Emulated) {
    this.#board = board;
  }

  speak(ms: number): void {
    if (ms < greetMs && ms % cycleMs === 0) this.#greet(ids[(ms / cycleMs) % ids.length]);
    if (ms === armMs) {
      const on = new Uint8Array(ids.length).fill(1);
      this.#send(encodeSyncWrite(ids, Register.torqueEnable, 1, on, this.#out));
    }
    if (ms % cycleMs === 1) {
      this.#send(encodeSyncRead(ids, ids.length, Register.presentPosition, 8, this.#out));
    }
    if (ms % cycleMs === 5) this.#command(2048 + Math.round(500 * Math.sin(ms / 100)));
  }

  listen(): void {
    this.#board.outputLength = 0;
  }

  #greet(id: number): void {
    this.#send(encodeWrite(id, Register.lock, Uint8Array.of(0), this.#out));
    this.#send(encodeWrite(id, Register.returnDelay, Uint8Array.of(0), this.#out));
  }

  #command(goal: number): void {
    const goals = new Uint8Array(2 * ids.length);
    for (let at = 0; at < ids.length; at++) putWord(goals, 2 * at, goal, sts);
    this.#send(encodeSyncWrite(ids, Register.goalPosition, 2, goals, this.#out));
  }

  #send(length: number): void {
    this.#board.input.push(this.#out.slice(0, length), 0);
  }
}
