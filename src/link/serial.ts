import {
  closeSync,
  constants,
  openSync,
  readFileSync,
  readSync,
  realpathSync,
  writeSync,
} from "node:fs";
import { createRequire } from "node:module";
import type { ConnectOpts, SocketConstructorOpts } from "node:net";
import { basename, join } from "node:path";
import { ReadStream } from "node:tty";
import type { SerialPort } from "serialport";
import { messageOf, SinewError } from "../core/errors.ts";
import type { Port } from "./port.ts";
import { holderOfPort } from "./port-holder.ts";

/** A port as the package has it, which is imported nowhere else. */
export type SerialStream = SerialPort;

/** That a port of a robot is opened twice was tried on Linux alone: elsewhere it never is. */
export const alwaysPlain: boolean = process.platform !== "linux";
/** Where no port can be opened twice, and none is hung up. */
const isWindows = process.platform === "win32";

/**
 * A serial port that is open, configured and locked, so that no second program can drive the robot.
 */
export interface SerialLine {
  readonly path: string;
  /** Changes its rate, bits/s. Throws `SinewError("port")` for one that the port does not have. */
  setBaud(baud: number): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens, configures and locks the serial port at `path`. It must be called on the main thread, and
 * it reads and writes nothing: bytes move through `openSerialPort`. With `polled` a read without
 * data gives 0 at once (VMIN 0), which spares the control thread an exception for each empty read;
 * without it an event-driven reader works. Throws `SinewError("port")` for a missing or locked
 * port.
 */
export async function lockSerialLine(
  path: string,
  baud: number,
  polled: boolean,
): Promise<SerialLine> {
  if (isWindows) {
    throw new SinewError("port", `cannot open ${path} twice: no port of Windows can be`);
  }
  const line = await openStream(path, baud, polled ? { vmin: 0, vtime: 0 } : {});
  return { path, setBaud: (rate) => setBaud(line, rate), close: () => closeStream(line) };
}

/** Sets the rate of an open port, bits/s. Throws `SinewError("port")` where it has none such. */
export function setBaud(line: SerialStream, baudRate: number): Promise<void> {
  return new Promise((resolve, reject) => {
    line.update({ baudRate }, (error) => {
      if (error) reject(rateError(line.path, baudRate, error));
      else resolve();
    });
  });
}

/**
 * Opens, configures and locks the port at `path` as the package's stream, on the main thread.
 * Throws `SinewError("port")` as `lockSerialLine`.
 */
export async function openStream(
  path: string,
  baud: number,
  timing: { readonly vmin?: number; readonly vtime?: number } = {},
): Promise<SerialStream> {
  // The native addon takes 30 ms to load, so only programs that open a port pay for it.
  const { SerialPort } = await import("serialport");
  wakeAtEvents();
  const options = { path, baudRate: baud, lock: true, hupcl: false, autoOpen: false };
  const stream = new SerialPort({ ...options, ...timing });
  await new Promise<void>((resolve, reject) => {
    stream.open((error) => (error ? reject(portErrorOf(path, error)) : resolve()));
  });
  return stream;
}

/** The part of the package that hears from the system; on Windows nothing of it is used. */
interface Poller {
  emit(event: string, ...told: unknown[]): boolean;
}

let wakes = false;

/**
 * Node 26.4 and later do not go on with what awaits an event of the package until something else
 * wakes the event loop, so in a quiet program received bytes lie there for ever
 * (serialport/node-serialport#3148). Told from a turn of the loop, an event wakes it by itself.
 */
function wakeAtEvents(): void {
  if (wakes) return;
  wakes = true;
  const prototype = pollerOfPackage();
  if (prototype === null) return;
  const { emit } = prototype;
  prototype.emit = function (...told): boolean {
    setImmediate(() => emit.apply(this, told));
    return true;
  };
}

/** null where a later release keeps it elsewhere: a port is opened all the same. */
function pollerOfPackage(): Poller | null {
  try {
    const ofPackage = createRequire(createRequire(import.meta.url).resolve("serialport"));
    const file = ofPackage("@serialport/bindings-cpp/dist/poller");
    return (file as { Poller: { prototype: Poller } }).Poller.prototype;
  } catch {
    return null;
  }
}

/** Closes a stream, also one that is closed already. */
export function closeStream(stream: SerialStream): Promise<void> {
  return new Promise((resolve) => (stream.isOpen ? stream.close(() => resolve()) : resolve()));
}

function rateError(path: string, baud: number, error: Error): SinewError {
  const why = error.message.replace(/^Error:? /, "");
  return new SinewError("port", `cannot set ${baud} bits/s on ${path}: ${why}`, { cause: error });
}

/** What to tell a person of a port that did not open, as Linux, macOS and Windows say why. */
export function portErrorOf(path: string, error: Error): SinewError {
  const text = error.message;
  const why = /no such file|file not found/i.test(text)
    ? "there is no such port; is the robot plugged in?"
    : /cannot lock|access denied/i.test(text)
      ? `another program holds it${holderOfPort(path)}; close that first`
      : /permission denied/i.test(text)
        ? "permission denied; add yourself to the port's group (on Debian: dialout)"
        : text.replace(/^Error:? /, "");
  return new SinewError("port", `cannot open the serial port ${path}: ${why}`, { cause: error });
}

/** For how long a USB adapter holds back what it got, and the file that says so. */
export interface LatencyTimer {
  readonly ms: number;
  readonly file: string;
}

/**
 * The latency timer of the USB adapter that the port at `path` is; null where there is none, or the
 * system does not say so. Linux tells it of FTDI's, below `adapters`.
 */
export function latencyTimerOf(
  path: string,
  adapters: string = "/sys/bus/usb-serial/devices",
): LatencyTimer | null {
  try {
    const file = join(adapters, basename(realpathSync(path)), "latency_timer");
    const ms = Number.parseInt(readFileSync(file, "utf8"), 10);
    return Number.isNaN(ms) ? null : { ms, file };
  } catch {
    return null;
  }
}

/**
 * What to tell a person whose questions over the port at `path` are not answered in time, where its
 * USB adapter holds answers back; empty where it does not, or does not say so.
 */
export function slowAdapterOf(path: string, adapters?: string): string {
  const timer = latencyTimerOf(path, adapters);
  if (timer === null || timer.ms <= 1) return "";
  return `its USB adapter holds answers back for ${timer.ms} ms: echo 1 | sudo tee ${timer.file}`;
}

/**
 * The bytes of a serial port that `lockSerialLine` holds, on a descriptor of its own: system calls
 * without a thread pool in between. Works in any thread.
 */
export function openSerialPort(path: string): Port {
  return new SerialDescriptor(openSync(path, flags));
}

const flags: number = constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK;
// How many empty reads pass between two looks at whether the line is still there.
const emptyReadsMax = 16;

class SerialDescriptor implements Port {
  readonly #fd: number;
  readonly #rest: Uint8Array = new Uint8Array(4096);
  readonly #pillow: Int32Array = new Int32Array(new SharedArrayBuffer(4));
  #restLength = 0;
  #emptyReads = 0;
  #lost = false;
  #open = true;

