import { closeSync, mkdtempSync, rmSync, symlinkSync, unlinkSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ReadStream } from "node:tty";
import type { Clock } from "../core/clock.ts";
import type { Port } from "../link/port.ts";
import { listenToSerial, lockSerialLine, openSerialPort, type SerialLine } from "../link/serial.ts";
import { wireBytesMax } from "../wire/frame.ts";
import { Requests } from "../wire/requests.ts";
import type { Board } from "./board.ts";
import { DeviceRecord } from "./device-record.ts";
import { FaultyLine } from "./faulty-line.ts";
import { openPty } from "./pty.ts";

const baud = 1_000_000;

/** The host's end of the rig: a pty, and the descriptors that keep it there. */
interface Socket {
  readonly master: number;
  readonly slave: number;
  readonly stream: ReadStream;
}

/**
 * A board, a host that knows nothing of it, and between them a line that can be cut, slowed and
 * falsified. The rig reads everything on the way.
 */
export class Rig {
  /** The serial port that the host opens; after `plug` it leads to a new one. */
  readonly hostPath: string;
  /** A folder of its own, of a short path, which is removed with the rig. */
  readonly folder: string;
  readonly record: DeviceRecord = new DeviceRecord();
  readonly toDevice: FaultyLine;
  readonly fromDevice: FaultyLine;
  readonly #line: SerialLine;
  readonly #port: Port;
  readonly #mute: () => void;
  #socket: Socket | null = null;

  private constructor(folder: string, board: Board, line: SerialLine, clock: Clock) {
    this.folder = folder;
    this.hostPath = join(folder, "robot");
    this.#line = line;
    this.#port = openSerialPort(board.path);
    const { record } = this;
    this.toDevice = new FaultyLine(
      (bytes) => this.#port.write(bytes, bytes.length),
      (frame) => record.takeToDevice(frame, clock.now()),
    );
    this.fromDevice = new FaultyLine(
      (bytes) => this.#toHost(bytes),
      (frame, length) => record.takeFromDevice(frame, length, clock.now()),
    );
    const push = (bytes: Uint8Array): void => this.fromDevice.push(bytes);
    this.#mute = listenToSerial(board.path, push, () => {});
  }

  /** Throws `SinewError` "board" or "port". */
  static async open(board: Board, clock: Clock): Promise<Rig> {
    const line = await lockSerialLine(board.path, baud, false);
    const rig = new Rig(mkdtempSync(join(tmpdir(), "sinew-rig-")), board, line, clock);
    await rig.plug();
    return rig;
  }

  /** Has the device tell its state so often, however often the host wants it. */
  watch(statePeriodUs: number): void {
    const out = new Uint8Array(wireBytesMax);
    this.#port.write(out, new Requests().configure(statePeriodUs, out));
  }

  /** Has the device leave a latched stop, which no host of a trial may do. */
  reset(): void {
    const out = new Uint8Array(wireBytesMax);
    this.#port.write(out, new Requests().reset(out));
  }

  /** Gives the host a port, as when a cable is plugged in. */
  async plug(): Promise<void> {
    const { master, slave, pty } = openPty();
    // This makes the line raw, and it stays so.
    await (await lockSerialLine(pty, baud, false)).close();
    const stream = new ReadStream(master);
    stream.on("data", (bytes: Uint8Array) => this.toDevice.push(bytes));
    stream.on("error", () => {});
    symlinkSync(pty, this.hostPath);
    this.#socket = { master, slave, stream };
  }

  /** Pulls the cable: the host's port is gone. */
  unplug(): void {
    if (this.#socket === null) return;
    unlinkSync(this.hostPath);
    this.#socket.stream.destroy();
    closeSync(this.#socket.slave);
    this.#socket = null;
  }

  async close(): Promise<void> {
    this.#mute();
    this.unplug();
    this.#port.close();
    await this.#line.close();
    rmSync(this.folder, { recursive: true });
  }

  /** What the host does not read in time is lost, as on a wire. */
  #toHost(bytes: Uint8Array): void {
    if (this.#socket === null) return;
    try {
      writeSync(this.#socket.master, bytes);
    } catch {
      // Full, or nobody is there.
    }
  }
}
