import { type ChildProcess, fork } from "node:child_process";
import { closeSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { messageOf, SinewError } from "../core/errors.ts";
import { lockSerialLine } from "../link/serial.ts";
import { type Board, type BoardExit, boardOf } from "./board.ts";
import type { Protocol } from "./emulated.ts";
import type { BoardOrder, BoardReport } from "./emulator-process.ts";
import { readAtmega328pImage, readRp2040Image } from "./image.ts";
import { openPty } from "./pty.ts";

/** What to emulate. */
export interface EmulatedOptions {
  /** `rp2040` unless told. */
  readonly board?: "rp2040" | "atmega328p";
  /** Path of its raw flash image. */
  readonly image: string;
  /** What it speaks, for its rehearsal: `bridge` unless told. */
  readonly protocol?: Protocol;
}

const baud = 1_000_000;

/**
 * Starts an emulated board that npm alone brings. Its UART carries 1 Mbaud towards the board. Its
 * clock follows the host's and never stops: after a stall of the host an RP2040 catches up the last
 * 20 ms, and before these the core was held while its timers ran on; an ATmega328P, whose timers
 * wrap too soon for that, catches up all of it. Throws `SinewError("board")` for an image that
 * cannot be read or is none, and on a platform without ptys.
 */
export function startEmulated(options: EmulatedOptions): Promise<Board> {
  const started = starting.then(() => startNext(options));
  starting = started.catch(() => {});
  return started;
}

/**
 * The newest start. They come one after the other: a child that is started while this process has
 * the ends of another board's line would keep that line up when its board is gone.
 */
let starting: Promise<unknown> = Promise.resolve();

async function startNext(options: EmulatedOptions): Promise<Board> {
  const { board = "rp2040", image, protocol = "bridge" } = options;
  if (board === "rp2040") readRp2040Image(image);
  else readAtmega328pImage(image);
  const { master, slave, pty } = openPty();
  try {
    // This makes the line raw, and it stays so: else the kernel echoes, and adds bytes to 0x0A.
    await (await lockSerialLine(pty, baud, false)).close();
    const program = fileURLToPath(new URL("./emulator-process.js", import.meta.url));
    const child = fork(program, [board, image, protocol], {
      execArgv: [],
      stdio: ["ignore", "ignore", "inherit", "ipc", master, slave],
    });
    return await started(child, pty);
  } finally {
    // The board alone holds them now, so that its port is gone when it is.
    closeSync(master);
    closeSync(slave);
  }
}

async function started(child: ChildProcess, path: string): Promise<Board> {
  let why: string | null = null;
  const exited = new Promise<BoardExit>((resolve) => {
    // Its last words may come after its end.
    const settle = (): void => {
      const { exitCode: code, signalCode: signal } = child;
      if (!child.connected && (code !== null || signal !== null)) resolve({ code, signal, why });
    };
    child.once("exit", settle);
    child.once("disconnect", settle);
    child.once("error", (error) => resolve({ code: null, signal: null, why: messageOf(error) }));
  });
  const ready = new Promise<true>((resolve) => {
    child.on("message", (message: BoardReport) => {
      if ("ready" in message) resolve(true);
      else why = message.failure;
    });
  });
  const first = await Promise.race([ready, exited]);
  if (first !== true) {
    throw new SinewError("board", `the emulated board did not start: ${first.why ?? first.code}`);
  }
  return boardOf(child, path, exited, (stopLineOpen) => {
    // One that has ended has no contact left.
    if (child.connected) child.send({ stopLineOpen } satisfies BoardOrder);
  });
}