  constructor(fd: number) {
    this.#fd = fd;
  }

  read(into: Uint8Array): number {
    if (this.#lost) return -1;
    let length = 0;
    try {
      length = readSync(this.#fd, into, 0, into.length, null);
    } catch (error) {
      if (!isBusy(error)) this.#lost = true;
    }
    if (length > 0) this.#emptyReads = 0;
    // A line that was hung up reads as empty for ever; only a write tells, also one of no bytes.
    else if (++this.#emptyReads % emptyReadsMax === 0) this.#put(into, 0);
    return this.#lost ? -1 : length;
  }

  write(bytes: Uint8Array, length: number): boolean {
    if (!this.#finishFrame()) return false;
    const written = this.#put(bytes, length);
    if (written === length) return true;
    // The device has the start of a frame; it must get the rest before anything else.
    if (written > 0) {
      this.#restLength = length - written;
      this.#rest.set(bytes.subarray(written, length));
    }
    return false;
  }

  wait(timeoutUs: number): void {
    Atomics.wait(this.#pillow, 0, 0, timeoutUs / 1000);
  }

  close(): void {
    if (this.#open) closeSync(this.#fd);
    this.#open = false;
    this.#lost = true;
  }

  #finishFrame(): boolean {
    if (this.#restLength === 0) return !this.#lost;
    const written = this.#put(this.#rest, this.#restLength);
    this.#restLength -= written;
    this.#rest.copyWithin(0, written, written + this.#restLength);
    return this.#restLength === 0 && !this.#lost;
  }

  #put(bytes: Uint8Array, length: number): number {
    if (this.#lost) return 0;
    try {
      return writeSync(this.#fd, bytes, 0, length);
    } catch (error) {
      if (!isBusy(error)) this.#lost = true;
      return 0;
    }
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === "EAGAIN";
}

/**
 * Calls `onBytes` with what the locked serial port at `path` receives, from the event loop of this
 * thread, and `onEnd` once when the line is lost. Returns a function that stops listening.
 */
export function listenToSerial(
  path: string,
  onBytes: (bytes: Uint8Array) => void,
  onEnd: (why: string) => void,
): () => void {
  // One buffer for all reads: a stream of its own would allocate 64 KiB for each.
  const buffer = new Uint8Array(4096);
  const callback = (length: number): boolean => {
    onBytes(buffer.slice(0, length));
    return true;
  };
  const options: SocketConstructorOpts & ConnectOpts = { onread: { buffer, callback } };
  const stream = new ReadStream(openSync(path, flags), options);
  let listening = true;
  const end = (why: string): void => {
    if (!listening) return;
    listening = false;
    stream.destroy();
    onEnd(why);
  };
  stream.resume();
  stream.on("end", () => end(`the serial port ${path} was unplugged`));
  stream.on("error", (error) => end(`the serial port ${path} failed: ${messageOf(error)}`));
  return () => {
    listening = false;
    stream.destroy();
  };
}

const nothing = new Uint8Array(1);

/**
 * Whether the line of an open stream was hung up, which reads as empty for ever, and makes the
 * package read on for ever: only a write tells, also one of no bytes. Windows has no such lines.
 */
export function isHungUp(stream: SerialStream): boolean {
  const fd = stream.port?.fd ?? null;
  if (isWindows || fd === null) return false;
  try {
    writeSync(fd, nothing, 0, 0);
    return false;
  } catch (error) {
    return !isBusy(error);
  }
}

/** What the system says of a port, where the package asks it. */
export interface PackagePort {
  readonly path: string;
  /** USB's numbers, four hexadecimal digits. */
  readonly vendorId?: string | undefined;
  readonly productId?: string | undefined;
  /** What a person is shown of it, on Windows. */
  readonly friendlyName?: string | undefined;
}

/**
 * The ports that the package finds. On Linux it asks udev, which may be missing. Throws
 * `SinewError("port")` where it cannot tell.
 */
export async function packagePorts(): Promise<PackagePort[]> {
  const { SerialPort } = await import("serialport");
  try {
    return await SerialPort.list();
  } catch (error) {
    const line = `cannot list the serial ports: ${messageOf(error)}`;
    throw new SinewError("port", line, { cause: error });
  }
}
