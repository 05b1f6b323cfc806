import type { ActBatch } from "../../src/learn/evaluate.ts";

/** Writes the physical action for one observation to `action`. */
export type Act = (observation: Float32Array, action: Float32Array) => void;

/** A controller written by hand: a few gains, and what it does with them. */
export interface Controller {
  /** In a few words, for the table. */
  readonly name: string;
  /** What each gain is, with its unit; the order of every list of gains. */
  readonly gainNames: readonly string[];
  /** What the search starts from; none of them 0, as it changes them by shares. */
  readonly guess: readonly number[];
  /** What the search found, and what is judged. */
  readonly gains: readonly number[];
  /** One episode's controller: it may remember what it has seen in that episode. */
  begin(gains: readonly number[]): Act;
}

/** The controllers of `count` episodes side by side, as `evaluate` asks for them. */
export function batchOf(begin: () => Act, count: number, actions: number): ActBatch {
  const acts = Array.from({ length: count }, begin);
  const answers = new Float32Array(count * actions);
  return async (observations, lanes) => {
    const width = observations.length / lanes;
    for (const [lane, act] of acts.entries()) {
      const observation = observations.subarray(lane * width, (lane + 1) * width);
      act(observation, answers.subarray(lane * actions, (lane + 1) * actions));
    }
    return answers;
  };
}

export function clip(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}
