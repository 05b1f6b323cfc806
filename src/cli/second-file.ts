import { closeSync, fstatSync, openSync, readSync, realpathSync } from "node:fs";
import { dirname, isAbsolute, join, relative } from "node:path";
import { SinewError } from "../core/errors.ts";
import type { SecondFile } from "../onnx/tensor.ts";

/**
 * Reads weights that lie in a second file beside the ONNX at `path`. Where they lie is for the ONNX
 * to say, which may be anybody's: nothing outside of its folder is read.
 */
export function secondFileOf(path: string): SecondFile {
  return (location, offset, length) => {
    const shown = location.replaceAll(/\p{Cc}/gu, "?");
    const fail = (why: string): never => {
      throw new SinewError("policy-file", `the weights of ${path} lie in "${shown}", which ${why}`);
    };
    const outside = location.split(/[\\/]/).includes("..") || isAbsolute(location);
    if (outside || location.includes("\0")) fail("is not beside it: move it there");
    const file = placeOf(path, location) ?? fail("is not there: keep both files together");
    // A link may lead anywhere.
    if (relative(folderOf(path), file).split(/[\\/]/)[0] === "..") {
      fail("leads out of its folder: put the file itself there");
    }
    return (
      piece(file, offset, length) ?? fail(`ends before ${offset + length} bytes: copy it anew`)
    );
  };
}

function folderOf(path: string): string {
  return realpathSync(dirname(path));
}

function placeOf(path: string, location: string): string | null {
  try {
    return realpathSync(join(folderOf(path), location));
  } catch {
    return null;
  }
}

/** `length` bytes from `offset` on; null where the file has not so many, or is none. */
function piece(file: string, offset: number, length: number): Uint8Array | null {
  const descriptor = openSync(file, "r");
  try {
    const state = fstatSync(descriptor);
    if (!state.isFile() || offset + length > state.size) return null;
    const bytes = new Uint8Array(length);
    let read = 0;
    while (read < length) {
      const count = readSync(descriptor, bytes, read, length - read, offset + read);
      if (count === 0) return null;
      read += count;
    }
    return bytes;
  } finally {
    closeSync(descriptor);
  }
}
