import { edgesUs, type State, type Times } from "../message.ts";
import { make, say } from "./element.ts";
import type { Palette } from "./palette.ts";
import { Sheet } from "./sheet.ts";
import { timeWord } from "./words.ts";

const names: Readonly<Record<keyof NonNullable<State["times"]>, string>> = {
  lateness: "lateness",
  read: "read",
  decide: "decide",
  guard: "guard",
  write: "write",
  log: "log",
  total: "whole cycle",
  age: "age of the observation",
  roundTrip: "round trip",
};
const marksUs = [1, 10, 100, 1e3, 1e4, 1e5, 1e6];

interface Row {
  readonly sheet: Sheet;
  readonly cells: readonly HTMLElement[];
}

/** How long things took: one line of bars each, on one axis from 1 us to 1 s. */
export class Timing {
  readonly #periodUs: number;
  readonly #rows = new Map<string, Row>();

  constructor(table: HTMLElement, periodUs: number) {
    this.#periodUs = periodUs;
    const head = make("tr");
    head.append(make("td"), make("th", "axis", "1 us to 1 s, each line a power of ten"));
    for (const word of ["p50", "p99", "p99.9", "max"]) head.append(make("th", "", word));
    table.replaceChildren(head);
    for (const [key, name] of Object.entries(names)) {
      const row = make("tr");
      const canvas = make("canvas");
      canvas.role = "img";
      canvas.ariaLabel = name;
      const bars = make("td", "bars");
      bars.append(canvas);
      const cells = [make("td"), make("td"), make("td"), make("td")];
      row.append(make("th", "", name), bars, ...cells);
      table.append(row);
      this.#rows.set(key, { sheet: new Sheet(canvas), cells });
    }
  }

  draw(times: NonNullable<State["times"]>, palette: Palette): void {
    for (const [key, one] of Object.entries(times)) {
      const { sheet, cells } = this.#rows.get(key)!;
      const told = [one.p50, one.p99, one.p999, one.max];
      cells.forEach((cell, at) => {
        say(cell, one.count === 0 ? "-" : timeWord(told[at]!));
      });
      sheet.canvas.ariaLabel = `${names[key as keyof typeof names]}: ${one.count} measured`;
      this.#drawBars(sheet, palette, one);
    }
  }

  #drawBars(sheet: Sheet, palette: Palette, { counts }: Times): void {
    const pen = sheet.clear();
    if (pen === null) return;
    const { width, height } = sheet;
    const x = (us: number): number => (Math.log(us) / Math.log(edgesUs.at(-1)!)) * (width - 1);
    pen.fillStyle = palette.edge;
    for (const us of marksUs) pen.fillRect(Math.round(x(us)), 0, 1, height);
    const most = Math.max(...counts);
    pen.fillStyle = palette.accent;
    counts.forEach((count, at) => {
      if (count === 0) return;
      // By the square root: what is rare and late is what one looks for.
      const tall = Math.max(2, Math.sqrt(count / most) * (height - 1));
      const from = x(edgesUs[at]!);
      pen.fillRect(from, height - tall, Math.max(1, x(edgesUs[at + 1]!) - from - 1), tall);
    });
    pen.fillStyle = palette.asked;
    pen.fillRect(Math.round(x(this.#periodUs)), 0, 1.5, height);
  }
}
