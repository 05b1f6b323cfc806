import { type Clock, monotonicClock } from "../core/clock.ts";

/** Between two lines of progress where they cannot change in place, us. */
const plainEveryUs = 60e6;

/** Where people's text is written; a terminal, a file or a pipe. */
export type TextStream = Pick<NodeJS.WriteStream, "write" | "isTTY" | "columns">;

/** Where a command writes: people's text goes to stderr when stdout carries JSON. */
export class Terminal {
  readonly #json: boolean;
  readonly #stream: TextStream;
  readonly #errors: TextStream;
  readonly #clock: Pick<Clock, "now">;
  #plainUs: number;
  #live = false;

  constructor(
    options: { readonly json: boolean },
    clock: Pick<Clock, "now"> = monotonicClock(),
    streams: { readonly stdout: TextStream; readonly stderr: TextStream } = process,
  ) {
    this.#json = options.json;
    this.#stream = options.json ? streams.stderr : streams.stdout;
    this.#errors = streams.stderr;
    this.#clock = clock;
    this.#plainUs = clock.now() + plainEveryUs;
  }

  /** Whether a person sees the lines as they come. */
  get isWatched(): boolean {
    return this.#stream.isTTY === true;
  }

  /** One finished line. */
  line(text: string = ""): void {
    this.#clear();
    this.#stream.write(`${text}\n`);
  }

  /** The line that changes in place; in a log, on stderr, it is written once a minute. */
  live(text: string): void {
    if (!this.#stream.isTTY) {
      this.#plain(text);
      return;
    }
    const width = (this.#stream.columns ?? 80) - 1;
    this.#stream.write(`\r\x1b[2K${text.slice(0, width)}`);
    this.#live = true;
  }

  /** The result, as one JSON object on stdout, where `--json` asked for it. */
  result(value: unknown): void {
    this.#clear();
    if (this.#json) process.stdout.write(`${JSON.stringify(value)}\n`);
  }

  #plain(text: string): void {
    const now = this.#clock.now();
    if (now < this.#plainUs) return;
    this.#plainUs = now + plainEveryUs;
    this.#errors.write(`${text}\n`);
  }

  #clear(): void {
    if (this.#live) this.#stream.write("\r\x1b[2K");
    this.#live = false;
  }
}

/** `[####....]` of `width` characters, `fraction` from 0 to 1. */
export function bar(fraction: number, width: number = 24): string {
  const full = Math.round(Math.min(1, Math.max(0, fraction)) * width);
  return `[${"#".repeat(full)}${".".repeat(width - full)}]`;
}

/** Rows as lines of aligned columns; numbers are the caller's to format. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, at) => {
      widths[at] = Math.max(widths[at] ?? 0, cell.length);
    });
  }
  return rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at]))
      .join("  ")
      .trimEnd(),
  );
}
