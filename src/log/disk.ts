import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  writeSync,
} from "node:fs";
import type { LogDisk } from "./writer.ts";

/** A file as the disk under a log. */
export class FileDisk implements LogDisk {
  readonly #file: number;

  /** `wx` makes a file that must not exist yet, `r+` opens one that does; throws as `openSync` does. */
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
