// The image as a Pico's boot ROM would start it, on a chip that takes its time as silicon does, and
// the chip's own watchdog. All in this process: the board's time is what the test says.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { bootChecksum, boots } from "../../src/hil/boot-stage.ts";
import { readRp2040Image } from "../../src/hil/image.ts";
import { Rp2040 } from "../../src/hil/rp2040.ts";
import {
  DeviceMode,
  DeviceReason,
  Layout,
  MessageType,
  StopLine,
  stepTicksMax,
} from "../../src/wire/messages.ts";
import { EmulatedHost } from "../../tools/emulated-host.ts";
import { image } from "./bench.ts";
import { Silicon } from "./silicon.ts";

const flash = readRp2040Image(image);
const hangMs = 100;

/** A Pico whose core can be made to hang. */
class Pico extends EmulatedHost<Rp2040> {
  constructor() {
    super(new Rp2040(flash));
  }

  /** The core spins with its interrupts off. */
  hang(): void {
    const { core, sram } = this.board.chip;
    sram.set([0xfe, 0xe7], 0x3f000); // b .
    core.PM = true;
    core.waiting = false;
    core.PC = 0x2003f000;
  }
}

test("the boot ROM's checksum is CRC-32/MPEG-2, and the image carries it", () => {
  assert.equal(bootChecksum(new TextEncoder().encode("123456789")), 0x0376e6e7);
  assert.ok(boots(flash));
  assert.equal(Buffer.from(flash).readUInt32LE(252), bootChecksum(flash));
  for (const at of [0, 100, 251, 255]) {
    const broken = Uint8Array.from(flash);
    broken[at] ^= 1;
    assert.ok(!boots(broken), `byte ${at}`);
  }
  assert.ok(!boots(flash.subarray(0, 255)));
});

test("the second stage maps the flash by 03h, then starts what lies behind it", () => {
  const { board } = new Pico();
  const silicon = new Silicon(board.chip);
  board.run(100_000);
  const ssi = silicon.writes.filter(({ address }) => address >>> 12 === 0x18000);
  const value = (offset: number): number | undefined => silicon.written(0x18000000 + offset);
  assert.equal(ssi[0].address, 0x18000008, "it cannot be set while it is on");
  assert.equal(ssi[0].value, 0);
  assert.equal(ssi.at(-1)!.address, 0x18000008);
  assert.equal(ssi.at(-1)!.value, 1);
  assert.equal(value(0x00), (31 << 16) | (3 << 8));
  assert.equal(value(0x04), 0);
  assert.equal(value(0xf4), (3 << 24) | (2 << 8) | (6 << 2));
  assert.equal(value(0x14)! % 2, 0, "the divider is even");
  assert.ok(125e6 / value(0x14)! <= 50e6, "03h is slow");
  assert.equal(board.chip.core.VTOR, 0x10000100);
});

test("on a chip that takes its time it starts crystal, PLL and tick, and says who it is", () => {
  const pico = new Pico();
  const silicon = new Silicon(pico.board.chip);
  assert.notEqual(pico.bootId, undefined);
  assert.deepEqual(silicon.breaches, [], "nothing in reset is touched");
  const { chip } = pico.board;
  assert.equal(chip.pllSys.frequency, 125e6);
  assert.equal(chip.clocks.refFreq, 12e6);
  assert.equal(chip.clocks.sysFreq, 125e6);
  assert.equal(chip.clocks.periFreq, 125e6);
  assert.ok(Math.abs(chip.uart[0].baudRate / 1e6 - 1) < 1e-3);
  assert.equal(silicon.written(0x4005802c), (1 << 9) | 12, "1 MHz of 12");
  for (const pin of [0, 1]) assert.equal(chip.gpio[pin].ctrl & 0x1f, 2, "UART");
  assert.equal(chip.gpio[1].padValue & 0xc, 8, "pulled up");
  assert.equal(chip.gpio[2].ctrl & 0x1f, 0x1f, "nobody's");
});

test("whatever moves a pin is stopped before anything else", () => {
  const { board } = new Pico();
  // As after a reset of the core alone: nothing is held.
  const silicon = new Silicon(board.chip, 0);
  board.run(200_000);
  const [first] = silicon.writes.filter(({ address }) => address >>> 12 !== 0x18000);
  assert.deepEqual([first.address, first.alias], [0x4000c000, 2]);
  for (const bit of [2, 3, 4, 5, 8, 10, 11, 14, 16, 17, 21, 22, 23]) {
    assert.ok((first.value & (1 << bit)) !== 0, `block ${bit}`);
  }
  assert.equal(first.value & ((1 << 6) | (1 << 9)), 0, "the flash's own pins stay");
});

for (const part of ["crystal", "lock"] as const) {
  test(`without its ${part} it stays silent and gives no pin away`, () => {
    const pico = new Pico();
    const { chip } = pico.board;
    const silicon = new Silicon(chip);
    silicon.looks[part] = Number.POSITIVE_INFINITY;
    pico.send((requests, out) => requests.hello(out, 0));
    pico.run(400);
    assert.equal(pico.frames.length, 0);
    for (const pin of [0, 1]) assert.equal(chip.gpio[pin].ctrl & 0x1f, 0x1f);
    assert.ok((silicon.held & (1 << 5)) !== 0, "the pins are in reset");
    // It has given up, and has asked for a reset.
    assert.ok(silicon.writes.length < 100);
    assert.equal(chip.core.waiting, false);
  });
}

