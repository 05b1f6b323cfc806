import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";

const wordsMax = 60;

/**
 * Who has locked the port at `path`, as ` (pid 4711: node run robot.yaml)`; empty where nobody has,
 * or the system below `proc` does not say so, as only Linux does.
 */
export function holderOfPort(path: string, proc: string = "/proc"): string {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    const device = `${hex(majorOf(dev))}:${hex(minorOf(dev))}:${ino}`;
    const lock = readFileSync(join(proc, "locks"), "latin1")
      .split("\n")
      .map((row) => row.trim().split(/\s+/))
      .find((words) => words[1] === "FLOCK" && words[5] === device);
    // One of another namespace has no number here.
    if (lock === undefined || lock[4] === "0") return "";
    return ` (pid ${lock[4]}${commandOf(join(proc, lock[4]))})`;
  } catch {
    return "";
  }
}

/** What a process was started as, behind a colon; empty where that is nobody's to know. */
function commandOf(folder: string): string {
  try {
    const words = readFileSync(join(folder, "cmdline"), "utf8").split("\0");
    const line = words
      .join(" ")
      .replaceAll(/\p{Cc}/gu, "?")
      .trim();
    if (line === "") return "";
    return `: ${line.length > wordsMax ? `${line.slice(0, wordsMax)}...` : line}`;
  } catch {
    return "";
  }
}

// As the kernel packs them: glibc, gnu_dev_major(3).
function majorOf(device: bigint): bigint {
  return ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn);
}

function minorOf(device: bigint): bigint {
  return (device & 0xffn) | ((device >> 12n) & ~0xffn);
}

function hex(value: bigint): string {
  return value.toString(16).padStart(2, "0");
}
