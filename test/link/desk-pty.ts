import { closeSync, writeSync } from "node:fs";
import { ReadStream } from "node:tty";
import type { Spec } from "../../src/core/spec.ts";
import { openPty } from "../../src/hil/pty.ts";
import { lockSerialLine } from "../../src/link/serial.ts";
import { DeskDevice } from "./desk-device.ts";

/** A device in few lines behind a serial port, for programs that cannot be handed one. */
export interface DeskPty {
  readonly device: DeskDevice;
  readonly path: string;
  close(): void;
}

export async function deskBehindPty(spec: Spec): Promise<DeskPty> {
  const { master, slave, pty } = openPty();
  // This makes the line raw, and it stays so.
  await (await lockSerialLine(pty, 1_000_000, false)).close();
  const stream = new ReadStream(master);
  const waiting: Uint8Array[] = [];
  stream.on("data", (bytes: Uint8Array) => waiting.push(bytes));
  stream.on("error", () => {});
  const device = new DeskDevice(spec, {
    read: (into) => {
      const bytes = waiting.shift() ?? new Uint8Array();
      into.set(bytes);
      return bytes.length;
    },
    write: (bytes, length) => {
      try {
        return writeSync(master, bytes, 0, length) === length;
      } catch {
        // Nobody reads it.
        return false;
      }
    },
    wait: () => {},
    close: () => {},
  });
  const turning = setInterval(() => device.turn(performance.now() * 1000), 1);
  const close = (): void => {
    clearInterval(turning);
    stream.destroy();
    closeSync(slave);
  };
  return { device, path: pty, close };
}
