// Builds the examples of the Arduino library for an Uno, with Arduino's own builder and core, and
// drives each on an emulated ATmega328P: handshake, command, stop, at its pin. Says what RAM each
// leaves for the stack, which docs/your-board.md must say too, and what the stack took of it.
//   node dist/tools/test-arduino.js
// Needs Debian's arduino-builder, arduino-core-avr and gcc-avr. Servo itself is not in Debian: a
// stand-in lies in firmware-bridge/test/arduino. Ends with "N passed, N failed"; exit 1 on a
// failure.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Atmega328p } from "../src/hil/atmega328p.ts";
import { readAtmega328pImage } from "../src/hil/image.ts";
import { DeviceMode, DeviceReason, Layout, MessageType } from "../src/wire/messages.ts";
import { EmulatedHost } from "./emulated-host.ts";

const library = "firmware-bridge";
const arduino = "/usr/share/arduino/hardware";

/** A sketch that was built: its flash image, and where RAM is free from. */
interface Sketch {
  readonly bin: string;
  readonly freeFrom: number;
}

/** The example `name`, built in `folder` from the library as a user would install it. */
function buildSketch(name: string, folder: string): Sketch {
  const libraries = join(folder, "libraries");
  const build = join(folder, "build");
  for (const made of [libraries, build]) mkdirSync(made);
  symlinkSync(resolve(library), join(libraries, "Sinew"));
  symlinkSync(resolve(library, "test/arduino/Servo"), join(libraries, "Servo"));
  const words = [
    ...["-compile", "-warnings", "all", "-fqbn", "arduino:avr:uno"],
    ...["-hardware", "/usr/share/arduino-builder", "-hardware", arduino, "-tools", "/usr/bin"],
    ...["-libraries", libraries, "-build-path", build],
    ...["-prefs", "runtime.tools.avr-gcc.path=/usr"],
    // Debian's core asks for a name that Debian's compiler has under another one.
    ...["-prefs", "compiler.cpp.extra_flags=-DDECIMAL_DIG=__DECIMAL_DIG__"],
    join(libraries, `Sinew/examples/${name}/${name}.ino`),
  ];
  const built = spawnSync("arduino-builder", words, { encoding: "utf8" });
  if (built.error !== undefined) throw new Error("install arduino-builder and arduino-core-avr");
  if (built.status !== 0) throw new Error(`the sketch does not build:\n${built.stderr}`);
  const ours = built.stderr.split("\n").filter((line) => /libraries.Sinew.*warning/.test(line));
  assert.deepEqual(ours, [], "no warnings");
  const bin = join(folder, "sketch.bin");
  const elf = join(build, `${name}.ino.elf`);
  const copied = spawnSync("avr-objcopy", ["-O", "binary", "-R", ".eeprom", elf, bin]);
  if (copied.status !== 0) throw new Error(`avr-objcopy failed: ${copied.stderr}`);
  const symbols = spawnSync("avr-nm", [elf], { encoding: "utf8" }).stdout;
  // Behind all variables, those that a start leaves as they are among them.
  const end = /^0*80([0-9a-f]{4}) . _end$/m.exec(symbols)?.[1];
  assert.ok(end !== undefined, "the sketch says where its variables end");
  return { bin, freeFrom: Number.parseInt(end, 16) };
}

const ramEnd = 0x900;
const unused = 0xa5;

/** A board whose RAM is painted, so that what the stack took of it is seen. */
function boardOf({ bin }: Sketch): Atmega328p {
  const board = new Atmega328p(readAtmega328pImage(bin));
  board.chip.data.fill(unused, 0x100, ramEnd);
  return board;
}

/** What the sketch leaves for the stack, and what that took, bytes. */
function stackOf({ freeFrom }: Sketch, { chip }: Atmega328p): { left: number; took: number } {
  let at = freeFrom;
  while (chip.data[at] === unused) at++;
  return { left: ramEnd - freeFrom, took: ramEnd - at };
}

/** What is at pin 9 of 255. */
function levelAt({ chip }: Atmega328p): number {
  const [tccr1a, ocr1al] = [0x80, 0x88];
  return (chip.data[tccr1a] & 0x80) !== 0 ? chip.data[ocr1al] : 0;
}

