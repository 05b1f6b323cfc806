// The process of one emulated board: `emulated-board.ts` starts it with the board's name, the
// image's path and what it speaks as its arguments, the pty's master as descriptor 4 and its slave
// as descriptor 5.
import { writeSync } from "node:fs";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { ReadStream } from "node:tty";
import { type Clock, monotonicClock } from "../core/clock.ts";
import { messageOf } from "../core/errors.ts";
import { Atmega328p } from "./atmega328p.ts";
import { type Emulated, outputBytesMax, type Protocol } from "./emulated.ts";
import { readAtmega328pImage, readRp2040Image } from "./image.ts";
import { rehearse } from "./rehearsal.ts";
import { Rp2040 } from "./rp2040.ts";

/** What the process tells the one that started it. */
export type BoardReport = { readonly ready: true } | { readonly failure: string };

/** What it is told. */
export interface BoardOrder {
  readonly stopLineOpen: boolean;
}

const masterFd = 4;
const inputBytesMax = 4096;
const sleepMaxMs = 10;

/** Bytes to the host. What the host does not read is lost, but never half a slice of it. */
class HostLine {
  readonly #rest: Uint8Array = new Uint8Array(outputBytesMax);
  #restLength = 0;

  send(bytes: Uint8Array, length: number): void {
    if (this.#restLength > 0) {
      const written = this.#put(this.#rest, this.#restLength);
      this.#restLength -= written;
      this.#rest.copyWithin(0, written, written + this.#restLength);
    }
    if (length === 0 || this.#restLength > 0) return;
    const written = this.#put(bytes, length);
    if (written === 0) return;
    this.#restLength = length - written;
    this.#rest.set(bytes.subarray(written, length));
  }

  #put(bytes: Uint8Array, length: number): number {
    try {
      return writeSync(masterFd, bytes, 0, length);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EAGAIN") return 0;
      throw error;
    }
  }
}

async function runBoard(board: Emulated, clock: Clock): Promise<never> {
  const startUs = clock.now();
  const hostNs = (): number => (clock.now() - startUs) * 1000;
  const line = new HostLine();
  const stream = new ReadStream(masterFd);
  const slice = (): void => {
    board.run(hostNs());
    line.send(board.output, board.outputLength);
    board.outputLength = 0;
    if (board.input.length < inputBytesMax && stream.isPaused()) stream.resume();
  };
  let attending = false;
  const attend = async (): Promise<void> => {
    if (attending) return;
    attending = true;
    for (slice(); !board.idle; slice()) await nextTurn();
    attending = false;
  };
  stream.on("data", (bytes) => {
    board.input.push(bytes, hostNs());
    if (board.input.length >= inputBytesMax) stream.pause();
    attend().catch(fail);
  });
  stream.on("error", fail);
  stream.on("end", () => process.exit(0));
  report({ ready: true });
  for (;;) {
    await attend();
    const toTimerMs = Math.floor(board.toTimerNs / 1e6);
    await sleep(Math.min(Math.max(toTimerMs, 1), sleepMaxMs));
  }
}

function makerOf(board: string, path: string): () => Emulated {
  if (board === "rp2040") {
    const image = readRp2040Image(path);
    return () => new Rp2040(image);
  }
  const image = readAtmega328pImage(path);
  return () => new Atmega328p(image);
}

function report(message: BoardReport): void {
  process.send?.(message);
}

function fail(error: unknown): void {
  process.send?.({ failure: messageOf(error) } satisfies BoardReport, () => process.exit(1));
}

process.on("disconnect", () => process.exit(0));
try {
  const [board, path, protocol] = process.argv.slice(2);
  const make = makerOf(board, path);
  const clock = monotonicClock();
  rehearse(make(), clock, protocol as Protocol);
  const emulated = make();
  process.on("message", ({ stopLineOpen }: BoardOrder) => emulated.setStopLine(stopLineOpen));
  await runBoard(emulated, clock);
} catch (error) {
  fail(error);
}
