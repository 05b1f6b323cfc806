/** A new element with a class and a text, either of which may be empty. */
export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  className: string = "",
  text: string = "",
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  if (className !== "") element.className = className;
  if (text !== "") element.textContent = text;
  return element;
}

/** The element of the page that has this id. */
export function byId(id: string): HTMLElement {
  return document.getElementById(id)!;
}

/** Sets the text where it is another: a screen reader says what is set. */
export function say(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Rows of a `dl`, of which only the values change later. */
export class Facts {
  readonly #list: HTMLElement;
  readonly #values = new Map<string, HTMLElement>();

  constructor(list: HTMLElement) {
    this.#list = list;
    list.replaceChildren();
  }

  /**
   * `whole`: what is shown to who points at it, where the value is cut short. What there is not,
   * null, has no row.
   */
  set(name: string, value: string | null, whole: string = ""): void {
    let cell = this.#values.get(name);
    if (cell === undefined) {
      cell = make("dd");
      this.#values.set(name, cell);
      const row = make("div");
      row.append(make("dt", "", name), cell);
      this.#list.append(row);
    }
    cell.parentElement!.hidden = value === null;
    say(cell, value ?? "");
    cell.title = whole;
  }
}
