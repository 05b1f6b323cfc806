import { createInterface } from "node:readline/promises";
import { SinewError } from "../core/errors.ts";
import type { Terminal } from "./terminal.ts";

/** Whether a person sits here who can be asked: at a terminal, seeing what is asked. */
export function canAsk(terminal: Terminal): boolean {
  return process.stdin.isTTY === true && terminal.isWatched;
}

/** What a line that was typed stands for, or why it stands for nothing. */
export type Reading<Value> = { readonly value: Value } | { readonly refusal: string };

/**
 * Asks a person for one line, again until `read` takes it. An empty line stands for `usual`, where
 * there is one. Throws `SinewError("usage")` where the person ends it, by Ctrl-C or Ctrl-D.
 */
export async function ask<Value>(
  question: string,
  usual: string | null,
  read: (line: string) => Reading<Value>,
): Promise<Value> {
  const prompt = `${question}${usual === null ? "" : ` [${usual}]`}: `;
  for (;;) {
    const typed = (await lineOf(prompt)).trim();
    const reading = read(typed === "" && usual !== null ? usual : typed);
    if ("value" in reading) return reading.value;
    process.stderr.write(`${reading.refusal}\n`);
  }
}

/** Asks for one of `words`, of which a beginning that no other has is enough. */
export function choose<Word extends string>(
  question: string,
  words: readonly Word[],
  usual: Word | null,
): Promise<Word> {
  return ask(`${question} (${words.join(", ")})`, usual, (line) => {
    const meant = words.filter((word) => line !== "" && word.startsWith(line));
    const value = words.find((word) => word === line) ?? (meant.length === 1 ? meant[0] : null);
    return value === null ? { refusal: `give ${words.join(" or ")}` } : { value };
  });
}

/**
 * One line, from a reader of its own: between two of them keys are somebody else's. Questions are
 * no result, so they go to stderr.
 */
async function lineOf(prompt: string): Promise<string> {
  const ended = new AbortController();
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  reader.once("SIGINT", () => ended.abort());
  reader.once("close", () => ended.abort());
  try {
    return await reader.question(prompt, { signal: ended.signal });
  } catch {
    throw new SinewError("usage", "nobody answered: nothing was done");
  } finally {
    reader.close();
  }
}
