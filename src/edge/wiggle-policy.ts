import { restOf } from "../core/history.ts";
import type { Spec } from "../core/spec.ts";
import type { Driver } from "../policy/driver.ts";
import { readPolicyFile } from "../policy/file.ts";
import { deviceSpecOf } from "../policy/history-policy.ts";
import type { Policy } from "../policy/policy.ts";
import type { WiggleChoice } from "./wiggle.ts";
import { WiggleWatch } from "./wiggle-watch.ts";

/** A log names it as what drove; its number goes up where its bits change. */
export const wiggleRunner = "wiggle 1";

/**
 * Asks for a wiggle in the place of a policy. It begins anew from where everything stands whenever
 * nothing was driven before. An effort pushes one way only and lets go. Throws nothing and
 * allocates nothing in a cycle.
 */
export class WigglePolicy implements Policy {
  readonly id: string;
  readonly spec: Spec;
  readonly #choice: WiggleChoice;
  readonly #from: Float32Array;
  readonly #rest: Float32Array;
  readonly #watch: WiggleWatch;
  readonly #cyclesMax: number;
  /** The part of these after which nothing is asked for any more. */
  readonly #turnMax: number;
  #cycle = 0;
  #way = 1;

  constructor(id: string, spec: Spec, choice: WiggleChoice) {
    this.id = id;
    this.spec = spec;
    this.#choice = choice;
    this.#rest = restOf(spec);
    this.#from = restOf(spec);
    this.#watch = new WiggleWatch(choice, spec.periodUs);
    this.#cyclesMax = Math.round((choice.seconds * 1e6) / spec.periodUs);
    this.#turnMax = choice.kind === "effort" ? 0.5 : 1;
  }

  act(observation: Float32Array, action: Float32Array): void {
    if (this.#cycle === 0) this.#begin(observation);
    action.set(this.#from);
    const { at, kind, amplitude } = this.#choice;
    const turn = Math.min(1, this.#cycle / this.#cyclesMax);
    const angle = 2 * Math.PI * turn;
    const share = kind === "place" ? (1 - Math.cos(angle)) / 2 : Math.sin(angle);
    const asked = turn < this.#turnMax ? this.#way * amplitude * share : 0;
    action[at] += kind === "place" ? asked : this.#watch.permit(asked, observation);
    this.#cycle++;
  }

  rest(): void {
    this.#cycle = 0;
  }

  #begin(observation: Float32Array): void {
    const { way, high, placesAt, feedbackAt } = this.#choice;
    for (let i = 0; i < placesAt.length; i++) {
      this.#from[i] = placesAt[i] < 0 ? this.#rest[i] : observation[placesAt[i]];
    }
    // Where there is no room on the one side, there is on the other.
    this.#way = observation[feedbackAt] + way > high ? -1 : 1;
    this.#watch.begin(observation);
  }
}

/** What computes a wiggle in the control thread, with the contract of the policy file `bytes`. */
export function wiggleDriver(bytes: Uint8Array, choice: WiggleChoice): Driver {
  const { id, contract } = readPolicyFile(bytes);
  return {
    ...{ id, contract, runner: wiggleRunner, proofError: 0 },
    policy: new WigglePolicy(id, deviceSpecOf(contract), choice),
    close: () => Promise.resolve(),
  };
}
