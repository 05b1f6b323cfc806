import { readFileSync } from "node:fs";
import type { ReadStream } from "node:tty";
import { type Command, commands, nameOfKey } from "../edge/commands.ts";

/** What was typed, as far as it means anything. */
export type Typed = Command | "interrupt" | "other";

const interruptKey = "\x03";

/**
 * What keys that came together mean. A key by itself is its command. Of several, which a paste or
 * an arrow key is, only those that stop are heeded: a space, and Ctrl-C.
 */
export function typedIn(keys: string): Typed {
  if (keys.includes(interruptKey)) return "interrupt";
  const stop = commands.find(({ name }) => name === "stop")!;
  if (keys.includes(stop.key)) return stop;
  return commands.find(({ key }) => key === keys) ?? "other";
}

/** The line that says which keys there are, of `known` commands. */
export function keysLine(known: readonly Command[] = commands): string {
  const keys = known
    .filter(({ key }) => key !== "")
    .map((command) => `${nameOfKey(command)} ${command.name}`);
  return `keys  ${keys.join("  ")}  Ctrl-C end`;
}

/**
 * Whether single keys can be taken from `input`: a person at a terminal who sees what comes of
 * them, no pipe, and this process in front of it. One in the background that changed its terminal
 * would be suspended.
 */
export function takesKeys(input: ReadStream, isWatched: boolean): boolean {
  return input.isTTY === true && isWatched && isInFront();
}

/** Calls `onTyped` for what is typed from now on; returns how to end that. */
export function listenToKeys(input: ReadStream, onTyped: (typed: Typed) => void): () => void {
  const close = (): void => {
    input.off("data", take);
    // The terminal may be gone.
    try {
      input.setRawMode(false);
    } catch {}
    input.pause();
  };
  const take = (bytes: Buffer): void => {
    const typed = typedIn(bytes.toString("latin1"));
    // From here on Ctrl-C is the terminal's again, so that a second one ends what does not end.
    if (typed === "interrupt") close();
    onTyped(typed);
  };
  input.on("error", () => {});
  input.setRawMode(true);
  input.on("data", take);
  return close;
}

/** Linux tells it; elsewhere it is taken for granted. */
function isInFront(): boolean {
  try {
    const [stat] = readFileSync("/proc/self/stat", "latin1").split(")").slice(-1);
    // State, parent, group, session, terminal, and the group in front of it.
    const [, , , group, , , front] = stat.split(" ");
    return group === front;
  } catch {
    return true;
  }
}
