import { changeWords } from "../../edge/policy-record.ts";
import type { LogEvent } from "../../log/event.ts";
import { make } from "./element.ts";

/** Who asked for what, what came of it, and each change of mode; newest first. */
export class History {
  readonly #list: HTMLElement;
  #shown = "";

  constructor(list: HTMLElement) {
    this.#list = list;
  }

  draw(events: readonly LogEvent[], startUs: number): void {
    const key = `${events.length} ${events.at(-1)?.timeUs}`;
    if (key === this.#shown) return;
    this.#shown = key;
    const lines = events
      .filter(({ kind }) => kind !== "command")
      .map((event) => lineOf(event, startUs))
      .reverse();
    const none = make("li", "soft", "nothing so far");
    this.#list.replaceChildren(...(lines.length === 0 ? [none] : lines));
  }
}

function lineOf(event: LogEvent, startUs: number): HTMLElement {
  const line = make("li");
  const seconds = Math.max(0, (event.timeUs - startUs) / 1e6).toFixed(2);
  line.append(make("time", "", `${seconds} s`));
  if (event.kind === "transition") {
    const { from, happening, to, reason } = event;
    line.append(make("strong", "", `${from} → ${to}`));
    line.append(make("span", "soft", `${happening}${reason === "" ? "" : `: ${reason}`}`));
  } else if (event.kind === "policy") {
    line.append(make("strong", "", changeWords(event)));
    const beside = event.beside === null ? "" : `, beside it ${event.beside.slice(0, 8)}`;
    line.append(make("span", "soft", `${event.drives.slice(0, 8)} drives${beside}`));
  } else {
    line.append(make("strong", "", event.command));
    const came = event.kind === "answer" ? `: ${event.line}` : "";
    line.append(make("span", "soft", `by ${event.source}${came}`));
  }
  return line;
}
