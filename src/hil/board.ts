import type { ChildProcess } from "node:child_process";

/** How a board ended: by itself with `code`, or by `signal`; `why` where the emulation failed. */
export interface BoardExit {
  readonly code: number | null;
  readonly signal: string | null;
  readonly why: string | null;
}

/**
 * An emulated board in a process of its own, behind a serial port. It does not keep this process
 * alive, and ends with it.
 */
export interface Board {
  /** The serial port, to be opened like that of a real board. */
  readonly path: string;
  readonly pid: number;
  /** Hangs the board: it neither reads nor sends, and its port stays. */
  pause(): void;
  resume(): void;
  /** Opens the contact of its stop line, or closes it; null: its emulator has no pin for one. */
  readonly setStopLine: ((open: boolean) => void) | null;
  /** Pulls the plug: the port is gone. */
  kill(): void;
  /** Ends the board, hung or not, and waits until it is gone. */
  close(): Promise<void>;
  /** Settles when the board has ended; waiting for it does not keep this process alive. */
  readonly exited: Promise<BoardExit>;
}

/** The board that `child` is, behind the port at `path`. */
export function boardOf(
  child: ChildProcess,
  path: string,
  exited: Promise<BoardExit>,
  setStopLine: Board["setStopLine"],
): Board {
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
    setStopLine,
    kill,
    close: async () => {
      kill();
      await exited;
    },
    exited,
  };
}
