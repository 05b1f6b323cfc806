import type { PageChannel } from "../message.ts";
import { make, say } from "./element.ts";
import type { Palette } from "./palette.ts";
import { Plot, type PlotOptions } from "./plot.ts";
import type { Traces } from "./traces.ts";
import { numberWord } from "./words.ts";

/** One channel: its name, its newest values and its last seconds. */
export class ChannelCard {
  readonly element: HTMLElement = make("article", "card");
  readonly #channel: PageChannel;
  readonly #canvas: HTMLCanvasElement = make("canvas");
  readonly #plot: Plot;
  readonly #options: PlotOptions;
  readonly #values: HTMLElement[];
  #seen = false;

  constructor(channel: PageChannel, options: PlotOptions, labels: readonly string[]) {
    this.#channel = channel;
    this.#options = options;
    this.#plot = new Plot(this.#canvas, options);
    const head = make("h3", "", channel.name);
    head.append(make("span", "unit", channel.unit === "1" ? "" : channel.unit));
    this.#values = options.curves.map(({ colour }) => make("output", colour));
    const values = make("p", "values");
    this.#values.forEach((value, at) => {
      value.title = labels[at]!;
      values.append(value);
    });
    const title = make("div", "title");
    title.append(head, values);
    this.#canvas.role = "img";
    this.#canvas.ariaLabel = channel.name;
    this.element.append(title, this.#canvas);
    new IntersectionObserver(([entry]) => {
      this.#seen = entry!.isIntersecting;
    }).observe(this.#canvas);
  }

  /** Draws it again, where it can be seen. */
  draw(traces: Traces, palette: Palette, nowUs: number, windowUs: number): void {
    if (!this.#seen || traces.count === 0) return;
    const at = traces.place(traces.count - 1);
    const words = this.#options.curves.map(({ values }) => {
      const value = values[at]!;
      return Number.isNaN(value) ? "-" : numberWord(value, this.#options.wide);
    });
    words.forEach((word, index) => {
      say(this.#values[index]!, word);
    });
    const { name, unit } = this.#channel;
    this.#canvas.ariaLabel = `${name}: ${words.join(", ")} ${unit}`;
    this.#plot.draw(traces, palette, nowUs, windowUs);
  }
}
