import { Mode, nameOfMode } from "../../core/step.ts";
import type { TransitionEvent } from "../../log/event.ts";
import { Happening, modeTable, nameOfHappening } from "../../safety/supervisor.ts";
import { make } from "./element.ts";

/** The supervisor's table: the row of the mode it is in, and the cell that led there. */
export class ModeTable {
  readonly #rows = new Map<string, HTMLElement>();
  readonly #cells = new Map<string, HTMLElement>();
  #last: HTMLElement | undefined;

  constructor(table: HTMLElement) {
    const head = make("tr");
    head.append(make("td"));
    for (const happening of Object.values(Happening)) {
      head.append(make("th", "", nameOfHappening(happening)));
    }
    table.replaceChildren(head);
    for (const mode of Object.values(Mode)) {
      const from = nameOfMode(mode);
      const row = make("tr");
      row.append(make("th", "", from));
      for (const happening of Object.values(Happening)) {
        const to = modeTable[mode]![happening]!;
        const cell = make("td", "", to < 0 ? "-" : nameOfMode(to as Mode));
        this.#cells.set(`${from} ${nameOfHappening(happening)}`, cell);
        row.append(cell);
      }
      this.#rows.set(from, row);
      table.append(row);
    }
  }

  show(mode: Mode): void {
    for (const [name, row] of this.#rows) row.classList.toggle("now", name === nameOfMode(mode));
  }

  mark({ from, happening }: TransitionEvent): void {
    this.#last?.classList.remove("last");
    this.#last = this.#cells.get(`${from} ${happening}`);
    this.#last?.classList.add("last");
  }
}