function driveLight(board: Atmega328p): void {
  const host = new EmulatedHost(board);
  host.run(100);
  assert.notEqual(host.bootId, 0);
  host.send((requests, out) => requests.query(0, 0, out, 0));
  host.run(100);
  assert.equal(textAt(host.newest(MessageType.channel), Layout.channel.name), "light_now");
  host.drive([0.5], 200);
  assert.equal(levelAt(board), 127);
  assert.equal(host.newest(MessageType.state).getFloat32(Layout.state.observation, true), 0.5);
  host.run(400);
  const state = host.newest(MessageType.state);
  assert.equal(state.getUint8(Layout.state.mode), DeviceMode.stopped);
  assert.equal(state.getUint8(Layout.state.reason), DeviceReason.expired);
  assert.equal(levelAt(board), 0, "a stop puts it out");
}

/** The width of the pulse at pin 9 in microseconds; 0 where there is none. */
function pulseUs({ chip }: Atmega328p): number {
  const [tccr1a, ocr1al] = [0x80, 0x88];
  const on = (chip.data[tccr1a] & 0x80) !== 0;
  return on ? (chip.data[ocr1al] | (chip.data[ocr1al + 1] << 8)) / 2 : 0;
}

function textAt(frame: DataView, at: number): string {
  const bytes = Buffer.from(frame.buffer, at);
  return bytes.toString("latin1", 0, bytes.indexOf(0));
}

function driveServo(board: Atmega328p): void {
  const host = new EmulatedHost(board);
  const state = (): DataView => host.newest(MessageType.state);
  host.run(100);
  assert.equal(host.frames.length, 0, "it does not speak first");
  assert.notEqual(host.bootId, 0);
  assert.equal(textAt(host.newest(MessageType.info), Layout.info.name), "arduino-servo");
  // Frames that are longer than the core's own buffer.
  for (const direction of [0, 1])
    host.send((requests, out) => requests.query(direction, 0, out, 0));
  host.send((requests, out) => requests.askDictionary(0, out));
  host.run(100);
  const channels = host.frames.filter((frame) => frame.getUint8(0) === MessageType.channel);
  assert.deepEqual(
    channels.map((frame) => textAt(frame, Layout.channel.name)),
    ["servo_angle", "servo_target"],
  );
  assert.ok(host.newest(MessageType.dictionary).getUint8(Layout.dictionary.count) > 64);
  assert.equal(pulseUs(host.board), 0, "nothing moves before a command");
  host.drive([1], 300);
  assert.equal(pulseUs(host.board), 1500 + 637);
  assert.equal(state().getFloat32(Layout.state.observation, true), 1);
  host.run(600);
  assert.equal(state().getUint8(Layout.state.mode), DeviceMode.stopped);
  assert.equal(pulseUs(host.board), 1500 + 637, "a stop holds it where it is");
  const askedMs = host.nowMs;
  host.send((requests, out) => requests.askStats(out));
  host.run(50);
  const stats = host.newest(MessageType.stats);
  assert.equal(stats.getUint32(Layout.stats.trips, true), 1);
  assert.equal(stats.getUint32(Layout.stats.badCrc, true), 0);
  // 1 kHz from the first byte on, and all of it on time.
  const ticks = stats.getUint32(Layout.stats.ticks, true);
  assert.ok(Math.abs(ticks - (askedMs - 100)) < 10, `${ticks} turns in ${askedMs - 100} ms`);
  assert.equal(stats.getUint32(Layout.stats.ticksLost, true), 0);
  host.send((requests, out) => requests.reset(out));
  host.run(10);
  host.drive([0.5], 900);
  assert.equal(state().getUint8(Layout.state.mode), DeviceMode.armed);
  host.board.setStopLine(true);
  host.run(200);
  assert.equal(state().getUint8(Layout.state.mode), DeviceMode.stopped);
  assert.equal(state().getUint8(Layout.state.reason), DeviceReason.stopLine);
}

const sketches = { Servo: driveServo, Light: driveLight };

function main(): void {
  const page = readFileSync("docs/your-board.md", "utf8");
  let failed = 0;
  for (const [name, drive] of Object.entries(sketches)) {
    const folder = mkdtempSync(join(tmpdir(), "sinew-arduino-"));
    try {
      const sketch = buildSketch(name, folder);
      const board = boardOf(sketch);
      drive(board);
      const { left, took } = stackOf(sketch, board);
      process.stdout.write(`${name} leaves ${left} bytes for the stack, which took ${took}\n`);
      const told = new RegExp(`\`${name}\`( leaves)? ${left} `).test(page);
      assert.ok(told, `docs/your-board.md tells another size than ${left} of ${name}`);
    } catch (error) {
      process.stderr.write(`${name}: ${error instanceof Error ? error.message : String(error)}\n`);
      failed++;
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  process.stdout.write(`${Object.keys(sketches).length - failed} passed, ${failed} failed\n`);
  process.exitCode = failed === 0 ? 0 : 1;
}

main();
