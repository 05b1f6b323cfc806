import type { Clock } from "../core/clock.ts";
import { dynamixel } from "../link/dynamixel-family.ts";
import { feetech, scsFamily } from "../link/feetech-family.ts";
import { encodeFrame, FrameDecoder, frameBytesMax, wireBytesMax } from "../wire/frame.ts";
import { Layout, MessageType, protocolHash } from "../wire/messages.ts";
import type { Emulated, Protocol } from "./emulated.ts";
import { MoteusRehearsal } from "./moteus-rehearsal.ts";
import { OdriveRehearsal } from "./odrive-rehearsal.ts";
import { ServoRehearsal } from "./servo-rehearsal.ts";

const stepMs = 1;
const lengthMs = 2500;
/** The watchdog is tried first, as a host does. */
const tryMs = 40;
const leaveMs = 180;
const armMs = 200;
const commandMs = 10;
const stopMs = 2000;
const resetMs = 2300;
// Firmware that never sleeps would take ten times as long as the rest.
const hostUsMax = 3_000_000;

/**
 * Plays a whole drive on a board that nobody sees: handshake, arming, commands, stop, reset. A
 * JavaScript engine compiles the emulator as it meets instructions and throws code away when new
 * ones come; without this the first drive would stall for some 100 ms in the middle, which no
 * silicon does.
 */
export function rehearse(board: Emulated, clock: Clock, protocol: Protocol): void {
  const host = rehearsalOf(board, protocol);
  const endUs = clock.now() + hostUsMax;
  for (let ms = 0; ms < lengthMs && clock.now() < endUs; ms += stepMs) {
    host.speak(ms);
    // A step may need several slices while the emulator is still cold.
    for (let slice = 0; slice < 4; slice++) board.run((ms + stepMs) * 1e6);
    host.listen();
  }
}

function rehearsalOf(board: Emulated, protocol: Protocol): Pick<RehearsalHost, "speak" | "listen"> {
  switch (protocol) {
    case "bridge":
      return new RehearsalHost(board);
    case "moteus":
      return new MoteusRehearsal(board);
    case "odrive":
      return new OdriveRehearsal(board);
    case "scs":
      return new ServoRehearsal(board, scsFamily(300));
    default:
      return new ServoRehearsal(board, protocol === "feetech" ? feetech : dynamixel);
  }
}

/**
 * Just enough of a host to be obeyed: it sees the board's emulated clock, so it needs no
 * offset.
 */
class RehearsalHost {
  readonly #board: Emulated;
  readonly #decoder = new FrameDecoder();
  readonly #frame = new Uint8Array(frameBytesMax);
  readonly #view = new DataView(this.#frame.buffer);
  #sequence = 0;
  #contractHash = 0;
  #actions = 0;
  #deviceUs = 0;

  constructor(board: Emulated) {
    this.#board = board;
  }

  speak(ms: number): void {
    if (ms % 100 === 0) this.#greet();
    if (ms === tryMs) this.#arm(1);
    if (ms === tryMs + commandMs) this.#command(0);
    if (ms === armMs) this.#arm(0);
    if (ms > armMs && ms < stopMs && ms % commandMs === 0) this.#command(Math.sin(ms / 100));
    if (ms === stopMs) this.#send(MessageType.stop, Layout.stop.size);
    if (ms === leaveMs || ms === resetMs) this.#send(MessageType.reset, Layout.reset.size);
  }

  listen(): void {
    const { output, outputLength } = this.#board;
    const { frame } = this.#decoder;
    const view = new DataView(frame.buffer);
    for (let at = 0; at < outputLength; at++) {
      if (!this.#decoder.push(output[at])) continue;
      if (frame[0] === MessageType.info) {
        this.#contractHash = view.getUint32(Layout.info.contractHash, true);
        this.#actions = frame[Layout.info.actionCount];
      } else if (frame[0] === MessageType.state) {
        this.#deviceUs = view.getUint32(Layout.state.txUs, true);
      }
    }
    this.#board.outputLength = 0;
  }

  #greet(): void {
    this.#view.setUint32(Layout.hello.protocolHash, protocolHash, true);
    this.#send(MessageType.hello, Layout.hello.size);
    this.#frame.fill(0);
    this.#send(MessageType.query, Layout.query.size);
    this.#send(MessageType.sync, Layout.sync.size);
    this.#send(MessageType.askStats, Layout.askStats.size);
  }

  #arm(trial: number): void {
    this.#view.setUint32(Layout.arm.protocolHash, protocolHash, true);
    this.#view.setUint32(Layout.arm.contractHash, this.#contractHash, true);
    this.#view.setUint32(Layout.arm.expiresUs, this.#deviceUs + 500_000, true);
    this.#frame[Layout.arm.trial] = trial;
    this.#send(MessageType.arm, Layout.arm.size);
  }

  #command(value: number): void {
    this.#view.setUint32(Layout.command.expiresUs, this.#deviceUs + 100_000, true);
    this.#frame[Layout.command.count] = this.#actions;
    for (let action = 0; action < this.#actions; action++) {
      this.#view.setFloat32(Layout.command.action + 4 * action, value, true);
    }
    this.#send(MessageType.command, Layout.command.size + 4 * this.#actions);
  }

  #send(type: number, size: number): void {
    this.#frame[0] = type;
    this.#view.setUint16(1, this.#sequence++ & 0xffff, true);
    const wire = new Uint8Array(wireBytesMax);
    const length = encodeFrame(this.#frame, size, wire);
    this.#board.input.push(wire.subarray(0, length), 0);
  }
}
