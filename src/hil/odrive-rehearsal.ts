import { encodeOdriveLines } from "../link/odrive-text.ts";
import type { Emulated } from "./emulated.ts";

const look = encodeOdriveLines(["f 100000", "f 0", "r axis0.error", "r axis0.current_state"]);
const watch = encodeOdriveLines([
  "r fw_version_minor",
  "w axis0.config.watchdog_timeout 0.1",
  "u 0",
  "w axis0.config.enable_watchdog 1",
  "r axis0.config.watchdog_timeout",
]);
const power = encodeOdriveLines(["u 0", "sc", "c 0 0", "w axis0.requested_state 8"]);
const off = encodeOdriveLines(["w axis0.requested_state 1"]);
const watchMs = 20;
const powerMs = 200;
const offMs = 2200;
const cycleMs = 10;

/** Just enough of a host for an ODrive: its watchdog, power, every kind of order, readings. */
export class OdriveRehearsal {
  readonly #board: Emulated;

  constructor(board: Emulated) {
    this.#board = board;
  }

  speak(ms: number): void {
    if (ms === watchMs) this.#send(watch);
    if (ms === powerMs) this.#send(power);
    if (ms === offMs) this.#send(off);
    if (ms % cycleMs === 1) this.#send(look);
    if (ms % cycleMs !== 5 || ms < powerMs) return;
    const value = (0.05 * Math.sin(ms / 100)).toFixed(6);
    const orders = [`c 0 ${value}`, `v 0 ${value} 0`, `p 0 ${value} 0 0`];
    this.#send(encodeOdriveLines([orders[Math.floor(ms / 700) % orders.length]]));
  }

  listen(): void {
    this.#board.outputLength = 0;
  }

  #send(bytes: Uint8Array): void {
    this.#board.input.push(bytes, 0);
  }
}
