import type { Hello, Order, OrderAnswer } from "../message.ts";
import { byId, make, say } from "./element.ts";

/** The buttons: one for each command that there is. The stop is there before there is a run. */
export class Buttons {
  readonly #buttons = new Map<string, HTMLButtonElement>();
  #viewer: number | undefined;
  /** Of the server's clock: how new what the person sees is. */
  shownUs: number = 0;

  constructor() {
    this.#add("stop", "stop at once; it latches");
  }

  /** Adds what the run knows beside the stop. */
  greet({ viewer, commands }: Hello): void {
    this.#viewer = viewer;
    for (const { name, help } of commands) {
      if (!this.#buttons.has(name)) this.#add(name, help);
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
    const viewer = this.#viewer === undefined ? {} : { viewer: this.#viewer };
    const order: Order = { command, shownUs: this.shownUs, ...viewer };
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

  #add(name: string, help: string): void {
    const button = make("button", name, name[0]!.toUpperCase() + name.slice(1));
    button.type = "button";
    button.title = name === "stop" ? `${help} (space)` : help;
    button.addEventListener("click", () => void this.ask(name));
    this.#buttons.set(name, button);
    byId("buttons").append(button);
  }
}
