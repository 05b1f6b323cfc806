// The best return that any policy can have on Pendulum-v1's judged starts: dynamic programming
// finds the way, iterative LQR polishes it.
//   node dist/tools/pendulum-optimum.js [--angles 360] [--speeds 321] [--torques 33] > <file>
// test/golden/pendulum-optimum.json is its output. `mean` and `returns` were earned in our world,
// so the optimum is not below them; `rolloutMean` is what the grid's policy earns without polish,
// and `valueMean` what its interpolated values promise.
import { stdout } from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { judgedStarts } from "../src/learn/evaluate.ts";
import { mean, median } from "../src/learn/statistics.ts";
import { pendulumTask } from "../src/sim/pendulum.ts";

/** What the grid is made of. */
export interface Grid {
  /** Nodes of the angle over one turn. */
  readonly angles: number;
  /** Nodes of the speed from -8 to 8 rad/s, both ends included. */
  readonly speeds: number;
  /** Torques tried at each node, from -2 to 2 N m, both ends included. */
  readonly torques: number;
}

const turn = 2 * Math.PI;
const speedMax = 8;
const torqueMax = 2;
const periodS = 0.05;
const gravityPull = 15;
const torquePush = 3;
/** A plan is refined while an iteration gains more than this. */
const gainMin = 1e-6;
/** How plans begin: a torque for how many steps, then the opposite one for how many. */
const beginnings: readonly (readonly [number, number, number])[] = [
  [0, 0, 0],
  ...[2, 3, 4, 5, 6, 7, 8, 10, 12, 13, 14, 16, 17, 18, 20, 23].flatMap((steps) =>
    [0, 3, 5, 8, 9, 11, 14, 15, 17, 20, 26, 32, 38, 44].flatMap(
      (then): [number, number, number][] => [
        [torqueMax, steps, then],
        [-torqueMax, steps, then],
      ],
    ),
  ),
];

/** Angle from upright in rad, speed in rad/s. */
type State = readonly [number, number];

/** Values of the pendulum's states by steps to go, and the policy that follows from them. */
export class PendulumValues {
  readonly #grid: Grid;
  /** values[k]: the best return of the last k steps, [angles * speeds], angle by angle. */
  readonly #values: Float64Array[];

  /** Bellman's recursion over `steps` steps; values between nodes are interpolated. */
  constructor(grid: Grid, steps: number) {
    this.#grid = grid;
    const { angles, speeds, torques } = grid;
    const moves = movesOf(grid);
    this.#values = [new Float64Array(angles * speeds)];
    for (let k = 0; k < steps; k++) {
      const later = this.#values[k];
      const values = new Float64Array(angles * speeds).fill(Number.NEGATIVE_INFINITY);
      for (let node = 0, move = 0; node < values.length; node++) {
        for (let torque = 0; torque < torques; torque++, move++) {
          const { cell, angleShare, speedShare } = moves;
          const at = cell[move];
          const here = later[at] + (later[at + 1] - later[at]) * speedShare[move];
          const across = at + speeds < later.length ? at + speeds : at + speeds - later.length;
          const there = later[across] + (later[across + 1] - later[across]) * speedShare[move];
          const value = moves.reward[move] + here + (there - here) * angleShare[move];
          if (value > values[node]) values[node] = value;
        }
      }
      this.#values.push(values);
    }
  }

