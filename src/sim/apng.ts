import assert from "node:assert/strict";
import { crc32, deflateSync } from "node:zlib";
import type { Colour } from "./raster.ts";

/** Pictures of one size with one palette, as an animation. */
export interface Animation {
  readonly width: number;
  readonly height: number;
  /** 1 to 256. */
  readonly colours: readonly Colour[];
  /** Each [height * width] places in the palette, and how long it stays, ms. At least one. */
  readonly pictures: readonly { readonly indices: Uint8Array; readonly milliseconds: number }[];
}

/**
 * An animated PNG (8 bits a pixel, palette) that starts over for ever. A reader that knows only
 * PNG shows its first picture.
 */
export function encodeApng({ width, height, colours, pictures }: Animation): Uint8Array {
  assert(pictures.length > 0 && colours.length > 0 && colours.length <= 256);
  const chunks: Buffer[] = [Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])];
  // 8 bits deep, colour type 3 (palette), the only compression and filter method, not interlaced.
  chunks.push(chunk("IHDR", [...u32(width), ...u32(height), 8, 3, 0, 0, 0]));
  chunks.push(
    chunk(
      "PLTE",
      colours.flatMap((each) => [each >> 16, (each >> 8) & 255, each & 255]),
    ),
  );
  // No count of repetitions: for ever.
  chunks.push(chunk("acTL", [...u32(pictures.length), ...u32(0)]));
  let sequence = 0;
  let before: Uint8Array | undefined;
  for (const { indices, milliseconds } of pictures) {
    assert(indices.length === width * height);
    const { left, top, wide, tall } = changed(before, indices, width, height);
    const delay = [...u16(Math.min(65_535, Math.round(milliseconds))), ...u16(1000)];
    // What was there stays, and what is new replaces it.
    const place = [...u32(wide), ...u32(tall), ...u32(left), ...u32(top)];
    chunks.push(chunk("fcTL", [...u32(sequence++), ...place, ...delay, 0, 0]));
    const data = deflateSync(rows(indices, width, { left, top, wide, tall }), { level: 9 });
    chunks.push(
      before === undefined
        ? chunk("IDAT", data)
        : chunk("fdAT", Buffer.concat([Buffer.from(u32(sequence++)), data])),
    );
    before = indices;
  }
  chunks.push(chunk("IEND", []));
  return Buffer.concat(chunks);
}

interface Area {
  readonly left: number;
  readonly top: number;
  readonly wide: number;
  readonly tall: number;
}

/** The smallest rectangle in which two pictures differ; one pixel where they do not. */
function changed(
  before: Uint8Array | undefined,
  now: Uint8Array,
  width: number,
  height: number,
): Area {
  if (before === undefined) return { left: 0, top: 0, wide: width, tall: height };
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (before[y * width + x] === now[y * width + x]) continue;
      left = Math.min(left, x);
      right = Math.max(right, x + 1);
      top = Math.min(top, y);
      bottom = y + 1;
    }
  }
  if (right === 0) return { left: 0, top: 0, wide: 1, tall: 1 };
  return { left, top, wide: right - left, tall: bottom - top };
}

/** The rows of an area, each behind its filter byte: 0, as a palette has nothing to predict. */
function rows(indices: Uint8Array, width: number, { left, top, wide, tall }: Area): Uint8Array {
  const bytes = new Uint8Array(tall * (wide + 1));
  for (let y = 0; y < tall; y++) {
    const from = (top + y) * width + left;
    bytes.set(indices.subarray(from, from + wide), y * (wide + 1) + 1);
  }
  return bytes;
}

function chunk(type: string, data: readonly number[] | Uint8Array): Buffer {
  const bytes = Buffer.alloc(12 + data.length);
  bytes.writeUInt32BE(data.length, 0);
  bytes.write(type, 4, "latin1");
  bytes.set(data, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length);
  return bytes;
}

function u32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

function u16(value: number): number[] {
  return [value >>> 8, value & 255];
}
