import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  writeSync,
} from "node:fs";

/** The file under a log. Each call may throw, as the calls of `node:fs` do. */
export interface LogDisk {
  /** Writes some of `bytes[start, end)` at `position`; returns how many, perhaps not all. */
  write(bytes: Uint8Array, start: number, end: number, position: number): number;
  truncate(length: number): void;
  /** Brings what was written to the medium, beside the caller's work; then calls `done`. */
  sync(done: (error: Error | null) => void): void;
  /** The same, and waits for it. */
  syncNow(): void;
}

/** A file as the disk under a log. */
export class FileDisk implements LogDisk {
  readonly #file: number;

  /** `wx` makes a file that must not exist yet, `r+` opens one that does. Throws as `openSync`. */
  constructor(path: string, flags: "wx" | "r+") {
    this.#file = openSync(path, flags);
  }

  write(bytes: Uint8Array, start: number, end: number, position: number): number {
    return writeSync(this.#file, bytes, start, end - start, position);
  }

  truncate(length: number): void {
    ftruncateSync(this.#file, length);
  }

  sync(done: (error: Error | null) => void): void {
    fdatasync(this.#file, done);
  }

  syncNow(): void {
    fdatasyncSync(this.#file);
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** Makes new, renamed and removed names in `directory` survive a power cut. */
export function syncDirectory(directory: string): void {
  const handle = openSync(directory, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Writes all of `bytes` at `position`, however few the disk takes at a time; throws as it does. */
export function writeAll(disk: LogDisk, bytes: Uint8Array, position: number): void {
  let done = 0;
  while (done < bytes.length) {
    const taken = disk.write(bytes, done, bytes.length, position + done);
    if (taken <= 0) throw new Error("the disk takes no more bytes");
    done += taken;
  }
}