test("a core that hangs is reset by the chip, and comes back disarmed", () => {
  const pico = new Pico();
  const before = pico.bootId;
  pico.drive([1.5], 900);
  const applied = Layout.state.observation + 12;
  assert.equal(pico.newest(MessageType.state).getFloat32(applied, true), 1.5);
  const { chip } = pico.board;
  pico.hang();
  pico.frames.length = 0;
  pico.run(hangMs - 5);
  assert.equal(pico.board.chip, chip, "not yet");
  assert.equal(pico.frames.length, 0);
  pico.run(10);
  assert.notEqual(pico.board.chip, chip, "the whole chip is another");
  pico.run(20);
  assert.notEqual(pico.bootId, before);
  const state = pico.newest(MessageType.state);
  assert.equal(state.getUint8(Layout.state.mode), DeviceMode.disarmed);
  assert.equal(state.getUint8(Layout.state.driven), 0);
});

test("the stop line is pulled up at GPIO 2, stops what drives, and stays open over a reset", () => {
  const pico = new Pico();
  assert.notEqual(pico.bootId, undefined);
  const pad = (): number => pico.board.chip.gpio[2].padValue & 0xcc;
  assert.equal(pad(), 0xc8, "pulled up, an input and nothing else");
  const told = (): number[] => {
    const state = pico.newest(MessageType.state);
    const { mode, reason, stopLine } = Layout.state;
    return [mode, reason, stopLine].map((at) => state.getUint8(at));
  };
  pico.drive([1.5], 900);
  assert.deepEqual(told(), [DeviceMode.armed, DeviceReason.none, StopLine.closed]);
  pico.board.setStopLine(true);
  pico.run(15);
  assert.deepEqual(told(), [DeviceMode.stopping, DeviceReason.stopLine, StopLine.open]);
  pico.run(110);
  pico.board.setStopLine(false);
  pico.run(50);
  assert.deepEqual(told(), [DeviceMode.stopped, DeviceReason.stopLine, StopLine.closed]);
  pico.board.setStopLine(true);
  const { chip } = pico.board;
  pico.hang();
  pico.run(hangMs + 50);
  assert.notEqual(pico.board.chip, chip, "the whole chip is another");
  assert.deepEqual(told(), [DeviceMode.disarmed, DeviceReason.none, StopLine.open]);
  assert.equal(pad(), 0xc8);
});

test("the chip's watchdog resets all but the oscillators, and waits for a debugger", () => {
  const pico = new Pico();
  const silicon = new Silicon(pico.board.chip);
  pico.run(20);
  assert.equal(silicon.written(0x40010008), 0x1fffc);
  assert.equal(silicon.written(0x40058004), 2 * hangMs * 1000, "erratum E1 counts twice");
  assert.equal(pico.board.chip.readUint32(0x40058000) >>> 24, 0x47);
});

test("a board that works is never reset: idle, flooded, far behind, in the longest steps", () => {
  const pico = new Pico();
  const { chip } = pico.board;
  pico.run(2000);
  for (let at = 0; at < 20; at++) {
    pico.board.input.push(new Uint8Array(1000).fill(at), pico.nowMs * 1e6);
    pico.run(11);
  }
  pico.board.input.push(Uint8Array.of(0), pico.nowMs * 1e6);
  pico.send((requests, out) => requests.lockstep(true, out));
  for (let at = 0; at < 12; at++) {
    pico.send((requests, out) => requests.step(stepTicksMax, out));
  }
  pico.run(1000);
  assert.ok(pico.newest(MessageType.state).getUint32(Layout.state.sampleUs, true) >= 12_000_000);
  // A host that stalls holds the core, as a debugger would.
  pico.nowMs += 5000;
  pico.run(1000);
  assert.equal(pico.board.chip, chip);
});

test("the UF2 file holds the image, block by block", () => {
  const file = readFileSync(image.replace(/\.bin$/, ".uf2"));
  const count = Math.ceil(flash.length / 256);
  assert.equal(file.length, 512 * count);
  const whole = Buffer.alloc(256 * count);
  for (let block = 0; block < count; block++) {
    const words = Array.from({ length: 8 }, (_, i) => file.readUInt32LE(512 * block + 4 * i));
    const address = 0x10000000 + 256 * block;
    const head = [0x0a324655, 0x9e5d5157, 0x2000, address, 256, block, count, 0xe48bff56];
    assert.deepEqual(words, head);
    assert.equal(file.readUInt32LE(512 * block + 508), 0x0ab16f30);
    file.copy(whole, 256 * block, 512 * block + 32, 512 * block + 288);
    assert.ok(file.subarray(512 * block + 288, 512 * block + 508).every((byte) => byte === 0));
  }
  assert.ok(whole.subarray(0, flash.length).equals(flash));
  assert.ok(whole.subarray(flash.length).every((byte) => byte === 0));
});
