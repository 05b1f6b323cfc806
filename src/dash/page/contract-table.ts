import type { Bounds, Hello, PageChannel } from "../message.ts";
import { make } from "./element.ts";

/** The policy's contract: its channels with their units and bounds, and what the gate permits. */
export function showContract(table: HTMLElement, hello: Hello): void {
  const { observation, action, limits, seen, periodUs } = hello;
  const head = make("tr");
  head.append(make("th", "", `every ${periodUs / 1000} ms`), make("th", "", "unit"));
  for (const word of ["low", "high", "gate"]) head.append(make("th", "number", word));
  table.replaceChildren(head);
  observation.forEach((channel, at) => {
    table.append(rowOf(channel, seen[at]!));
  });
  action.forEach((channel, at) => {
    table.append(rowOf(channel, limits[at]!));
  });
}

function rowOf({ name, unit, low, high }: PageChannel, within: Bounds | null): HTMLElement {
  const gate = within === null ? "-" : `${within.low} to ${within.high}`;
  const row = make("tr");
  row.append(make("th", "", name), make("td", "", unit));
  for (const word of [String(low ?? "-∞"), String(high ?? "∞"), gate]) {
    row.append(make("td", "number", word));
  }
  return row;
}
