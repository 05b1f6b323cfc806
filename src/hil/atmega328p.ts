import { randomFillSync } from "node:crypto";
import {
  AVRIOPort,
  AVRTimer,
  AVRUSART,
  avrInstruction,
  CPU,
  portDConfig,
  timer0Config,
  timer1Config,
  usart0Config,
} from "avr8js";
import { type Emulated, outputBytesMax } from "./emulated.ts";
import { UartInput } from "./uart-input.ts";

const clockHz = 16_000_000;
const cycleNs = 1e9 / clockHz;
const sramBytes = 2048;
const registerBytes = 0x100;
const sliceCycles = 16_000;
/** A sleep looks round this often: 5 us. */
const napCycles = 80;
/** Where `ports/atmega328p.c` reads the stop line, of port D. */
const stopLinePin = 2;
const opcodes = { sei: 0x9478, sleep: 0x9588 } as const;

/** An ATmega328P at 16 MHz: USART0, TIMER0, TIMER1, and sleep until an interrupt. */
export class Atmega328p implements Emulated {
  readonly input: UartInput = new UartInput();
  readonly output: Uint8Array = new Uint8Array(outputBytesMax);
  outputLength = 0;
  readonly #cpu: CPU;
  readonly #usart: AVRUSART;
  readonly #portD: AVRIOPort;
  #asleep = false;

  constructor(image: Uint8Array) {
    const flash = new Uint8Array(0x8000).fill(0xff);
    flash.set(image);
    this.#cpu = new CPU(new Uint16Array(flash.buffer), sramBytes);
    // RAM wakes up as noise, so code that relies on zeros there fails here as on silicon.
    randomFillSync(this.#cpu.data, registerBytes);
    this.#usart = new AVRUSART(this.#cpu, usart0Config, clockHz);
    this.#portD = new AVRIOPort(this.#cpu, portDConfig);
    new AVRTimer(this.#cpu, timer0Config);
    new AVRTimer(this.#cpu, timer1Config);
    this.#usart.onByteTransmit = (byte) => {
      if (this.outputLength < outputBytesMax) this.output[this.outputLength++] = byte;
    };
  }

  /** The chip itself, for a test that looks inside. */
  get chip(): CPU {
    return this.#cpu;
  }

  get idle(): boolean {
    return this.#asleep && this.input.length === 0 && this.#cpu.nextInterrupt < 0;
  }

  /** Its timers wake it each millisecond. */
  get toTimerNs(): number {
    return 1e6;
  }

  setStopLine(open: boolean): void {
    this.#portD.setPin(stopLinePin, open);
  }

  run(untilNs: number): void {
    const cpu = this.#cpu;
    const end = Math.min(Math.floor(untilNs / cycleNs), cpu.cycles + sliceCycles);
    while (cpu.cycles < end) {
      this.#feed();
      const { pc } = cpu;
      if (this.#asleep) {
        if (cpu.nextInterrupt < 0) cpu.cycles = Math.min(cpu.cycles + napCycles, end);
        cpu.tick();
        // An interrupt was taken, which is what wakes it.
        this.#asleep = cpu.pc === pc;
        continue;
      }
      const opcode = cpu.progMem[pc];
      avrInstruction(cpu);
      this.#asleep = opcode === opcodes.sleep;
      // The instruction behind SEI runs before any interrupt: no sleep is entered too late.
      if (opcode !== opcodes.sei && !this.#asleep) cpu.tick();
    }
  }

  /**
   * A byte comes in where its interrupt is taken at once: avr8js 0.21.1 forgets one that waits
   * while the program writes UCSR0B. The chip has room for two bytes until then.
   */
  #feed(): void {
    const cpu = this.#cpu;
    const nowNs = cpu.cycles * cycleNs;
    if (this.input.dueNs > nowNs || !cpu.interruptsEnabled || cpu.nextInterrupt >= 0) return;
    this.#usart.writeByte(this.input.take(nowNs), true);
    cpu.tick();
    this.#asleep = false;
  }
}
