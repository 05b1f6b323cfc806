import type { Emulated } from "../src/hil/emulated.ts";
import { FrameDecoder, wireBytesMax } from "../src/wire/frame.ts";
import { Layout, MessageType } from "../src/wire/messages.ts";
import { Requests } from "../src/wire/requests.ts";

/** A host of an emulated board in this process, whose time passes as it is told. */
export class EmulatedHost<B extends Emulated> {
  readonly board: B;
  /** All that the board said, each frame from its first byte. */
  readonly frames: DataView[] = [];
  nowMs = 0;
  readonly #decoder = new FrameDecoder();
  readonly #requests = new Requests();
  readonly #wire = new Uint8Array(wireBytesMax);

  constructor(board: B) {
    this.board = board;
  }

  run(ms: number): void {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; ) {
      this.nowMs++;
      for (let slice = 0; slice < 20; slice++) this.board.run(this.nowMs * 1e6);
      for (const byte of this.board.output.subarray(0, this.board.outputLength)) {
        if (!this.#decoder.push(byte)) continue;
        this.frames.push(new DataView(this.#decoder.frame.slice().buffer));
      }
      this.board.outputLength = 0;
    }
  }

  send(encode: (requests: Requests, out: Uint8Array) => number): void {
    const length = encode(this.#requests, this.#wire);
    this.board.input.push(this.#wire.slice(0, length), this.nowMs * 1e6);
  }

  /** The newest frame of a type; throws where none has come. */
  newest(type: number): DataView {
    const frame = this.frames.findLast((one) => one.getUint8(0) === type);
    if (frame === undefined) throw new Error(`no frame of type ${type} has come`);
    return frame;
  }

  get bootId(): number {
    this.send((requests, out) => requests.hello(out, 0));
    this.run(20);
    return this.newest(MessageType.info).getUint32(Layout.info.bootId, true);
  }

  /** Arms the board that has said who it is, and drives it by a command that stands for `forMs`. */
  drive(action: readonly number[], forMs: number): void {
    const hash = this.newest(MessageType.info).getUint32(Layout.info.contractHash, true);
    const inUs = (ms: number): number =>
      this.newest(MessageType.state).getUint32(Layout.state.txUs, true) + ms * 1000;
    this.send((requests, out) => requests.arm(hash, inUs(forMs), out));
    this.run(10);
    this.send((requests, out) => requests.command(Float32Array.from(action), inUs(forMs), out));
    this.run(10);
  }
}
