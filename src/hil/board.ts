import { type ChildProcess, fork } from "node:child_process";
import { closeSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { messageOf, SinewError } from "../core/errors.ts";
import { lockSerialLine } from "../link/serial.ts";
import { readImage } from "./image.ts";
import type { BoardReport } from "./rp2040-process.ts";

/** What to emulate. */
export interface BoardOptions {
  /** Path of a raw RP2040 flash image. */
  readonly image: string;
}

/** How a board ended: by itself with `code`, or by `signal`; `why` where the emulation failed. */
export interface BoardExit {
  readonly code: number | null;
  readonly signal: string | null;
  readonly why: string | null;
}

/**
 * An emulated RP2040 in a process of its own, behind a serial port. Its UART0 carries 1 Mbaud
 * towards the board. Its clock follows the host's and never stops: after a stall of the host the
 * last 20 ms are caught up, and before these the core was held while its timers ran on. A board
 * does not keep this process alive, and ends with it.
 */
export interface Board {
  /** The serial port, to be opened like that of a real board. */
  readonly path: string;
  readonly pid: number;
  /** Hangs the board: it neither reads nor sends, and its port stays. */
  pause(): void;
  resume(): void;
  /** Pulls the plug: the port is gone. */
  kill(): void;
  /** Ends the board, hung or not, and waits until it is gone. */
  close(): Promise<void>;
  /** Settles when the board has ended; waiting for it does not keep this process alive. */
  readonly exited: Promise<BoardExit>;
}

/** What the platform's half of node-pty offers beside its public, stream-reading interface. */
interface RawPty {
  open(columns: number, rows: number): { master: number; slave: number; pty: string };
}

const baud = 1_000_000;

/**
 * Starts a board. Throws `SinewError("board")` for an image that cannot be read or is none, and
 * on a platform without ptys.
 */
export async function startBoard(options: BoardOptions): Promise<Board> {
  readImage(options.image);
  const { master, slave, pty } = openPty();
  try {
    // This makes the line raw, and it stays so: else the kernel echoes, and adds bytes to 0x0A.
    await (await lockSerialLine(pty, baud, false)).close();
    const program = fileURLToPath(new URL("./rp2040-process.js", import.meta.url));
    const child = fork(program, [options.image], {
      execArgv: [],
      stdio: ["ignore", "ignore", "inherit", "ipc", master, slave],
    });
    return await boardOf(child, pty);
  } finally {
    // The board alone holds them now, so that its port is gone when it is.
    closeSync(master);
    closeSync(slave);
  }
}

function openPty(): { master: number; slave: number; pty: string } {
  const place = `${process.platform}-${process.arch}`;
  if (process.platform === "win32") {
    throw new SinewError("board", "emulated boards need the ptys of Linux or macOS");
  }
  try {
    const load = createRequire(createRequire(import.meta.url).resolve("@lydell/node-pty"));
    const raw = load(`@lydell/node-pty-${place}/pty.node`) as RawPty;
    return raw.open(80, 24);
  } catch (error) {
    throw new SinewError("board", `cannot open a pty on ${place}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

async function boardOf(child: ChildProcess, path: string): Promise<Board> {
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
  const pid = child.pid!;
  // A program that forgot a board may end; the board ends with it.
  child.unref();
  child.channel?.unref();
  // A hung board would not notice that this process has gone.
  const end = (): void => {
    child.kill("SIGKILL");
  };
  process.once("exit", end);
  const kill = (): void => {
    child.ref();
    end();
  };
  exited.then(() => process.off("exit", end)).catch(() => {});
  return {
    path,
    pid,
    pause: () => child.kill("SIGSTOP"),
    resume: () => child.kill("SIGCONT"),
    kill,
    close: async () => {
      kill();
      await exited;
    },
    exited,
  };
}
