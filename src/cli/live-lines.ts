/**
 * Several lines at the end of the output that change in place. Where no one watches, they are not
 * written, only the finished ones.
 */
export class LiveLines {
  readonly #stream: NodeJS.WriteStream;
  #shown = 0;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  /** One finished line, above those that change. */
  line(text: string): void {
    this.paint([]);
    this.#stream.write(`${text}\n`);
  }

  /** Shows these lines in the place of those before, as many as there is room for. */
  paint(lines: readonly string[]): void {
    if (!this.#stream.isTTY) return;
    const { columns = 80, rows = 24 } = this.#stream;
    const back = this.#shown > 0 ? `\x1b[${this.#shown}A\r\x1b[J` : "";
    const shown = lines.slice(0, Math.max(1, rows - 1));
    this.#stream.write(back + shown.map((line) => `${line.slice(0, columns - 1)}\n`).join(""));
    this.#shown = shown.length;
  }
}
