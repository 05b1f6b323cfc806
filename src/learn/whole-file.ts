import { closeSync, fsyncSync, openSync, renameSync, writeSync } from "node:fs";
import { SinewError } from "../core/errors.ts";

/**
 * Writes a file, part after part, so that `path` always holds a whole one, the old or the new, also
 * after kill -9: a file of another name becomes it once it is on the disk. Throws
 * `SinewError("usage")` where it cannot be written; what was there then still is.
 */
export function writeWholeFile(path: string, parts: readonly Uint8Array[]): void {
  const fresh = `${path}.new`;
  try {
    const fd = openSync(fresh, "w");
    try {
      for (const part of parts) {
        for (let at = 0; at < part.length; ) at += writeSync(fd, part, at);
      }
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(fresh, path);
  } catch (error) {
    throw new SinewError("usage", `cannot write ${path}`, { cause: error });
  }
}
