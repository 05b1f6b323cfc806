import { existsSync } from "node:fs";
import { extname, resolve } from "node:path";
import { features } from "node:process";
import { pathToFileURL } from "node:url";
import { messageOf, SinewError } from "../core/errors.ts";
import { Rng } from "../core/rng.ts";
import { checkSpec, type Spec } from "../core/spec.ts";
import type { Finding } from "./check.ts";
import type { Env, Outcome, Task } from "./env.ts";
import type { Shape } from "./scene.ts";
import { exportFindings, faultOfWorld } from "./user-exports.ts";

/** A world of a user's file. Time limits, seeds and the spec are ours to keep. */
export interface UserWorld {
  /** Numbers by name that `reset` reads and nothing else does, so that they may be varied. */
  readonly parameters?: Record<string, number>;
  /** Starts an episode and writes the first observation; `rng` is the only chance there is. */
  reset(rng: Rng, observation: Float32Array): void;
  /** Holds `action`, in physical units, for one period and writes the observation after it. */
  step(
    action: Float32Array,
    observation: Float32Array,
  ): { readonly reward: number; readonly terminated: boolean };
  scene?(): readonly Shape[];
  save?(): Float64Array;
  restore?(state: Float64Array): void;
}

/** What a user's file exports. */
export interface UserModule {
  readonly spec: Spec;
  readonly episodeStepsMax: number;
  makeWorld(): UserWorld;
  /** The reward of a logged step, for retraining; as in `Task`. */
  reward?(observation: Float32Array, action: Float32Array, next: Float32Array): number;
  /** Evaluation episodes; 20 and 100 unless told. */
  readonly selectionStarts?: number;
  readonly judgedStarts?: number;
  readonly solvedReturn?: number;
  readonly mirror?: Task["mirror"];
  readonly relabel?: Task["relabel"];
}

/** Whether a task's name is a file's: `./my-env.js`. */
export function isUserEnv(name: string): boolean {
  return /\.(js|mjs|ts|mts)$/.test(name);
}

/**
 * The task that a user's file defines; its name is the path as given. Throws
 * `SinewError("environment")` where the file cannot be loaded, lacks an export or has a wrong one,
 * and `SinewError("spec")` where its spec cannot be. `makeEnv` throws the former where the world
 * that the file makes is none.
 */
export async function openUserTask(path: string): Promise<Task> {
  const module = checked(path, await loaded(path));
  const wrong = exportFindings(module, module.spec).find(({ problem }) => problem !== null);
  if (wrong !== undefined) throw refusal(path, `exports a wrong "${wrong.name}": ${wrong.problem}`);
  const { spec, episodeStepsMax, selectionStarts = 20, judgedStarts = 100 } = module;
  const { reward, solvedReturn, mirror, relabel } = module;
  return {
    name: path,
    spec,
    episodeStepsMax,
    selectionStarts,
    judgedStarts,
    ...(solvedReturn !== undefined && { solvedReturn }),
    ...(mirror !== undefined && { mirror }),
    ...(relabel !== undefined && { relabel }),
    makeEnv: () => new UserEnv(path, module),
    reward(observation, action, next) {
      if (reward !== undefined) return reward(observation, action, next);
      throw refusal(path, 'exports no function "reward", which judges logged steps');
    },
  };
}

/**
 * What a user's file exports beside what it must, each looked at by itself. Throws as
 * `openUserTask` does where it lacks what it must export.
 */
export async function checkUserExports(path: string): Promise<Finding[]> {
  const module = checked(path, await loaded(path));
  return exportFindings(module, module.spec);
}

async function loaded(path: string): Promise<unknown> {
  const file = resolve(path);
  if (!existsSync(file)) throw refusal(path, "is not there");
  const typed = /\.m?ts$/.test(extname(file));
  if (typed && !("typescript" in features && features.typescript)) {
    throw refusal(
      path,
      `is TypeScript, which Node ${process.versions.node} does not load: use .js`,
    );
  }
  try {
    return await import(pathToFileURL(file).href);
  } catch (thrown) {
    throw new SinewError("environment", `${path} does not load: ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
}

function checked(path: string, module: unknown): UserModule {
  const { spec, episodeStepsMax, makeWorld } = module as Partial<UserModule>;
  if (
    typeof spec !== "object" ||
    !Array.isArray(spec?.observation) ||
    !Array.isArray(spec.action)
  ) {
    throw refusal(path, 'exports no "spec" with the lists "observation" and "action"');
  }
  checkSpec(spec);
  if (!Number.isInteger(episodeStepsMax) || Number(episodeStepsMax) < 1) {
    throw refusal(path, 'exports no "episodeStepsMax", a whole number of steps from 1');
  }
  if (typeof makeWorld !== "function") throw refusal(path, 'exports no function "makeWorld"');
  return module as UserModule;
}

/**
 * A user's world behind the interface that all worlds have: it keeps the time limit. Its methods
 * throw `SinewError("environment")` where the user's do, or give what is no step.
 */
class UserEnv implements Env {
  readonly spec: Spec;
  readonly parameters?: Record<string, number>;
  readonly scene?: () => readonly Shape[];
  readonly save?: () => Float64Array;
  readonly restore?: (state: Float64Array) => void;
  readonly #path: string;
  readonly #world: UserWorld;
  readonly #stepsMax: number;
  #steps = 0;

  constructor(path: string, { spec, episodeStepsMax, makeWorld }: UserModule) {
    this.spec = spec;
    this.#path = path;
    this.#stepsMax = episodeStepsMax;
    const world = this.#call("makeWorld", makeWorld);
    const fault = faultOfWorld(world);
    if (fault !== null) throw refusal(path, `makes a world that cannot be driven: ${fault}`);
    this.#world = world;
    if (world.parameters !== undefined) this.parameters = world.parameters;
    if (world.scene !== undefined) this.scene = () => this.#call("scene", () => world.scene!());
    if (world.save === undefined || world.restore === undefined) return;
    this.save = () => Float64Array.of(this.#steps, ...this.#call("save", () => world.save!()));
    this.restore = (state) => {
      this.#steps = state[0];
      this.#call("restore", () => world.restore!(state.slice(1)));
    };
  }

  reset(seed: number, observation: Float32Array): void {
    this.#steps = 0;
    // What is not written must not pass for what was observed before.
    observation.fill(Number.NaN);
    this.#call("reset", () => this.#world.reset(new Rng(seed), observation));
  }

  step(action: Float32Array, observation: Float32Array): Outcome {
    observation.fill(Number.NaN);
    const outcome = this.#call("step", () => this.#world.step(action, observation));
    if (typeof outcome?.reward !== "number" || typeof outcome.terminated !== "boolean") {
      throw refusal(this.#path, 'returned from step no number "reward" and boolean "terminated"');
    }
    const { reward, terminated } = outcome;
    this.#steps++;
    return { reward, terminated, truncated: !terminated && this.#steps >= this.#stepsMax };
  }

  #call<T>(name: string, call: () => T): T {
    try {
      return call();
    } catch (thrown) {
      const { length } = this.spec.observation;
      // What setting too many numbers of a Float32Array throws tells nobody so.
      const hint = thrown instanceof RangeError ? ` (an observation is ${length} numbers)` : "";
      const why = `${this.#path} threw in ${name}: ${messageOf(thrown)}${hint}`;
      throw new SinewError("environment", why, { cause: thrown });
    }
  }
}

function refusal(path: string, why: string): SinewError {
  return new SinewError("environment", `${path} ${why}`);
}
