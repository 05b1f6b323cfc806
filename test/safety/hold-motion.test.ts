import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import type { Channel } from "../../src/core/spec.ts";
import { Mode, Verdict } from "../../src/core/step.ts";
import type { Drive } from "../../src/safety/barrier.ts";
import { Hold } from "../../src/safety/hold.ts";
import { type JointCase, JointStage, randomCase } from "./joint-stage.ts";

/** A device's own steps of time, in which a servo catches up; floats everywhere. */
const slack: Readonly<Record<Drive, number>> = { position: 3e-4, velocity: 1e-6, effort: 1e-6 };

/** A random joint, with gains that are taken; null where none are. */
function heldCase(drive: Drive, rng: Rng): JointCase | null {
  const given = randomCase(drive, rng);
  if (drive !== "effort") return given;
  const [, damping] = boundsOf(given, (value) => ({ stiffness: 1, damping: value }));
  if (damping === 0) return null;
  const [least, most] = boundsOf(given, (value) => ({ stiffness: value, damping }));
  if (least > most) return null;
  const hold = { damping, stiffness: rng.uniform(Math.max(least, most / 5), most) };
  return { ...given, joint: { ...given.joint, hold } };
}

/** The bounds that the refusal of something greater tells, narrower for its digits. */
function boundsOf(
  given: JointCase,
  gainsOf: (value: number) => { stiffness: number; damping: number },
): [least: number, most: number] {
  try {
    holdOf({ ...given, joint: { ...given.joint, hold: gainsOf(1e30) } });
  } catch (error) {
    const bound = (word: string): number => {
      return Number(new RegExp(`${word} ([^,]+),`).exec((error as Error).message)?.[1] ?? 0);
    };
    return [bound("at least") * 1.01, bound("at most") * 0.99];
  }
  throw new Error("gains without a bound");
}

function holdOf(given: JointCase): Hold {
  const { limits } = new JointStage(given, 0, true);
  const ageUsMax = given.ageUsMost;
  return new Hold(given.spec, { ...limits, ageUsMax }, { easeCycles: 5, returnCycles: 10 });
}

/** What the joint's plant is made of, as its numbers tell. */
function strengthOf({ plant }: JointCase): { perEffort: number; load: number } {
  const drivers = { action: 0, rate: 0, push: 0 };
  const perEffort = plant(0, 0, { ...drivers, action: 1 });
  return { perEffort, load: plant(0, 0, { ...drivers, push: 1 }) };
}

/** One joint under a policy that fails now and then and is held meanwhile. */
class HeldJoint {
  readonly stage: JointStage;
  beyond: number = Number.NEGATIVE_INFINITY;
  readonly #given: JointCase;
  readonly #rng: Rng;
  readonly #where: string;

  constructor(given: JointCase, rng: Rng, where: string) {
    const { low, high } = given.joint;
    this.#given = given;
    this.#rng = rng;
    this.#where = where;
    this.stage = new JointStage(given, rng.uniform(low, high), true);
    const hold = holdOf(given);
    assert.equal(hold.cannot, null);
    this.stage.between = (step) => void hold.propose(step);
  }

  cycle(mode: Mode, asked: number, periods: number, push: number): void {
    const { stage } = this;
    const { low, high } = this.#given.joint;
    stage.step.mode = mode;
    const ageUs = this.#rng.uniform(0, this.#given.ageUsMost);
    stage.cycle(asked, ageUs, periods, () => push);
    assert.notEqual(stage.step.verdict, Verdict.refused, this.#where);
    this.beyond = Math.max(this.beyond, low - stage.position, stage.position - high);
  }
}

for (const drive of Object.keys(slack) as Drive[]) {
  test(`hold: a joint driven by ${drive} stays within its ends and comes to rest`, () => {
    let cases = 0;
    for (let seed = 0; cases < 25; seed++) {
      const rng = new Rng(seed);
      const given = heldCase(drive, rng);
      if (given === null) continue;
      cases++;
      const [{ low, high }] = given.spec.action as readonly [Channel];
      const where = `seed ${seed}, ${drive}`;
      const joint = new HeldJoint(given, rng, where);
      const load = rng.uniform(-1, 1);
      let mode: Mode = Mode.armed;
      let asked = 0;
      for (let cycle = 0; cycle < 150; cycle++) {
        if (rng.below(15) === 0) mode = rng.below(2) === 0 ? Mode.armed : Mode.holding;
        if (rng.below(10) === 0) asked = rng.below(2) === 0 ? low : rng.uniform(low, high);
        // What a policy that fails answers reaches nobody.
        const answer = mode === Mode.holding && rng.below(2) === 0 ? Number.NaN : asked;
        joint.cycle(
          mode,
          answer,
          1 + rng.below(Math.round(given.actsUs / given.spec.periodUs)),
          load,
        );
      }
      const { stage } = joint;
      joint.cycle(Mode.armed, asked, 1, load);
      joint.cycle(Mode.holding, 0, 1, load);
      const { joint: ends } = given;
      const room = drive === "effort" ? 0.1 * (ends.high - ends.low) : 0;
      const [first] = stage.step.observation as unknown as readonly [number];
      const place = Math.min(ends.high - room, Math.max(ends.low + room, first));
      const { perEffort, load: most } = strengthOf(given);
      const { damping = 0, stiffness = 0 } = ends.hold ?? {};
      const periodS = given.spec.periodUs / 1e6;
      const slowestS = damping / stiffness + 1 / (perEffort * damping);
      const settleS = drive === "effort" ? 2 + 20 * slowestS : 15;
      for (let s = 0; s < settleS; s += periodS) joint.cycle(Mode.holding, 0, 1, load);
      assert.ok(joint.beyond <= slack[drive], `${where}: ${joint.beyond} beyond its end`);
      const before = stage.position;
      for (let s = 0; s < 1; s += periodS) joint.cycle(Mode.holding, 0, 1, load);
      const moved = Math.abs(stage.position - before) + Math.abs(stage.velocity);
      assert.ok(moved < 0.02, `${where}: still moves by ${moved}`);
      if (drive === "velocity") continue;
      const droop = drive === "effort" ? (Math.abs(load) * most) / (perEffort * stiffness) : 0;
      const off = Math.abs(stage.position - place);
      assert.ok(off < droop + 0.02, `${where}: held ${off} from its place, may ${droop}`);
    }
  });
}
