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

/**
 * Starts a program that is a board: firmware on its standard input and output, such as an emulator
 * or the native port. Throws `SinewError("board")` where it does not start or says nothing within
 * 10 s, and on a platform without ptys.
 */
export async function startProgram(command: string, words: readonly string[]): Promise<Board> {
  const { master, slave, pty } = openPty();
  const told: string[] = [];
  const bound = existsSync(setpriv) ? [setpriv, "--pdeathsig", "KILL", command] : [command];
  const child = spawn(bound[0], [...bound.slice(1), ...words], { stdio: [master, master, "pipe"] });
  child.stderr!.on("data", (bytes: Buffer) => told.push(bytes.toString()));
  const exited = new Promise<BoardExit>((resolve) => {
    const why = (): string | null => told.join("").trim().split("\n").at(-1) || null;
    child.once("close", (code, signal) => resolve({ code, signal, why: why() }));
    child.once("error", (error) => resolve({ code: null, signal: null, why: messageOf(error) }));
  });
  closeSync(master);
  try {
    const ended = await Promise.race([exited, firstByte(pty)]);
    if (ended !== null) {
      throw new SinewError("board", `${command} did not start: ${ended.why ?? ended.code}`);
    }
    // What the program has set the line to is not raw, and the kernel would add bytes to 0x0A.
    await (await lockSerialLine(pty, baud, false)).close();
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  } finally {
    closeSync(slave);
  }
  (child.stderr as Socket).unref();
  return boardOf(child, pty, exited);
}

/** Waits until the firmware speaks. */
async function firstByte(path: string): Promise<null> {
  const fd = openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
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
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return false;
    throw error;
  }
}
