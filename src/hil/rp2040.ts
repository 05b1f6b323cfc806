import { randomFillSync } from "node:crypto";
import { type Peripheral, RP2040 } from "rp2040js";
import { BoardClock, cycleNs } from "./board-clock.ts";
import { bootStageBytes } from "./boot-stage.ts";
import { type Emulated, outputBytesMax } from "./emulated.ts";
import { UartInput } from "./uart-input.ts";

// Beyond this the core is held while its timers run on, as under a debugger: the board's clock
// never leaves the host's, so a command that was stuck in a stalled board is late, not fresh.
const lagMaxNs = 20_000_000;
// About 1 ms of emulation, so that what arrives is seen in time.
const sliceInstructions = 20_000;
// Cycles between two looks at the alarms: an interrupt comes at most half a microsecond late.
const batchCycles = 64;

/** Where the boot ROM puts the second stage, and its own stack below that. */
const bootStageAt = 0x20041f00;
const ramStart = 0x20000000;
/** The watchdog's registers. */
const watchdogAt = 0x40058000;
const watchdogLoad = watchdogAt + 4;
const watchdogEnabled = 1 << 30;
const watchdogCounts = 0xffffff;

/** Where `ports/rp2040.c` reads the stop line. */
const stopLinePin = 2;

/** As rp2040js has it, which does not export its type. */
interface Watchdog extends Peripheral {
  onWatchdogTrigger: () => void;
}

/**
 * An RP2040 whose clock follows nanoseconds that are given to it. It does by itself what the boot
 * ROM would: it starts the second stage of a sound image.
 */
export class Rp2040 implements Emulated {
  readonly input: UartInput = new UartInput();
  readonly output: Uint8Array = new Uint8Array(outputBytesMax);
  outputLength = 0;
  readonly #image: Uint8Array;
  readonly #clock: BoardClock = new BoardClock();
  #chip: RP2040;
  #tripped = false;
  #stopLineOpen = false;

  constructor(image: Uint8Array) {
    this.#image = image;
    // RAM wakes up as noise, so code that relies on zeros there fails here as on silicon.
    this.#chip = this.#start((ram) => randomFillSync(ram));
  }

  /** The chip itself, another after each reset, for a test that looks inside or breaks it. */
  get chip(): RP2040 {
    return this.#chip;
  }

  get idle(): boolean {
    return this.#chip.core.waiting && this.input.length === 0;
  }

  get toTimerNs(): number {
    return this.#clock.dueNs - this.#clock.nanos;
  }

  setStopLine(open: boolean): void {
    this.#stopLineOpen = open;
    this.#chip.gpio[stopLinePin].setInputValue(open);
  }

  run(untilNs: number): void {
    const clock = this.#clock;
    const lagNs = untilNs - clock.nanos;
    if (lagNs > lagMaxNs) this.#hold(Math.floor(lagNs - lagMaxNs));
    const { core, uart } = this.#chip;
    let left = sliceInstructions;
    for (let nowNs = clock.nanos; left > 0 && nowNs < untilNs; nowNs = clock.nanos) {
      if (clock.dueNs <= nowNs) clock.fire();
      if (this.#tripped) {
        this.#reset();
        return;
      }
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

  /** A chip at its start, with what `fill` leaves in its RAM. */
  #start(fill: (ram: Uint8Array) => void): RP2040 {
    const chip = new RP2040(this.#clock);
    const fail = (why: string): never => {
      throw new Error(`${why} at 0x${chip.core.PC.toString(16)}`);
    };
    chip.logger = { debug() {}, info() {}, warn() {}, error: (name, text) => fail(name + text) };
    chip.onBreak = (code) => fail(`breakpoint ${code}`);
    chip.flash.set(this.#image, 0);
    fill(chip.sram);
    chip.sram.set(this.#image.subarray(0, bootStageBytes), bootStageAt - ramStart);
    chip.core.SP = bootStageAt;
    chip.core.PC = bootStageAt;
    chip.gpio[stopLinePin].setInputValue(this.#stopLineOpen);
    this.#clock.core = chip.core;
    chip.uart[0].onByte = (byte) => {
      if (this.outputLength < outputBytesMax) this.output[this.outputLength++] = byte;
    };
    const watchdog = chip.findPeripheral(watchdogAt) as Watchdog;
    watchdog.onWatchdogTrigger = () => {
      // Off, or rp2040js would let it trip again at once, for ever.
      chip.writeUint32(watchdogAt, 0);
      this.#tripped = true;
    };
    return chip;
  }

  /** By the watchdog: all of the chip starts anew but for what lies in RAM. */
  #reset(): void {
    const { sram } = this.#chip;
    this.#tripped = false;
    this.#clock.reset();
    this.#chip = this.#start((ram) => ram.set(sram));
  }

  /** Lets time pass as under a debugger that has halted the core: the watchdog waits for it. */
  #hold(ns: number): void {
    const control = this.#chip.readUint32(watchdogAt);
    this.#clock.sleep(ns);
    if ((control & watchdogEnabled) !== 0) {
      this.#chip.writeUint32(watchdogLoad, control & watchdogCounts);
    }
  }

  /** rp2040js 1.4.1 wakes neither for SysTick nor for what was pending when WFI came. */
  #wakes(): boolean {
    const { core } = this.#chip;
    if (core.pendingSystick || (core.pendingInterrupts & core.enabledInterrupts) !== 0) {
      core.waiting = false;
    }
    return !core.waiting;
  }
}
