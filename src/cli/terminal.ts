/** Where a command writes: people's text goes to stderr when stdout carries JSON. */
export class Terminal {
  readonly #json: boolean;
  readonly #stream: NodeJS.WriteStream;
  #live = false;

  constructor(options: { readonly json: boolean }) {
    this.#json = options.json;
    this.#stream = options.json ? process.stderr : process.stdout;
  }

  /** One finished line. */
  line(text: string = ""): void {
    this.#clear();
    this.#stream.write(`${text}\n`);
  }

  /** The line that changes in place; where no one watches, it is not written. */
  live(text: string): void {
    if (!this.#stream.isTTY) return;
    const width = (this.#stream.columns ?? 80) - 1;
    this.#stream.write(`\r\x1b[2K${text.slice(0, width)}`);
    this.#live = true;
  }

  /** The result, as one JSON object on stdout, where `--json` asked for it. */
  result(value: unknown): void {
    this.#clear();
    if (this.#json) process.stdout.write(`${JSON.stringify(value)}\n`);
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
