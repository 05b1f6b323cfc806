import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "../core/errors.ts";
import { ByteRing, pumpRing, type RingCarrier, type RingPair } from "./byte-ring.ts";
import {
  alwaysPlain,
  closeStream,
  isHungUp,
  listenToSerial,
  lockSerialLine,
  openSerialPort,
  openStream,
  type SerialLine,
  type SerialStream,
  setBaud,
} from "./serial.ts";

/** A serial port that is open and locked, and served by the event loop of the main thread. */
export interface EventLine extends SerialLine {
  /** Sends the first `length` of `bytes`; false, and none is sent, where the line is behind. */
  write(bytes: Uint8Array, length: number): boolean;
  /**
   * Calls `onBytes` with what is received, and `onEnd` once when the line is lost. Returns a
   * function that stops listening. There is one listener.
   */
  listen(onBytes: (bytes: Uint8Array) => void, onEnd: (why: string) => void): () => void;
}

/** How a port may be opened. */
export interface Plainness {
  /** Once, as the package's stream; without it a second descriptor carries its bytes. */
  readonly plain?: boolean | undefined;
}

/** Whether a port is opened once only: as somebody chose, or as it must be. */
export function isPlain({ plain = false }: Plainness): boolean {
  return plain || alwaysPlain;
}

/** Opens the port at `path`. Throws `SinewError("port")` as `lockSerialLine`. */
export async function openEventLine(
  path: string,
  baud: number,
  how: Plainness,
): Promise<EventLine> {
  if (isPlain(how)) return new PlainLine(path, await openStream(path, baud));
  const line = await lockSerialLine(path, baud, false);
  const port = openSerialPort(path);
  return {
    ...line,
    write: (bytes, length) => port.write(bytes, length),
    listen: (onBytes, onEnd) => listenToSerial(path, onBytes, onEnd),
    close: async () => {
      port.close();
      await line.close();
    },
  };
}

// Some 10 ms of a fast line. More than this waiting means that the line does not keep up: newer
// frames are dropped then.
const unsentBytesMax = 1024;
/** What is still to be sent at the end has so long, ms: it may be the order to stop. */
const closeWithinMs = 100;
const lookEveryMs = 100;

class PlainLine implements EventLine {
  readonly path: string;
  readonly #stream: SerialStream;
  /** Why it is lost; empty while it is not. */
  #why = "";
  #onEnd: (why: string) => void = () => {};
  #closing = false;

  constructor(path: string, stream: SerialStream) {
    this.path = path;
    this.#stream = stream;
    let trouble: unknown = new Error("it was closed");
    stream.on("error", (error) => {
      trouble = error;
    });
    // Whatever breaks it also closes it, and may say so twice.
    stream.on("close", (error: Error | null | undefined) =>
      this.#lose(messageOf(error ?? trouble)),
    );
    void this.#lookAfter();
  }

  setBaud(baud: number): Promise<void> {
    return setBaud(this.#stream, baud);
  }

  write(bytes: Uint8Array, length: number): boolean {
    if (!this.#stream.isOpen || this.#stream.writableLength > unsentBytesMax) return false;
    // It keeps what it is given for a while.
    this.#stream.write(Buffer.from(bytes.subarray(0, length)));
    return true;
  }

  listen(onBytes: (bytes: Uint8Array) => void, onEnd: (why: string) => void): () => void {
    this.#stream.on("data", onBytes);
    this.#onEnd = onEnd;
    // It may have been lost before anybody listened.
    if (this.#why !== "") onEnd(this.#why);
    return () => {
      this.#stream.off("data", onBytes);
      this.#onEnd = () => {};
    };
  }

  async close(): Promise<void> {
    this.#closing = true;
    for (let ms = 0; ms < closeWithinMs && this.#stream.writableLength > 0; ms++) await delay(1);
    await closeStream(this.#stream);
  }

  async #lookAfter(): Promise<void> {
    while (this.#stream.isOpen) {
      await delay(lookEveryMs, undefined, { ref: false });
      if (!this.#stream.isOpen || !isHungUp(this.#stream)) continue;
      this.#lose("it was unplugged");
      await closeStream(this.#stream);
    }
  }

  #lose(why: string): void {
    if (this.#closing || this.#why !== "") return;
    this.#why = `the serial port ${this.path} was lost: ${why}`;
    this.#onEnd(this.#why);
  }
}

/** What carries a plain port's bytes, and can change its rate. */
export interface SerialCarrier extends RingCarrier, Pick<SerialLine, "setBaud"> {}

/**
 * Carries bytes between `rings` and the serial port at `path`, which it opens and locks, through
 * the package's own stream and the event loop of this thread: for where a port is not opened a
 * second time, as elsewhere than on Linux. Throws `SinewError("port")` as `lockSerialLine` does.
 */
export async function carrySerial(
  path: string,
  baud: number,
  rings: RingPair,
): Promise<SerialCarrier> {
  const toDevice = new ByteRing(rings.toDevice);
  const fromDevice = new ByteRing(rings.fromDevice);
  const line = await openEventLine(path, baud, { plain: true });
  const notices: string[] = [];
  const onBytes = (bytes: Uint8Array): void => {
    fromDevice.write(bytes, bytes.length);
  };
  const mute = line.listen(onBytes, (why) => {
    notices.push(why);
    fromDevice.close();
  });
  const pumping = pumpRing(toDevice, (bytes) => line.write(bytes, bytes.length));
  return {
    notices,
    setBaud: (rate) => line.setBaud(rate),
    close: async () => {
      toDevice.close();
      await pumping;
      mute();
      await line.close();
      fromDevice.close();
    },
  };
}
