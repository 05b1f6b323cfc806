import { randomFillSync } from "node:crypto";
import { RP2040 } from "rp2040js";
import { BoardClock, cycleNs } from "./board-clock.ts";
import { type Emulated, outputBytesMax } from "./emulated.ts";
import { flashStart } from "./image.ts";
import { UartInput } from "./uart-input.ts";

// Beyond this the core is held while its timers run on, as under a debugger: the board's clock
// never leaves the host's, so a command that was stuck in a stalled board is late, not fresh.
const lagMaxNs = 20_000_000;
// About 1 ms of emulation, so that what arrives is seen in time.
const sliceInstructions = 20_000;
// Cycles between two looks at the alarms: an interrupt comes at most half a microsecond late.
const batchCycles = 64;

/** An RP2040 without boot ROM whose clock follows nanoseconds that are given to it. */
export class Rp2040 implements Emulated {
  readonly input: UartInput = new UartInput();
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

  get idle(): boolean {
    return this.#rp2040.core.waiting && this.input.length === 0;
  }

  get toTimerNs(): number {
    return this.#clock.dueNs - this.#clock.nanos;
  }

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
