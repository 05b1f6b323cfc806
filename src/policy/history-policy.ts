import { restOf, specWithoutHistory } from "../core/history.ts";
import type { Spec } from "../core/spec.ts";
import type { Contract } from "./contract.ts";
import type { Policy } from "./policy.ts";

/** The spec of the device that a policy of this contract drives: without its past actions. */
export function deviceSpecOf({ spec, actionHistory = 0 }: Contract): Spec {
  return actionHistory === 0 ? spec : specWithoutHistory(spec, actionHistory);
}

/** The policy as a device meets it: one that observes its own past actions remembers them. */
export function deployed(policy: Policy, { actionHistory = 0, actionRest }: Contract): Policy {
  if (actionHistory === 0) return policy;
  const rest = actionRest === undefined ? restOf(policy.spec) : Float32Array.from(actionRest);
  return new HistoryPolicy(policy, actionHistory, rest);
}

/**
 * A policy that observes its last `count` actions, fed as in training: what it asked for within its
 * limits, newest first, whatever became of it; `rest` for what was before it drove, and for what is
 * no number, which the gate lets nobody do. It takes what the device observes.
 */
export class HistoryPolicy implements Policy {
  readonly id: string;
  readonly spec: Spec;
  readonly #policy: Policy;
  readonly #rest: Float32Array;
  /** What the device observes, then the past actions. */
  readonly #seen: Float32Array;
  readonly #own: number;

  constructor(policy: Policy, count: number, rest: Float32Array = restOf(policy.spec)) {
    this.id = policy.id;
    this.spec = specWithoutHistory(policy.spec, count);
    this.#policy = policy;
    this.#rest = rest;
    this.#seen = new Float32Array(policy.spec.observation.length);
    this.#own = this.spec.observation.length;
    this.rest();
  }

  act(observation: Float32Array, action: Float32Array): void | Promise<void> {
    this.#seen.set(observation);
    const asked = this.#policy.act(this.#seen, action);
    if (asked !== undefined) return asked.then(() => this.#remember(action));
    this.#remember(action);
  }

  #remember(action: Float32Array): void {
    this.#seen.copyWithin(this.#own + action.length, this.#own);
    this.recall(action);
  }

  rest(): void {
    const width = this.#rest.length;
    for (let at = this.#own; at < this.#seen.length; at += width) this.#seen.set(this.#rest, at);
  }

  recall(action: Float32Array): void {
    for (let at = 0; at < action.length; at++) {
      const { low, high } = this.spec.action[at];
      const asked = Math.min(high, Math.max(low, action[at]));
      this.#seen[this.#own + at] = Number.isFinite(asked) ? asked : this.#rest[at];
    }
  }
}
