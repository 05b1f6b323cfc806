import assert from "node:assert/strict";
import { test } from "node:test";
import { Mode, makeStep, type Step, Verdict } from "../../src/core/step.ts";
import { Lineup, type Member, Second } from "../../src/edge/lineup.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";

/** Always asks for the same, and keeps what it is told was asked for in its place. */
class Constant {
  readonly id: string;
  readonly spec = pendulumSpec;
  readonly recalled: number[] = [];
  rested = 0;
  answer: number | Error;

  constructor(id: string, answer: number | Error) {
    this.id = id;
    this.answer = answer;
  }

  act(_: Float32Array, action: Float32Array): void {
    if (this.answer instanceof Error) throw this.answer;
    action[0] = this.answer;
  }

  rest(): void {
    this.rested++;
  }

  recall(action: Float32Array): void {
    this.recalled.push(action[0]);
  }
}

const observation = new Float32Array(3);

/** What it asks for in a cycle, at whose end the one in the shadow is asked. */
async function answerOf(lineup: Lineup): Promise<number> {
  const step = makeStep(pendulumSpec);
  await lineup.act(observation, step.proposed);
  await lineup.askShadow(step);
  return step.proposed[0];
}

async function answersOf(lineup: Lineup, count: number): Promise<number[]> {
  const answers: number[] = [];
  for (let at = 0; at < count; at++) answers.push(await answerOf(lineup));
  return answers;
}

function stepWith(verdict: Verdict, mode: Mode = Mode.armed): Step {
  return { ...makeStep(pendulumSpec), verdict, mode };
}

function two(
  choice: Partial<ConstructorParameters<typeof Lineup>[1]> = {},
  first: number | Error = 1,
  next: number | Error = -1,
): { lineup: Lineup; old: Constant; fresh: Constant; member: Member } {
  const [old, fresh] = [new Constant("old", first), new Constant("fresh", next)];
  const all = { blendCycles: 4, watchCycles: 3, limitedMax: 0.5, ...choice };
  const member = { index: 1, policy: fresh };
  return { lineup: new Lineup(old, all), old, fresh, member };
}

test("lineup: one in the shadow changes nothing, and learns what was asked for", async () => {
  const { lineup, fresh, member } = two();
  assert.deepEqual([lineup.swap(), lineup.back(), lineup.canGoBack], [false, false, false]);
  assert.ok(lineup.shadow(member));
  assert.deepEqual(await answersOf(lineup, 3), [1, 1, 1]);
  assert.deepEqual(fresh.recalled, [1, 1, 1]);
  assert.equal(lineup.answer[0], -1);
  assert.equal(lineup.driver.index, 0);
  for (const answer of [Number.NaN, new Error("broken")]) {
    fresh.answer = answer;
    assert.equal(await answerOf(lineup), 1);
    assert.ok(Number.isNaN(lineup.answer[0]));
  }
});

test("lineup: the one that drives alone fails as it would without a lineup", async () => {
  const { lineup, old, member } = two();
  old.answer = new Error("broken");
  await assert.rejects(async () => answerOf(lineup), /broken/);
  lineup.shadow(member);
  await assert.rejects(answerOf(lineup), /broken/);
  old.answer = Number.NaN;
  assert.ok(Number.isNaN(await answerOf(lineup)));
});

test("lineup: a swap goes from the one to the other in as many cycles as asked", async () => {
  const { lineup, old, fresh, member } = two();
  lineup.shadow(member);
  assert.ok(lineup.swap());
  assert.deepEqual([lineup.driver.index, lineup.secondAs], [1, Second.standby]);
  assert.deepEqual(await answersOf(lineup, 6), [0.5, 0, -0.5, -1, -1, -1]);
  // Both remember what was really asked for.
  assert.deepEqual(old.recalled, [0.5, 0, -0.5, -1, -1, -1]);
  assert.deepEqual(fresh.recalled, [0.5, 0, -0.5]);
  assert.equal(lineup.shadow(member), false);
  const atOnce = two({ blendCycles: 0 });
  atOnce.lineup.shadow(atOnce.member);
  atOnce.lineup.swap();
  assert.equal(await answerOf(atOnce.lineup), -1);
});

