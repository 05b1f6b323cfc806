import { spawn } from "node:child_process";
import { closeSync, constants, existsSync, openSync, readSync } from "node:fs";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf, SinewError } from "../core/errors.ts";
import { lockSerialLine } from "../link/serial.ts";
import { type Board, type BoardExit, boardOf } from "./board.ts";
import { openPty } from "./pty.ts";

const baud = 1_000_000;
/** Of util-linux: a program that is to end with the one that started it, however that ends. */
const setpriv = "/usr/bin/setpriv";
const firstByteMs = 10_000;

/** What a program that is a board can do. */
interface ProgramSkills {
  /** SIGUSR1 opens its stop line, SIGUSR2 closes it. */
  readonly stopLine: boolean;
}

/**
 * Starts a program that is a board: firmware on its standard input and output, such as an emulator
 * or the native port. Throws `SinewError("board")` where it does not start or says nothing within
 * 10 s, and on a platform without ptys.
 */
export async function startProgram(
  command: string,
  words: readonly string[],
  { stopLine }: ProgramSkills = { stopLine: false },
): Promise<Board> {
  const { master, slave, pty } = openPty();
  await makeRaw(pty);
  const told: string[] = [];
  const bound = existsSync(setpriv) ? [setpriv, "--pdeathsig", "KILL", command] : [command];
  // The slave too: a master whose slave nobody holds reads as ended.
  const stdio = [master, master, "pipe", slave] as const;
  const child = spawn(bound[0], [...bound.slice(1), ...words], { stdio: [...stdio] });
  child.stderr!.on("data", (bytes: Buffer) => told.push(bytes.toString()));
  const exited = new Promise<BoardExit>((resolve) => {
    const why = (): string | null => told.join("").trim().split("\n").at(-1) || null;
    child.once("close", (code, signal) => resolve({ code, signal, why: why() }));
    child.once("error", (error) => resolve({ code: null, signal: null, why: messageOf(error) }));
  });
  // While the master is open: once the program has ended, so has the path.
  const line = openSync(pty, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
  closeSync(master);
  try {
    const ended = await Promise.race([exited, firstByte(line)]);
    if (ended !== null) {
      throw new SinewError("board", `${command} did not start: ${ended.why ?? ended.code}`);
    }
    // QEMU sets the line as a terminal's.
    await makeRaw(pty);
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  } finally {
    closeSync(slave);
  }
  (child.stderr as Socket).unref();
  const setStopLine = (open: boolean): void => {
    child.kill(open ? "SIGUSR1" : "SIGUSR2");
  };
  return boardOf(child, pty, exited, stopLine ? setStopLine : null);
}

/** Else the kernel waits for whole lines, echoes, and adds bytes to 0x0A. It stays so. */
async function makeRaw(path: string): Promise<void> {
  await (await lockSerialLine(path, baud, false)).close();
}

/** Waits until the firmware speaks, and closes the descriptor. */
async function firstByte(fd: number): Promise<null> {
  try {
    for (let waitedMs = 0; waitedMs < firstByteMs; waitedMs += 10) {
      if (readsByte(fd)) return null;
      await sleep(10);
    }
  } finally {
    closeSync(fd);
  }
  throw new SinewError("board", `the firmware has said nothing for ${firstByteMs / 1000} s`);
}

function readsByte(fd: number): boolean {
  try {
    return readSync(fd, new Uint8Array(1)) > 0;
  } catch (error) {
    // EIO: the program has ended, which `exited` tells with its last words.
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EAGAIN" || code === "EIO") return false;
    throw error;
  }
}
