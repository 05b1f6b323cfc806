import type { Losses, StepMetrics } from "./losses.ts";

/**
 * Rounds in a row that Q must be wrong before it is said: as long as it takes Q to forget what an
 * untrained critic or an older scale of the rewards has left of it, within these limits.
 */
const qPatience = { least: 200, most: 20_000 };

/** Share of the range of possible values by which Q may be beyond it. */
const slack = 1e-3;

/** Share of the actor's outputs at an end of their range that counts as all of them. */
const saturationMax = 0.98;

/**
 * Gradient steps in a row that they must be there before it is said: an actor that a young critic
 * has driven there comes back by itself in the first few thousand.
 */
const saturationPatience = 5000;

/**
 * Watches for what cannot be and for what does not mend itself: a mean Q that no sum of rewards
 * could reach, and an actor whose outputs are all at an end of their range. Each is said once.
 */
export class Alarms {
  readonly #gamma: number;
  readonly #patience: number;
  #beyond = 0;
  #saturated = 0;
  #said: readonly string[] = [];

  constructor({
    gamma,
    tau,
    targetEvery,
  }: Pick<Losses, "tau" | "targetEvery"> & { readonly gamma: number }) {
    this.#gamma = gamma;
    // Q follows its targets at once, and they follow it by tau of what the discount leaves.
    const forgetting = targetEvery / (tau * (1 - gamma));
    this.#patience = Math.min(qPatience.most, Math.max(qPatience.least, Math.round(forgetting)));
  }

  /** What has been said, one line each. */
  get said(): readonly string[] {
    return this.#said;
  }

  /** All state, so that a checkpoint can hold it. */
  save(): { beyond: number; saturated: number; said: readonly string[] } {
    return { beyond: this.#beyond, saturated: this.#saturated, said: this.#said };
  }

  restore({ beyond, saturated, said }: ReturnType<Alarms["save"]>): void {
    this.#beyond = beyond;
    this.#saturated = saturated;
    this.#said = said;
  }

  /**
   * What to say of these rounds; null: nothing. `rewards` are the least and the greatest that the
   * environment gave, of which the critic saw `rewardScale` times as much.
   */
  check(
    metrics: StepMetrics,
    rewards: { readonly lowest: number; readonly highest: number },
    rewardScale: number,
  ): string | null {
    const alarm = this.#look(metrics, rewards, rewardScale);
    if (alarm !== null) this.#said = [...this.#said, alarm];
    return alarm;
  }

  #look(
    { q, saturation }: StepMetrics,
    rewards: { readonly lowest: number; readonly highest: number },
    rewardScale: number,
  ): string | null {
    const horizon = rewardScale / Math.max(1e-6, 1 - this.#gamma);
    const [low, high] = [rewards.lowest * horizon, rewards.highest * horizon];
    const room = slack * (high - low);
    for (let k = 0; k < q.length; k++) {
      const within = q[k] >= low - room && q[k] <= high + room;
      // Once it is said, it counts on and never comes to be said again.
      this.#beyond = within && this.#beyond < this.#patience ? 0 : this.#beyond + 1;
      if (this.#beyond === this.#patience) {
        return (
          `Q is ${q[k].toFixed(2)} on average, but rewards so far allow ${low.toFixed(2)} to ` +
          `${high.toFixed(2)}: the critic is wrong; try --twin, --critic-norm layer, a smaller rate`
        );
      }
      const free = saturation[k] < saturationMax && this.#saturated < saturationPatience;
      this.#saturated = free ? 0 : this.#saturated + 1;
      if (this.#saturated === saturationPatience) {
        const share = (100 * saturation[k]).toFixed(0);
        return (
          `${share} % of the actor's outputs are at an end of their range, where it no longer ` +
          "learns: try --action-penalty 0.01, --observation-norm running, a smaller rate"
        );
      }
    }
    return null;
  }
}
