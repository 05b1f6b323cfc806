import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { messageOf, SinewError } from "../core/errors.ts";

/** It is held for some milliseconds. */
const looks = 150;
const lookMs = 20;

/**
 * Takes the lock at `path`, as soon as nobody else holds it who lives; returns how to give it back.
 * Throws `SinewError("ctl")` where that cannot be.
 */
export async function takeLock(path: string): Promise<() => void> {
  for (let look = 0; look < looks; look++) {
    try {
      writeFileSync(path, String(process.pid), { flag: "wx" });
      return () => rmSync(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw lockError(path, error);
    }
    if (isLeft(path)) rmSync(path, { force: true });
    else await delay(lookMs);
  }
  throw lockError(path, new Error("another run has begun there and does not go on"));
}

function lockError(path: string, error: unknown): SinewError {
  return new SinewError("ctl", `cannot take the lock ${path}: ${messageOf(error)}`);
}

/** Whether the process that made the lock at `path` is gone. */
function isLeft(path: string): boolean {
  try {
    process.kill(Number.parseInt(readFileSync(path, "utf8"), 10), 0);
    return false;
  } catch (error) {
    // Else it is gone already, or its number is not in it yet.
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
