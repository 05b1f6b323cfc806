// Each operation, on whatever engine is opened.
import assert from "node:assert/strict";
import { Rng } from "../../src/core/rng.ts";
import { gradientStep } from "../../src/learn/gradient-step.ts";
import type { Losses } from "../../src/learn/losses.ts";
import type { Clause } from "./engine-contract.ts";
import { assertNear, type Case, inDoubles } from "./kernel-case.ts";
import { broadcasts, elementwiseCase, piecesCase, productCase } from "./op-cases.ts";
import { type OpenEngine, plainLosses } from "./problem.ts";

const seed = 20261130;

const elementwise = (): Case[] => {
  const rng = new Rng(seed, 1);
  return [...broadcasts(7, 5), ...broadcasts(1, 33)].map((sizes) => elementwiseCase(rng, sizes));
};
const products = (): Case[] => {
  const rng = new Rng(seed, 2);
  return [false, true].flatMap((flips) => [
    productCase(rng, 1, 1, 1, flips),
    productCase(rng, 5, 7, 33, flips),
    productCase(rng, 17, 3, 9, flips),
  ]);
};
const pieces = (): Case[] => {
  const rng = new Rng(seed, 3);
  return [
    [1, 1],
    [9, 5],
    [33, 17],
    [12, 1],
  ].map(([rows, columns]) => piecesCase(rng, rows, columns));
};

/** Every case on the engine; off by at most `tolerance` of the largest number, and of 1. */
function agree(cases: () => Case[], tolerance: number): Clause["check"] {
  return async (open: OpenEngine) => {
    for (const [at, problem] of cases().entries()) {
      const engine = await open(problem.program, problem.start);
      try {
        const kept = await engine.run(problem.rounds, problem.inputs);
        assertNear(kept, inDoubles(problem), tolerance, `case ${at} (seed ${seed})`);
      } finally {
        await engine.close();
      }
    }
    return undefined;
  };
}

const opsOf = (problem: Pick<Case, "program">): string[] =>
  problem.program.graph.operations.map(({ op }) => op);

/** What all losses at once are made of. */
const everything: Losses = {
  ...plainLosses,
  ...{ policyDelay: 2, targetNoise: 0.2, criticDecay: 0.1, gradientClip: 1, actorNoise: 0.1 },
  ...{ actionPenalty: 0.1, smoothTemporal: 0.1, smoothSpatial: 0.1, observationClip: 5 },
  ...{ popArt: true, weighted: true },
  shape: { ...plainLosses.shape, critics: 2, actionLayer: 1 },
};

async function covers(): Promise<undefined> {
  const covered = new Set([elementwise(), products(), pieces()].flat().flatMap(opsOf));
  for (const activation of ["relu", "tanh"] as const) {
    for (const norm of ["none", "layer", "batch"] as const) {
      const shape = { ...everything.shape, activation, actorNorm: norm, criticNorm: norm };
      const program = gradientStep({ ...everything, shape });
      for (const op of opsOf({ program })) assert.ok(covered.has(op), `no case has ${op}`);
    }
  }
}

/** What every engine must compute. */
export const opContract: readonly Clause[] = [
  { name: "elementwise operations agree with float64", check: agree(elementwise, 1e-6) },
  { name: "matrix products agree with float64", check: agree(products, 3e-6) },
  { name: "sums, gathers, scatters, pieces agree with float64", check: agree(pieces, 2e-6) },
  { name: "every operation of a round of learning is among them", check: covers },
];
