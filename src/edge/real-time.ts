import { availableParallelism } from "node:os";
import { messageOf } from "../core/errors.ts";

/**
 * Whether the control thread asks to go before other programs. `auto`: it does, and goes on where
 * it may not. `required`: it does not start where it may not.
 */
export type RealTimeChoice = "auto" | "off" | "required";

/** What the machine granted the control thread. */
export interface RealTime {
  readonly granted: boolean;
  /** For people: what it runs as, or why no better. */
  readonly line: string;
}

/** Above the kernel's own threads at 50 nothing here has business; ros2_control takes 50, too. */
const priority = 50;
const schedFifo = 1;
/** Threads that this one starts do not inherit it, as those of a runtime would. */
const resetOnFork = 0x4000_0000;
const prSetTimerslack = 29;
const slackNs = 1;

/** What becomes of memory whatever was granted, for people; see `askRealTime`. */
export const memoryLine =
  "memory is not locked (mlockall), in which V8 would abort: see docs/robot.md";

/**
 * Asks for SCHED_FIFO (sched(7)) for the calling thread, and for sleeps that end on time; the
 * latter needs no permission. Linux only, by the optional package koffi. Never throws.
 *
 * Memory is not locked: V8 gives pages of machine code back by madvise(2), which locked memory
 * refuses, and V8 then aborts the process.
 */
export async function askRealTime(choice: RealTimeChoice): Promise<RealTime> {
  if (choice === "off") return refused("realTime is off");
  if (process.platform !== "linux") return refused(`not on ${process.platform}`);
  // Nothing else could run while a cycle does.
  if (availableParallelism() < 2) return refused("this program has one processor");
  try {
    const { default: koffi } = await import("koffi");
    const libc = koffi.load(null);
    const prctl = libc.func("int prctl(int option, unsigned long value)");
    prctl(prSetTimerslack, slackNs);
    const param = koffi.struct({ sched_priority: "int" });
    const schedule = libc.func("sched_setscheduler", "int", ["int", "int", koffi.pointer(param)]);
    if (schedule(0, schedFifo | resetOnFork, { sched_priority: priority }) === 0) {
      return { granted: true, line: `SCHED_FIFO ${priority}` };
    }
    const { EPERM } = koffi.os.errno;
    if (koffi.errno() !== EPERM) return refused(`the kernel refuses it, error ${koffi.errno()}`);
    return refused(`not permitted: allow it with "ulimit -r ${priority}", see docs/robot.md`);
  } catch (thrown) {
    const missing = (thrown as { code?: unknown }).code === "ERR_MODULE_NOT_FOUND";
    return refused(missing ? "npm install koffi, an optional package" : messageOf(thrown));
  }
}

function refused(why: string): RealTime {
  return { granted: false, line: `no, ${why}` };
}