test("lineup: a swap while nothing drives leaves nothing to blend", async () => {
  const { lineup, old, fresh, member } = two();
  lineup.shadow(member);
  lineup.swap();
  lineup.rest();
  assert.equal(await answerOf(lineup), -1);
  assert.deepEqual([old.rested, fresh.rested], [1, 1]);
});

test("lineup: an answer that is no number is replaced in its cycle, and goes back", async () => {
  for (const wrong of [Number.NaN, Number.NEGATIVE_INFINITY, new Error("broken")]) {
    const { lineup, fresh, member } = two();
    lineup.shadow(member);
    lineup.swap();
    await answersOf(lineup, 5);
    assert.equal(lineup.judge(stepWith(Verdict.pass)), null);
    fresh.answer = wrong;
    assert.equal(await answerOf(lineup), 1);
    assert.equal(lineup.judge(stepWith(Verdict.pass)), "unfit");
    assert.ok(lineup.back());
    assert.deepEqual([lineup.driver.index, lineup.secondAs], [0, Second.shadow]);
    // It is in the shadow now, and nobody asks it for help.
    assert.equal(await answerOf(lineup), 1);
  }
});

test("lineup: who answers no number once is not blended with on the way back", async () => {
  const { lineup, fresh, member } = two({ watchCycles: 100 });
  lineup.shadow(member);
  lineup.swap();
  await answersOf(lineup, 5);
  fresh.answer = Number.NaN;
  assert.equal(await answerOf(lineup), 1);
  assert.equal(lineup.judge(stepWith(Verdict.pass)), "unfit");
  lineup.back();
  fresh.answer = -1;
  assert.deepEqual(await answersOf(lineup, 3), [1, 1, 1]);
});

test("lineup: the watch outlasts the blend, during which no other is taken", async () => {
  const { lineup, member } = two({ watchCycles: 1 });
  lineup.shadow(member);
  lineup.swap();
  const seen: (string | null)[] = [];
  for (let cycle = 0; cycle < 4; cycle++) {
    await answerOf(lineup);
    seen.push(lineup.judge(stepWith(Verdict.pass)));
  }
  assert.deepEqual(seen, [null, null, null, "keep"]);
  lineup.keep();
  lineup.back();
  await answerOf(lineup);
  assert.equal(lineup.shadow({ index: 2, policy: new Constant("third", 0) }), false);
  lineup.skip(3);
  assert.ok(lineup.shadow({ index: 2, policy: new Constant("third", 0) }));
});

test("lineup: what the gate refuses, or bounds too often, goes back; else it is kept", () => {
  const judgements = (verdicts: readonly Verdict[], mode?: Mode): (string | null)[] => {
    const { lineup, member } = two({ blendCycles: 0, watchCycles: 4, limitedMax: 0.5 });
    lineup.shadow(member);
    assert.equal(lineup.judge(stepWith(Verdict.refused)), null, "nobody stands by");
    lineup.swap();
    return verdicts.map((verdict) => lineup.judge(stepWith(verdict, mode)));
  };
  const { pass, limited, refused } = Verdict;
  assert.deepEqual(judgements([pass, refused]), [null, "refused"]);
  assert.deepEqual(judgements([limited, limited, limited]), [null, null, "limited"]);
  assert.deepEqual(judgements([limited, limited, pass, pass]), [null, null, null, "keep"]);
  // What no policy drives is not watched.
  for (const mode of [Mode.disarmed, Mode.homing, Mode.stopped]) {
    assert.deepEqual(judgements([refused, limited, pass, pass, pass], mode), Array(5).fill(null));
  }
});

test("lineup: one that is kept can still be gone back from, with a blend", async () => {
  const { lineup, member } = two();
  lineup.shadow(member);
  lineup.swap();
  await answersOf(lineup, 4);
  lineup.keep();
  assert.deepEqual([lineup.second, lineup.canGoBack], [null, true]);
  assert.equal(await answerOf(lineup), -1);
  assert.ok(lineup.back());
  assert.deepEqual(await answersOf(lineup, 5), [-0.5, 0, 0.5, 1, 1]);
  assert.deepEqual([lineup.driver.index, lineup.second!.index], [0, 1]);
  assert.equal(lineup.canGoBack, false);
  // It may be swapped in once more.
  assert.ok(lineup.swap());
});
