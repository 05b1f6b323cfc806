import assert from "node:assert/strict";
import { Worker } from "node:worker_threads";
import { SinewError } from "../core/errors.ts";
import type { Task } from "../sim/env.ts";
import { type Chunk, type Driver, Rollout } from "./rollout.ts";
import type { RolloutAnswer, RolloutRequest, RolloutWork } from "./rollout-worker.ts";
import type { TrainSettings } from "./settings.ts";

/** Something that drives worlds when it is asked to. */
interface Crew {
  collect(request: RolloutRequest): Promise<Chunk>;
  close(): Promise<void>;
}

/**
 * All the worlds of a run, in this thread or in others. What was asked for is driven at once where
 * there are threads, and what comes back is handed over in the threads' order.
 */
export class Rollouts {
  readonly #crews: readonly Crew[];
  readonly #pending: (Promise<Chunk> | null)[];

  /** `settings.workers` threads, or none. */
  constructor(task: Task, settings: TrainSettings) {
    const count = Math.max(1, settings.workers);
    this.#crews = Array.from({ length: count }, (_, worker) =>
      settings.workers === 0
        ? new CrewHere(new Rollout(task, settings, worker))
        : new CrewInThread({ settings, worker }),
    );
    this.#pending = this.#crews.map(() => null);
  }

  /** Asks every crew that has nothing to do for `steps` steps of each of its worlds. */
  ask(driver: Driver, steps: number, epoch: number): void {
    for (const [at, crew] of this.#crews.entries()) {
      if (this.#pending[at] !== null) continue;
      const chunk = crew.collect({ driver, steps, epoch });
      // Whoever takes it sees the failure; until then it must not count as lost.
      chunk.catch(() => {});
      this.#pending[at] = chunk;
    }
  }

  /** Whether there is something to take. */
  get busy(): boolean {
    return this.#pending.some((chunk) => chunk !== null);
  }

  /** What was asked for of all crews, in their order. Throws what a world threw. */
  async takeAll(): Promise<Chunk[]> {
    const chunks: Chunk[] = [];
    for (const at of this.#pending.keys()) {
      const chunk = this.#pending[at];
      assert(chunk !== null);
      chunks.push(await chunk);
      this.#pending[at] = null;
    }
    return chunks;
  }

  /** What is there first. Throws what a world threw. */
  async takeFirst(): Promise<Chunk> {
    const under = [...this.#pending.entries()].filter(([, chunk]) => chunk !== null);
    const first = await Promise.race(
      under.map(async ([at, chunk]) => {
        await chunk;
        return at;
      }),
    );
    const chunk = await this.#pending[first]!;
    this.#pending[first] = null;
    return chunk;
  }

  async close(): Promise<void> {
    await Promise.all(this.#crews.map((crew) => crew.close()));
  }
}

class CrewHere implements Crew {
  readonly #rollout: Rollout;

  constructor(rollout: Rollout) {
    this.#rollout = rollout;
  }

  async collect({ driver, steps, epoch }: RolloutRequest): Promise<Chunk> {
    if (epoch >= 0) this.#rollout.restart(epoch);
    return this.#rollout.collect(driver, steps);
  }

  async close(): Promise<void> {}
}

class CrewInThread implements Crew {
  readonly #worker: Worker;

  constructor(work: RolloutWork) {
    this.#worker = new Worker(new URL("./rollout-worker.js", import.meta.url), {
      workerData: work,
    });
    this.#worker.setMaxListeners(0);
  }

  collect(request: RolloutRequest): Promise<Chunk> {
    return new Promise((resolve, reject) => {
      const ended = (): void => reject(new SinewError("environment", "a rollout thread ended"));
      const failed = (error: Error): void => {
        reject(new SinewError("environment", error.message, { cause: error }));
      };
      this.#worker.once("error", failed);
      this.#worker.once("exit", ended);
      this.#worker.once("message", (answer: RolloutAnswer) => {
        this.#worker.off("error", failed);
        this.#worker.off("exit", ended);
        if ("chunk" in answer) resolve(answer.chunk);
        else reject(new SinewError(answer.failed.code, answer.failed.message));
      });
      this.#worker.postMessage(request);
    });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
