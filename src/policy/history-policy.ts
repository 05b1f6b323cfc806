import { restOf, specWithoutHistory } from "../core/history.ts";
import type { Spec } from "../core/spec.ts";
import { allFinite } from "../core/step.ts";
import type { Contract } from "./contract.ts";
import type { Policy } from "./policy.ts";

/** The spec of the device that a policy of this contract drives: without its past. */
export function deviceSpecOf({ spec, actionHistory = 0, observationHistory = 0 }: Contract): Spec {
  if (actionHistory === 0 && observationHistory === 0) return spec;
  return specWithoutHistory(spec, actionHistory, observationHistory);
}

/** The policy as a device meets it: one that observes its own past remembers it. */
export function deployed(policy: Policy, contract: Contract): Policy {
  const { actionHistory = 0, actionRest, observationHistory = 0 } = contract;
  if (actionHistory === 0 && observationHistory === 0) return policy;
  const rest = actionRest === undefined ? restOf(policy.spec) : Float32Array.from(actionRest);
  return new HistoryPolicy(policy, actionHistory, rest, observationHistory);
}

/**
 * A policy that observes its past, fed as in training, newest first; it takes what the device
 * observes. Its last `actions` actions are what it asked for within its limits, whatever became of
 * it; `rest` for what was before it drove, and for what is no number, which the gate lets nobody
 * do. Its last `observations` observations are those that it was asked with; the first one for what
 * was before it. One with a number that is none is shown as it is, and then not remembered.
 */
export class HistoryPolicy implements Policy {
  readonly id: string;
  readonly spec: Spec;
  readonly #policy: Policy;
  readonly #rest: Float32Array;
  /** What the device observes, then past observations, then past actions. */
  readonly #seen: Float32Array;
  readonly #own: number;
  /** Where the past actions begin. */
  readonly #askedAt: number;
  /** There is no past: what is observed now was always so. */
  #fresh = true;
  /** What stands in front is to be remembered. */
  #sound = false;

  constructor(
    policy: Policy,
    actions: number,
    rest: Float32Array = restOf(policy.spec),
    observations: number = 0,
  ) {
    this.id = policy.id;
    this.spec = specWithoutHistory(policy.spec, actions, observations);
    this.#policy = policy;
    this.#rest = rest;
    this.#seen = new Float32Array(policy.spec.observation.length);
    this.#own = this.spec.observation.length;
    this.#askedAt = this.#own * (1 + observations);
    this.rest();
  }

  act(observation: Float32Array, action: Float32Array): void | Promise<void> {
    this.#see(observation);
    const asked = this.#policy.act(this.#seen, action);
    if (asked !== undefined) return asked.then(() => this.#remember(action));
    this.#remember(action);
  }

  #see(observation: Float32Array): void {
    const own = this.#own;
    if (this.#sound) this.#seen.copyWithin(own, 0, this.#askedAt - own);
    this.#sound = allFinite(observation);
    this.#seen.set(observation);
    if (!this.#fresh) return;
    for (let at = own; at < this.#askedAt; at += own) this.#seen.set(observation, at);
    this.#fresh = !this.#sound;
  }

  #remember(action: Float32Array): void {
    this.#seen.copyWithin(this.#askedAt + action.length, this.#askedAt);
    this.recall(action);
  }

  rest(): void {
    this.#fresh = true;
    const width = this.#rest.length;
    for (let at = this.#askedAt; at < this.#seen.length; at += width) {
      this.#seen.set(this.#rest, at);
    }
  }

  recall(action: Float32Array): void {
    // Where none is remembered there is nothing to mend.
    if (this.#askedAt === this.#seen.length) return;
    for (let at = 0; at < action.length; at++) {
      const { low, high } = this.spec.action[at];
      const asked = Math.min(high, Math.max(low, action[at]));
      this.#seen[this.#askedAt + at] = Number.isFinite(asked) ? asked : this.#rest[at];
    }
  }
}