  /** The interpolated best return of the last `steps` steps from a state. */
  at(theta: number, thetaDot: number, steps: number): number {
    const { speeds } = this.#grid;
    const { cell, angleShare, speedShare } = placeOf(this.#grid, theta, thetaDot);
    const values = this.#values[steps];
    const across = cell + speeds < values.length ? cell + speeds : cell + speeds - values.length;
    const here = values[cell] + (values[cell + 1] - values[cell]) * speedShare;
    const there = values[across] + (values[across + 1] - values[across]) * speedShare;
    return here + (there - here) * angleShare;
  }

  /** The torque, of `count` tried, with the best reward and value after it. */
  torque(theta: number, thetaDot: number, steps: number, count: number): number {
    let [best, bestValue] = [0, Number.NEGATIVE_INFINITY];
    for (let i = 0; i < count; i++) {
      const torque = torqueOf(i, count);
      const next = moved(theta, thetaDot, torque);
      const value = earned(theta, thetaDot, torque) + this.at(...next, steps - 1);
      if (value > bestValue) [best, bestValue] = [torque, value];
    }
    return best;
  }
}

function torqueOf(index: number, count: number): number {
  return -torqueMax + (2 * torqueMax * index) / (count - 1);
}

/** The state a period later; `src/sim/pendulum.ts` in double precision throughout. */
function moved(theta: number, thetaDot: number, torque: number): State {
  const free = thetaDot + (gravityPull * Math.sin(theta) + torquePush * torque) * periodS;
  const after = Math.min(speedMax, Math.max(-speedMax, free));
  return [theta + after * periodS, after];
}

function wrapped(angle: number): number {
  return angle - turn * Math.round(angle / turn);
}

function earned(theta: number, thetaDot: number, torque: number): number {
  return -(wrapped(theta) ** 2 + 0.1 * thetaDot ** 2 + 0.001 * torque ** 2);
}

/** The grid cell of a state: its lowest node, and how far into the cell the state is. */
function placeOf({ angles, speeds }: Grid, theta: number, thetaDot: number) {
  const angle = (theta / turn - Math.floor(theta / turn)) * angles;
  const row = Math.min(angles - 1, Math.floor(angle));
  const speed = ((thetaDot + speedMax) / (2 * speedMax)) * (speeds - 1);
  const column = Math.min(speeds - 2, Math.floor(speed));
  return { cell: row * speeds + column, angleShare: angle - row, speedShare: speed - column };
}

/** Where each torque leads from each node, and what it earns: [angles * speeds * torques]. */
function movesOf(grid: Grid) {
  const { angles, speeds, torques } = grid;
  const count = angles * speeds * torques;
  const moves = {
    cell: new Int32Array(count),
    angleShare: new Float32Array(count),
    speedShare: new Float32Array(count),
    reward: new Float64Array(count),
  };
  for (let move = 0; move < count; move++) {
    const node = Math.floor(move / torques);
    const theta = (Math.floor(node / speeds) * turn) / angles;
    const thetaDot = -speedMax + ((node % speeds) * 2 * speedMax) / (speeds - 1);
    const torque = torqueOf(move % torques, torques);
    const place = placeOf(grid, ...moved(theta, thetaDot, torque));
    moves.cell[move] = place.cell;
    moves.angleShare[move] = place.angleShare;
    moves.speedShare[move] = place.speedShare;
    moves.reward[move] = earned(theta, thetaDot, torque);
  }
  return moves;
}

/** A plan: the torque of each step. */
type Torques = Float64Array;

/** The states that a plan leads through, [steps + 1, 2], and what it returns. */
function followed(theta: number, thetaDot: number, torques: Torques) {
  const states = new Float64Array(2 * (torques.length + 1));
  states.set([theta, thetaDot]);
  let sum = 0;
  for (let k = 0; k < torques.length; k++) {
    sum += earned(states[2 * k], states[2 * k + 1], torques[k]);
    states.set(moved(states[2 * k], states[2 * k + 1], torques[k]), 2 * k + 2);
  }
  return { states, sum };
}

/** By how much to change each torque: `step`, and `feed` per unit of each state's change. */
interface Correction {
  readonly step: Torques;
  readonly feed: Float64Array;
}

/** Iterative LQR's backward pass with limits on the torque (Tassa et al. 2014, section III). */
function correctionOf(states: Float64Array, torques: Torques): Correction {
  const steps = torques.length;
  const [step, feed] = [new Float64Array(steps), new Float64Array(2 * steps)];
  // Gradient and Hessian of the cost that is left, by angle and speed.
  let [va, vs, vaa, vas, vss] = [0, 0, 0, 0, 0];
  for (let k = steps - 1; k >= 0; k--) {
    const [theta, thetaDot] = [states[2 * k], states[2 * k + 1]];
    const free = Math.abs(states[2 * k + 3]) < speedMax ? 1 : 0;
    // The next speed's derivatives by angle, speed and torque; the next angle's follow from them.
    const [sa, ss, su] = [
      free * gravityPull * Math.cos(theta) * periodS,
      free,
      free * torquePush * periodS,
    ];
    const [aa, as, au] = [1 + sa * periodS, ss * periodS, su * periodS];
    const second = (p1: number, q1: number, p2: number, q2: number): number =>
      vaa * p1 * p2 + vas * (p1 * q2 + q1 * p2) + vss * q1 * q2;
    const qa = 2 * wrapped(theta) + va * aa + vs * sa;
    const qs = 0.2 * thetaDot + va * as + vs * ss;
    const qu = 0.002 * torques[k] + va * au + vs * su;
    const quu = 0.002 + second(au, su, au, su);
    const [qua, qus] = [second(au, su, aa, sa), second(au, su, as, ss)];
    const wanted = torques[k] - qu / quu;
    const inside = Math.abs(wanted) < torqueMax ? 1 : 0;
    const d = Math.min(torqueMax, Math.max(-torqueMax, wanted)) - torques[k];
    const [fa, fs] = [(-inside * qua) / quu, (-inside * qus) / quu];
    step[k] = d;
    feed.set([fa, fs], 2 * k);
    va = qa + fa * quu * d + fa * qu + qua * d;
    vs = qs + fs * quu * d + fs * qu + qus * d;
    vaa = 2 + second(aa, sa, aa, sa) + fa * quu * fa + 2 * fa * qua;
    vss = 0.2 + second(as, ss, as, ss) + fs * quu * fs + 2 * fs * qus;
    vas = second(aa, sa, as, ss) + fa * quu * fs + fa * qus + fs * qua;
  }
  return { step, feed };
}

/** A plan, the states that it leads through, what it returns, and how to hold on to it. */
interface Course extends Correction {
  readonly torques: Torques;
  readonly states: Float64Array;
  readonly sum: number;
}

/** The plan made better until it gains no more than `gain` by another iteration. */
function refined([theta, thetaDot]: State, plan: Torques, gain: number): Course {
  let best = { torques: plan, ...followed(theta, thetaDot, plan) };
  for (;;) {
    const { step, feed } = correctionOf(best.states, best.torques);
    let better = best;
    for (let share = 1; share > 1e-4 && better === best; share /= 2) {
      const torques = best.torques.slice();
      let state: State = [theta, thetaDot];
      for (let k = 0; k < torques.length; k++) {
        const [da, ds] = [state[0] - best.states[2 * k], state[1] - best.states[2 * k + 1]];
        const torque = torques[k] + share * step[k] + feed[2 * k] * da + feed[2 * k + 1] * ds;
        torques[k] = Math.min(torqueMax, Math.max(-torqueMax, torque));
        state = moved(...state, torques[k]);
      }
      const there = followed(theta, thetaDot, torques);
      if (there.sum > best.sum + gain) better = { torques, ...there };
    }
    if (better === best) return { ...best, step, feed };
    best = better;
  }
}

/**
 * The policy's plan from a state, `count` torques tried at each step, but for `push` as the torque
 * of its first `pushed` steps and its opposite in the `back` that follow.
 */
function planOf(
  values: PendulumValues,
  start: State,
  count: number,
  push: number,
  pushed: number,
  back: number,
): Torques {
  let state = start;
  const steps = pendulumTask.episodeStepsMax;
  return Float64Array.from({ length: steps }, (_, k) => {
    const begun = k < pushed ? push : -push;
    const torque = k < pushed + back ? begun : values.torque(...state, steps - k, count);
    state = moved(...state, torque);
    return torque;
  });
}

/**
 * The best course from a state: plans are refined that begin by swinging either way, since from
 * some states the ways are nearly as good as each other and the grid may prefer the wrong one.
 */
function courseFrom(values: PendulumValues, start: State, count: number): Course {
  const courses = beginnings.map(([push, pushed, back]) =>
    refined(start, planOf(values, start, count, push, pushed, back), gainMin),
  );
  return courses.reduce((best, one) => (one.sum > best.sum ? one : best));
}

/** Returns from one start. */
export interface Judged {
  /** Of the policy that the values give. */
  readonly rollout: number;
  /** Of the best course, in our own world. */
  readonly refined: number;
  /** What the values promise. */
  readonly promised: number;
}

/** Returns from a seed's start; `count` torques are tried at each step. */
export function judged(values: PendulumValues, seed: number, count: number): Judged {
  const steps = pendulumTask.episodeStepsMax;
  const observation = new Float32Array(3);
  const env = pendulumTask.makeEnv();
  env.reset(seed, observation);
  const stateOf = (): State => [Math.atan2(observation[1], observation[0]), observation[2]];
  const start = stateOf();
  const { torques, states, feed } = courseFrom(values, start, count);
  let sum = 0;
  for (let k = 0; k < steps; k++) {
    // Rounding grows at an unstable point, so the plan is held on to, not only played.
    const [theta, thetaDot] = stateOf();
    const off = wrapped(theta - states[2 * k]);
    const correction = feed[2 * k] * off + feed[2 * k + 1] * (thetaDot - states[2 * k + 1]);
    sum += env.step(Float32Array.of(torques[k] + correction), observation).reward;
  }
  const rollout = followed(...start, planOf(values, start, count, 0, 0, 0)).sum;
  return { rollout, refined: sum, promised: values.at(...start, steps) };
}

function main(): void {
  const { values: flags } = parseArgs({
    options: {
      angles: { type: "string", default: "360" },
      speeds: { type: "string", default: "321" },
      torques: { type: "string", default: "33" },
      "rollout-torques": { type: "string", default: "81" },
    },
  });
  const grid = {
    angles: Number(flags.angles),
    speeds: Number(flags.speeds),
    torques: Number(flags.torques),
  };
  const rolloutTorques = Number(flags["rollout-torques"]);
  const { first, count } = judgedStarts(pendulumTask);
  const values = new PendulumValues(grid, pendulumTask.episodeStepsMax);
  const found = Array.from({ length: count }, (_, i) => judged(values, first + i, rolloutTorques));
  const returns = found.map((one) => one.refined);
  const hundredths = (value: number): number => Math.round(value * 100) / 100;
  const result = {
    task: "pendulum",
    command: "node dist/tools/pendulum-optimum.js > test/golden/pendulum-optimum.json",
    settings: { ...grid, rolloutTorques },
    starts: { first, count },
    mean: hundredths(mean(returns)),
    rolloutMean: hundredths(mean(found.map((one) => one.rollout))),
    valueMean: hundredths(mean(found.map((one) => one.promised))),
    median: hundredths(median(returns)),
    worst: hundredths(returns.reduce((worst, one) => Math.min(worst, one))),
    returns: returns.map(hundredths),
  };
  stdout.write(`${JSON.stringify(result)}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
