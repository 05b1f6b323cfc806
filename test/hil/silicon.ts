import type { Rp2040 } from "../../src/hil/rp2040.ts";

type Chip = Rp2040["chip"];

/** Blocks that the boot ROM leaves released: the two of the flash's own pins (datasheet 2.7). */
const released = (1 << 6) | (1 << 9);
const allBlocks = 0x1ffffff;
/** Of a peripheral, as rp2040js numbers it, and its bit in RESETS. */
const blocks: Readonly<Record<number, number>> = {
  262164: 5, // IO_BANK0
  262172: 8, // PADS_BANK0
  262184: 12, // PLL_SYS
  262196: 22, // UART0
  262228: 21, // TIMER
};
const uart0Bit = 1 << 22;
const names = { resets: 0x4000c, clocks: 0x40008, xosc: 0x40024, pll: 0x40028 } as const;

/** A write as the bus sees it: set and clear aliases are told by `alias` 2 and 3. */
export interface Write {
  readonly address: number;
  readonly value: number;
  readonly alias: number;
}

/** What silicon does and rp2040js does not: blocks held in reset, clocks that take their time. */
export class Silicon {
  readonly writes: Write[] = [];
  /** Accesses to blocks that were held in reset. */
  readonly breaches: string[] = [];
  /** Looks that it takes until a clock is there; Infinity for one that never comes. */
  readonly looks = { crystal: 50, lock: 50 };
  #reset: number;
  #crystalLooks = 0;
  #lockLooks = 0;
  readonly #chip: Chip;

  /** `reset` is what RESETS holds at first. */
  constructor(chip: Chip, reset: number = allBlocks & ~released) {
    this.#chip = chip;
    this.#reset = reset;
    for (const [base, peripheral] of Object.entries(chip.peripherals)) {
      const { readUint32, writeUint32Atomic } = peripheral;
      const at = Number(base) << 12;
      peripheral.readUint32 = (offset) => {
        this.#touch(Number(base), "read");
        const told = this.#told(Number(base), offset);
        return told ?? readUint32.call(peripheral, offset);
      };
      peripheral.writeUint32Atomic = (offset, value, alias) => {
        this.writes.push({ address: (at | offset) >>> 0, value: value >>> 0, alias });
        this.#touch(Number(base), "write");
        if (Number(base) === names.resets && offset === 0) {
          if (alias === 2) this.#reset |= value;
          else if (alias === 3) this.#reset &= ~value;
          else this.#reset = value;
          return;
        }
        writeUint32Atomic.call(peripheral, offset, value, alias);
      };
    }
  }

  /** Bits of the blocks that are held in reset. */
  get held(): number {
    return this.#reset;
  }

  /** The last value written to `address`, aliases apart. */
  written(address: number): number | undefined {
    return this.writes.findLast((write) => write.address === address)?.value;
  }

  #touch(base: number, how: string): void {
    const bit = blocks[base];
    if (bit !== undefined && (this.#reset & (1 << bit)) !== 0) {
      this.breaches.push(`${how} of 0x${base.toString(16)}000`);
    }
  }

  /** What a register reads on silicon; undefined where rp2040js is right. */
  #told(base: number, offset: number): number | undefined {
    if (base === names.resets && offset === 8) {
      // A block without its clock does not come out of reset.
      const clockless = this.#chip.clocks.periFreq === 0 ? uart0Bit : 0;
      return allBlocks & ~this.#reset & ~clockless;
    }
    if (base === names.xosc && offset === 4) {
      return this.#crystalLooks++ < this.looks.crystal ? 1 << 12 : (1 << 31) | (1 << 12);
    }
    if (base === names.pll && offset === 0) {
      return this.#lockLooks++ < this.looks.lock ? 1 : 1 | (1 << 31);
    }
    return undefined;
  }
}
