/** A space stops, wherever the focus is; else it would press what has the focus. */
export function stopOnSpace(stop: () => void): void {
  for (const kind of ["keydown", "keyup"] as const) {
    const take = (event: KeyboardEvent): void => {
      if (event.key !== " ") return;
      event.preventDefault();
      event.stopPropagation();
      if (kind === "keydown" && !event.repeat) stop();
    };
    addEventListener(kind, take, { capture: true });
  }
}
