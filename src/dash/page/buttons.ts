import type { Hello, Order, OrderAnswer } from "../message.ts";
import { byId, make, say } from "./element.ts";

/** The buttons: one for each command that there is, and the stop first of all. */
export class Buttons {
  readonly #buttons = new Map<string, HTMLButtonElement>();
  readonly #viewer: number;
  /** Of the server's clock: how new what the person sees is. */
  shownUs: number = Number.NEGATIVE_INFINITY;

  constructor(hello: Hello) {
    this.#viewer = hello.viewer;
    const place = byId("buttons");
    place.replaceChildren();
    for (const { name, help } of hello.commands) {
      const button = make("button", name, name[0]!.toUpperCase() + name.slice(1));
      button.type = "button";
      button.title = name === "stop" ? `${help} (space)` : help;
      button.addEventListener("click", () => void this.ask(name));
      this.#buttons.set(name, button);
      place.append(button);
    }
  }

  /** Lets be pressed what is permitted. Who sees nothing new may still stop. */
  permit(permitted: readonly string[], live: boolean): void {
    for (const [name, button] of this.#buttons) {
      button.disabled = name !== "stop" && !(live && permitted.includes(name));
    }
  }

  /** Asks the run for it and tells what came of it. */
  async ask(command: string): Promise<void> {
    const place = byId("answer");
    say(place, `${command} ...`);
    place.className = "answer";
    const order: Order = { command, shownUs: this.shownUs, viewer: this.#viewer };
    try {
      const body = JSON.stringify(order);
      const response = await fetch("order", { method: "POST", body, keepalive: true });
      const { ok, line } = (await response.json()) as OrderAnswer;
      say(place, `${command}: ${line}`);
      place.className = ok ? "answer" : "answer bad";
    } catch {
      say(place, `${command} did not reach the run. If the robot moves, cut its power.`);
      place.className = "answer bad";
    }
  }
}
