import { readFileSync } from "node:fs";
import { messageOf, SinewError } from "../core/errors.ts";
import { bootStageBytes, boots } from "./boot-stage.ts";

/** Where the RP2040 sees its flash, and how much of it a Pico has. */
const flashStart = 0x10000000;
const flashBytes = 2 * 1024 * 1024;
const ramStart = 0x20000000;
const ramEnd = 0x20042000;
/** Initial stack pointer, reset vector and the 46 other vectors of a Cortex-M0+. */
const vectorBytes = 48 * 4;

/**
 * The raw flash image of an RP2040 at `path`, as it is flashed: a second stage that the boot ROM
 * would start, then a vector table, at most 2 MiB. Throws `SinewError("board")` for anything else.
 */
export function readRp2040Image(path: string): Uint8Array {
  const bytes = readBytes(path);
  const refuse = (why: string): never => {
    throw new SinewError("board", `${path} is no RP2040 image: ${why}`);
  };
  const bytesMin = bootStageBytes + vectorBytes;
  if (bytes.length < bytesMin || bytes.length > flashBytes) {
    refuse(`it has ${bytes.length} bytes, give ${bytesMin} to ${flashBytes}`);
  }
  if (!boots(bytes)) {
    refuse("its first 256 bytes have a wrong checksum, so the boot ROM would not start it");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const stack = view.getUint32(bootStageBytes, true);
  const entry = view.getUint32(bootStageBytes + 4, true);
  if (stack <= ramStart || stack > ramEnd || stack % 4 !== 0) {
    refuse(`its stack would start at 0x${stack.toString(16)}, outside the RAM`);
  }
  // The low bit of a vector says Thumb code; a Cortex-M0+ runs nothing else.
  if (entry % 2 !== 1 || entry < flashStart || entry >= flashStart + bytes.length) {
    refuse(`it would start at 0x${entry.toString(16)}, which is not code of it`);
  }
  return bytes;
}

/** Of an ATmega328P; its vectors are 26 instructions of two words. */
const avrFlashBytes = 32 * 1024;
const avrVectorBytes = 26 * 4;
const jmpLow = 0x0c;
const jmpHigh = 0x94;

/**
 * The raw flash image of an ATmega328P at `path`: at least its vectors, at most 32 KiB. Throws
 * `SinewError("board")` for anything else.
 */
export function readAtmega328pImage(path: string): Uint8Array {
  const bytes = readBytes(path);
  const fits = bytes.length >= avrVectorBytes && bytes.length <= avrFlashBytes;
  if (!fits || bytes[0] !== jmpLow || bytes[1] !== jmpHigh) {
    throw new SinewError("board", `${path} is no ATmega328P image: it does not begin with JMP`);
  }
  return bytes;
}

function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new SinewError("board", `cannot read the firmware image: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
