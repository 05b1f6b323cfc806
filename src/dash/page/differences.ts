import type { Spec } from "../../core/spec.ts";
import { isDriving, namesOfReasons, type Step, Verdict } from "../../core/step.ts";
import { make } from "./element.ts";
import { numberWord, spaced } from "./words.ts";

const linesShown = 12;
/** What comes again within this is the same. */
const sameWithinUs = 300_000;

/** A stretch of cycles in which the gate did not pass on what the policy asked for. */
interface Difference {
  readonly startUs: number;
  readonly refused: boolean;
  endUs: number;
  /** Of all its cycles. */
  reasons: number;
  cycles: number;
  /** Where asked and permitted lay furthest apart, as a share of the channel's range. */
  share: number;
  words: string;
}

/** Tells each difference between what was asked for and what was sent, with its reasons. */
export class Differences {
  readonly #list: HTMLElement;
  readonly #spec: Spec;
  readonly #startUs: number;
  readonly #found: Difference[] = [];
  #changed = true;

  constructor(list: HTMLElement, spec: Spec, startUs: number) {
    this.#list = list;
    this.#spec = spec;
    this.#startUs = startUs;
  }

  push(step: Step): void {
    if (!isDriving(step.mode) || step.verdict === Verdict.pass) return;
    const last = this.#found.at(-1);
    const { reasons, timeUs } = step;
    const refused = step.verdict === Verdict.refused;
    const one: Difference =
      last?.refused === refused && timeUs - last.endUs < sameWithinUs
        ? last
        : { startUs: timeUs, endUs: timeUs, reasons: 0, refused, cycles: 0, share: -1, words: "" };
    one.endUs = timeUs;
    one.reasons |= reasons;
    one.cycles++;
    this.#measure(one, step);
    if (one !== last) this.#found.push(one);
    if (this.#found.length > linesShown) this.#found.shift();
    this.#changed = true;
  }

  draw(): void {
    if (!this.#changed) return;
    this.#changed = false;
    const lines = this.#found.map((one) => this.#lineOf(one)).reverse();
    const none = make("li", "soft", "nowhere since this page was opened");
    this.#list.replaceChildren(...(lines.length === 0 ? [none] : lines));
  }

  #measure(one: Difference, step: Step): void {
    this.#spec.action.forEach(({ name, unit, low, high }, at) => {
      const [asked, given] = [step.proposed[at]!, step.action[at]!];
      const apart = Number.isFinite(asked) ? Math.abs(asked - given) / (high - low) : 1e9;
      if (apart <= one.share || (apart === 0 && !one.refused)) return;
      one.share = apart;
      const sent = one.refused ? "nothing sent" : `sent ${numberWord(given, high - low)} ${unit}`;
      one.words = `${name} asked ${numberWord(asked, high - low)}, ${sent}`;
    });
  }

  #lineOf({ startUs, refused, reasons, cycles, words }: Difference): HTMLElement {
    const line = make("li", refused ? "bad" : "");
    const seconds = ((startUs - this.#startUs) / 1e6).toFixed(2);
    const why = namesOfReasons(reasons).map(spaced).join(", ");
    const times = cycles === 1 ? "" : ` (${cycles} cycles)`;
    const verdict = refused ? "refused" : "limited";
    line.append(make("time", "", `${seconds} s`), make("strong", "", `${verdict}: ${why}${times}`));
    line.append(make("span", "soft", words));
    return line;
  }
}
