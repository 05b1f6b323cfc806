// The process of one emulated board: `board.ts` starts it with the image's path as its argument,
// the pty's master as descriptor 4 and its slave as descriptor 5.
import { randomFillSync } from "node:crypto";
import { writeSync } from "node:fs";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { ReadStream } from "node:tty";
import { RP2040 } from "rp2040js";
import { type Clock, monotonicClock } from "../core/clock.ts";
import { messageOf } from "../core/errors.ts";
import { BoardClock, cycleNs } from "./board-clock.ts";
import { flashStart, readImage } from "./image.ts";
import { rehearse } from "./rehearsal.ts";
import { UartInput } from "./uart-input.ts";

/** What the process tells the one that started it. */
export type BoardReport = { readonly ready: true } | { readonly failure: string };

const masterFd = 4;
// Beyond this the core is held while its timers run on, as under a debugger: the board's clock
// never leaves the host's, so a command that was stuck in a stalled board is late, not fresh.
const lagMaxNs = 20_000_000;
// About 1 ms of emulation, so that what arrives is seen in time.
const sliceInstructions = 20_000;
// Cycles between two looks at the alarms: an interrupt comes at most half a microsecond late.
const batchCycles = 64;
const inputBytesMax = 4096;
const outputBytesMax = 16_384;
const sleepMaxMs = 10;

/** An RP2040 without boot ROM whose clock follows nanoseconds that are given to it. */
class Rp2040 {
  readonly input: UartInput = new UartInput();
  /** What the firmware sent since it was last emptied. */
  readonly output: Uint8Array = new Uint8Array(outputBytesMax);
  outputLength = 0;
  readonly #clock: BoardClock = new BoardClock();
  readonly #rp2040: RP2040 = new RP2040(this.#clock);

  constructor(image: Uint8Array) {
    const rp2040 = this.#rp2040;
    const fail = (why: string): never => {
      throw new Error(`${why} at 0x${rp2040.core.PC.toString(16)}`);
    };
    rp2040.logger = { debug() {}, info() {}, warn() {}, error: (name, text) => fail(name + text) };
    rp2040.onBreak = (code) => fail(`breakpoint ${code}`);
    // RAM wakes up as noise, so code that relies on zeros there fails here as on silicon.
    randomFillSync(rp2040.sram);
    rp2040.flash.set(image, 0);
    rp2040.core.VTOR = flashStart;
    rp2040.core.reset();
    this.#clock.core = rp2040.core;
    rp2040.uart[0].onByte = (byte) => {
      if (this.outputLength < outputBytesMax) this.output[this.outputLength++] = byte;
    };
  }

  /** Nothing will happen before the next timer. */
  get idle(): boolean {
    return this.#rp2040.core.waiting && this.input.length === 0;
  }

  /** Until the next timer; Infinity where none runs. */
  get toTimerNs(): number {
    return this.#clock.dueNs - this.#clock.nanos;
  }

  /** Runs up to `untilNs`, or for `sliceInstructions`, whichever ends first. */
  run(untilNs: number): void {
    const clock = this.#clock;
    const { core, uart } = this.#rp2040;
    const lagNs = untilNs - clock.nanos;
    if (lagNs > lagMaxNs) clock.sleep(Math.floor(lagNs - lagMaxNs));
    let left = sliceInstructions;
    for (let nowNs = clock.nanos; left > 0 && nowNs < untilNs; nowNs = clock.nanos) {
      if (clock.dueNs <= nowNs) clock.fire();
      if (this.input.dueNs <= nowNs) uart[0].feedByte(this.input.take(nowNs));
      const aheadNs = Math.min(clock.dueNs, this.input.dueNs, untilNs) - nowNs;
      if (core.waiting && !this.#wakes()) {
        clock.sleep(Math.ceil(aheadNs));
      } else {
        const stop = core.cycles + Math.min(aheadNs / cycleNs, batchCycles);
        for (; core.cycles < stop && !core.waiting; left--) core.executeInstruction();
      }
    }
  }

  /** rp2040js 1.4.1 wakes neither for SysTick nor for what was pending when WFI came. */
  #wakes(): boolean {
    const { core } = this.#rp2040;
    if (core.pendingSystick || (core.pendingInterrupts & core.enabledInterrupts) !== 0) {
      core.waiting = false;
    }
    return !core.waiting;
  }
}

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

async function runBoard(board: Rp2040, clock: Clock): Promise<never> {
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

function report(message: BoardReport): void {
  process.send?.(message);
}

function fail(error: unknown): void {
  process.send?.({ failure: messageOf(error) } satisfies BoardReport, () => process.exit(1));
}

process.on("disconnect", () => process.exit(0));
try {
  const image = readImage(process.argv[2]);
  const clock = monotonicClock();
  rehearse(new Rp2040(image), clock);
  await runBoard(new Rp2040(image), clock);
} catch (error) {
  fail(error);
}
