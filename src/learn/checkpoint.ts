import { readFileSync } from "node:fs";
import { crc32c } from "../core/crc.ts";
import { SinewError } from "../core/errors.ts";
import { writeWholeFile } from "./whole-file.ts";

const magic = "SINEWCP2";

type Values = Float32Array | Float64Array | Uint8Array | Uint32Array;

const kinds = { Float32Array, Float64Array, Uint8Array, Uint32Array } as const;

interface Header {
  readonly facts: unknown;
  readonly arrays: readonly { name: string; kind: keyof typeof kinds; length: number }[];
}

/** A checkpoint's content: facts that JSON holds exactly, and arrays of numbers by name. */
export interface Checkpoint<Facts, Arrays extends { readonly [name in keyof Arrays]: Values }> {
  readonly facts: Facts;
  readonly arrays: Arrays;
}

/**
 * Writes a checkpoint so that `path` always holds a whole one (`writeWholeFile`): magic, u32 length
 * and JSON header, the arrays (little-endian), CRC-32C of all before. Throws `SinewError("usage")`
 * where it cannot be written.
 */
export function writeCheckpoint<Facts, Arrays extends { readonly [name in keyof Arrays]: Values }>(
  path: string,
  checkpoint: Checkpoint<Facts, Arrays>,
): void {
  const entries = Object.entries<Values>(checkpoint.arrays);
  const header: Header = {
    facts: checkpoint.facts,
    arrays: entries.map(([name, values]) => ({
      name,
      kind: values[Symbol.toStringTag] as keyof typeof kinds,
      length: values.length,
    })),
  };
  const text = Buffer.from(JSON.stringify(header));
  const prefix = Buffer.alloc(12);
  prefix.write(magic, 0, "latin1");
  prefix.writeUInt32LE(text.length, 8);
  const arrays = entries.map(([, v]) => new Uint8Array(v.buffer, v.byteOffset, v.byteLength));
  const parts = [prefix, text, ...arrays];
  const end = Buffer.alloc(4);
  end.writeUInt32LE(parts.reduce((crc, part) => crc32c(part, 0, part.length, crc), 0));
  writeWholeFile(path, [...parts, end]);
}

/**
 * Reads what `writeCheckpoint` wrote. Throws `SinewError("checkpoint")` where the file is missing,
 * of another version, or damaged.
 */
export function readCheckpoint<Facts, Arrays extends { readonly [name in keyof Arrays]: Values }>(
  path: string,
): Checkpoint<Facts, Arrays> {
  const refuse = (why: string): never => {
    throw new SinewError("checkpoint", `${path} ${why}`);
  };
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new SinewError("checkpoint", `${path} cannot be read: no run was saved there`, {
      cause: error,
    });
  }
  if (bytes.length < 16 || bytes.toString("latin1", 0, 7) !== magic.slice(0, 7)) {
    return refuse("is not a checkpoint");
  }
  if (bytes[7] !== magic.charCodeAt(7)) return refuse("was written by another version of sinew");
  const end = bytes.length - 4;
  if (crc32c(bytes, 0, end) !== bytes.readUInt32LE(end)) return refuse("is damaged");
  let at = 12 + bytes.readUInt32LE(8);
  const header = JSON.parse(bytes.toString("utf8", 12, at)) as Header;
  const arrays: Record<string, Values> = {};
  for (const { name, kind, length } of header.arrays) {
    const size = length * kinds[kind].BYTES_PER_ELEMENT;
    // A copy, because an array of floats must start at a multiple of its element's size.
    const copy = bytes.buffer.slice(bytes.byteOffset + at, bytes.byteOffset + at + size);
    arrays[name] = new kinds[kind](copy as ArrayBuffer);
    at += size;
  }
  return { facts: header.facts as Facts, arrays: arrays as Arrays };
}
