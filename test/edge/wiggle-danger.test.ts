// What a wiggle does where the rest of the robot is not as one would wish: nothing moves unasked,
// and the one that moves goes no further than it was to.
import assert from "node:assert/strict";
import { test } from "node:test";
import { SinewError } from "../../src/core/errors.ts";
import type { Channel, Spec } from "../../src/core/spec.ts";
import { Mode, makeStep, Reason, Verdict } from "../../src/core/step.ts";
import { Start } from "../../src/edge/start.ts";
import { tick } from "../../src/edge/tick.ts";
import {
  limitsOfWiggle,
  planWiggle,
  type WiggleChoice,
  type WiggleWish,
} from "../../src/edge/wiggle.ts";
import { WigglePolicy } from "../../src/edge/wiggle-policy.ts";
import { judgeWiggle } from "../../src/edge/wiggle-verdict.ts";
import { Guard } from "../../src/safety/guard.ts";
import { Hold } from "../../src/safety/hold.ts";
import { limitsOf } from "../../src/safety/limits.ts";
import { Recovery } from "../../src/safety/recovery.ts";

const usual: WiggleWish = { joint: "", degrees: 3, seconds: 4, share: 0.05 };
const rad = (3 * Math.PI) / 180;

function channel(name: string, unit: string, low: number, high: number): Channel {
  return { name, unit, low, high };
}

/** A robot whose actions are observed as they are, but for those that `seen` tells of. */
function robotOf(action: readonly Channel[], seen = action, periodUs = 20_000): Spec {
  return { action, observation: seen, periodUs };
}

function plan(spec: Spec, joint: string, change: Partial<WiggleWish> = {}): WiggleChoice {
  const wish = { ...usual, joint, ...change };
  return planWiggle(spec, spec.observation.length, limitsOf(spec), wish);
}

function refuses(body: () => unknown, line: RegExp): void {
  assert.throws(body, (error: unknown) => {
    assert.ok(error instanceof SinewError && error.code === "usage", String(error));
    assert.match(error.message, line);
    return true;
  });
}

const elbow = channel("elbow_position", "rad", -3, 3);

/** What is sent, a row a cycle, and the reasons of the newest cycle. */
async function sentBy(
  spec: Spec,
  joint: string,
  places: readonly number[],
): Promise<{ readonly sent: number[][]; readonly reasons: number }> {
  const all = limitsOf(spec);
  const choice = plan(spec, joint);
  const limits = limitsOfWiggle(spec, all, choice);
  const step = makeStep(spec);
  const sent: number[][] = [];
  let [mode, nowUs]: [Mode, number] = [Mode.disarmed, 0];
  const cycle: Parameters<typeof tick>[0] = {
    clock: { now: () => nowUs },
    device: {
      ...{ spec, lost: false },
      read(into: Float32Array) {
        into.set(places);
        return 0;
      },
      write(action: Float32Array) {
        sent.push([...action]);
        return true;
      },
      stop() {},
    },
    policy: new WigglePolicy("id", spec, choice),
    setpoints: { fill() {} },
    approach: new Start(spec, limits, { speed: 1, softSeconds: 0, near: choice.near }),
    guard: new Guard(spec, limits),
    hold: new Hold(spec, limits, { easeCycles: 1, returnCycles: 0 }),
    recovery: new Recovery({ fallback: "stop", recoverCycles: null, recoverMost: 1 }),
    supervisor: {
      get mode() {
        return mode;
      },
      tell: () => true,
    },
    log: { append: () => true },
    meter: { lap() {} },
    ...{ ttlUs: 1e5, onMiss: "coast" as const, step },
  };
  for (let seq = 0; seq < 40; seq++) {
    nowUs = seq * spec.periodUs;
    // A loop arms nothing whose newest cycle was refused.
    if (seq === 3 && step.verdict !== Verdict.refused) mode = Mode.armed;
    await tick(cycle, seq, false);
  }
  return { sent, reasons: step.reasons };
}

test("wiggle: what is in a unit that we do not know is held where it is, too", async () => {
  for (const [unit, low, high] of [
    ["%", 0, 100],
    ["degrees", -180, 180],
  ] as const) {
    const other = channel("gripper_position", unit, low, high);
    const { sent } = await sentBy(robotOf([elbow, other]), "elbow", [0.5, 80]);
    assert.ok(sent.length > 30);
    for (const [, held] of sent) assert.equal(held, 80, unit);
  }
});

test("wiggle: nothing moves where another actuator can neither be held nor rest", () => {
  const others: readonly (readonly [Channel, RegExp])[] = [
    [channel("gripper", "%", 0, 100), /nothing tells where "gripper" is/],
    [channel("fan_velocity", "rad/s", 5, 100), /"fan_velocity" cannot be kept at rest: .* 5 to/],
    [channel("arm_torque", "N*m", -9, -1), /"arm_torque" cannot be kept at rest/],
    [channel("wheel_velocity", "rpm", -9, 9), /"wheel_velocity" is in rpm: whether it is at rest/],
    [channel("wheel", "counts/s", -9, 9), /"wheel" is in counts\/s: whether it is at rest/],
    [channel("saw_torque", "%", -9, 9), /"saw_torque" is in %: whether it is at rest/],
  ];
  for (const [other, line] of others) {
    const seen = other.name === "gripper" ? [elbow] : [elbow, other];
    refuses(() => plan(robotOf([elbow, other], seen), "elbow"), line);
  }
});

test("wiggle: what an unknown unit does is not tried out", () => {
  const place = channel("wheel_position", "rad", -3, 3);
  for (const unit of ["rpm", "%", "rad/min", "counts"]) {
    const spec = robotOf([channel("wheel_velocity", unit, -3000, 3000)], [place]);
    refuses(() => plan(spec, "wheel"), /"wheel_velocity" is in .*, and what that does to a joint/);
  }
  const torque = channel("wheel_torque", "N*m", -3, 3);
  const counts = channel("wheel_position", "counts", -3, 3);
  refuses(() => plan(robotOf([torque], [counts]), "wheel"), /"wheel_position" tells .* in counts/);
  const speed = channel("wheel_velocity", "deg/s", -300, 300);
  refuses(() => plan(robotOf([speed], [place]), "wheel"), /tells .*, in rad: give it in deg$/);
});

test("wiggle: who stands beyond its limit is not armed, and no place jumps", async () => {
  const seen = [elbow, channel("wrist_position", "rad", -3, 3)];
  const spec = robotOf(
    seen.map((one) => ({ ...one, low: -1, high: 1 })),
    seen,
  );
  for (const wrist of [1.05, 1.45, -1.01]) {
    const { sent, reasons } = await sentBy(spec, "elbow", [0, wrist]);
    assert.equal(sent.length, 0, `${wrist}`);
    assert.ok((reasons & Reason.beyondLimits) !== 0);
  }
  const { sent } = await sentBy(spec, "elbow", [0, 1.003]);
  assert.ok(sent.length > 30 && sent.every(([, wrist]) => wrist === 1));
  // A policy that asked for anything, and limits that bound no rate, move nothing faster.
  const wide = limitsOf(spec);
  const guard = new Guard(spec, limitsOfWiggle(spec, wide, plan(spec, "elbow")));
  const step = makeStep(spec);
  guard.reset(Float32Array.of(0, 0.9));
  [step.ageUs, step.timeUs, step.decidedUs] = [0, 0, 0];
  step.proposed.set([1, -1]);
  guard.filter(step);
  const most = (30 * Math.PI) / 180 / 50;
  assert.ok(Math.abs(step.action[0] - most) < 1e-6, `${step.action[0]}`);
  assert.ok(Math.abs(step.action[1] - (0.9 - most)) < 1e-6, `${step.action[1]}`);
  const grip = robotOf([elbow, channel("grip_position", "%", 0, 100)]);
  const [, { rateMax }] = limitsOfWiggle(grip, limitsOf(grip), plan(grip, "elbow")).action;
  assert.equal(rateMax, 10);
  const own = limitsOf(grip, { action: { grip_position: { rateMax: 3 } } });
  assert.equal(limitsOfWiggle(grip, own, plan(grip, "elbow")).action[1].rateMax, 3);
});

test("wiggle: a slow policy and a steep effort are refused", () => {
  const slow = robotOf([elbow], [elbow], 500_000);
  refuses(() => plan(slow, "elbow", { seconds: 1, degrees: 9 }), /too fast: give --seconds 10\.0/);
  const torque = robotOf(
    [channel("a_torque", "N*m", -1, 1)],
    [channel("a_position", "rad", -9, 9)],
  );
  refuses(() => plan(torque, "a", { share: 0.1 }), /a share of 0\.1 in 4 s .* --seconds 8\.0/);
  refuses(
    () => plan({ ...torque, periodUs: 50_000 }, "a"),
    /period is 50 ms: an effort is watched/,
  );
  const old = limitsOf(torque, { ageUsMax: 41_000 });
  const wish = { ...usual, joint: "a" };
  refuses(() => planWiggle(torque, 1, old, wish), /observationAgeMs is 41: .* at most 40$/);
});

/** Where a joint driven by a speed goes at most, from `from`. */
function rangeOf(spec: Spec, choice: WiggleChoice, from: number): [low: number, high: number] {
  const policy = new WigglePolicy("id", spec, choice);
  const action = new Float32Array(1);
  let [place, low, high] = [from, from, from];
  for (let cycle = 0; cycle * spec.periodUs < 1.2e6 * choice.seconds; cycle++) {
    policy.act(Float32Array.of(place), action);
    place += (action[0] * spec.periodUs) / 1e6;
    [low, high] = [Math.min(low, place), Math.max(high, place)];
  }
  return [low, high];
}

test("wiggle: a speed goes where there is room, and a length by a share of its range", () => {
  const seen = channel("a_position", "rad", -1, 1);
  const spec = robotOf([channel("a_velocity", "rad/s", -3, 3)], [seen]);
  const choice = plan(spec, "a", { degrees: 15 });
  assert.ok(rangeOf(spec, choice, 0.98)[1] < 0.981);
  assert.ok(rangeOf(spec, choice, -0.98)[0] > -0.981);
  const tight = robotOf(spec.action, [{ ...seen, low: -0.02, high: 0.02 }]);
  refuses(() => plan(tight, "a"), /"a_velocity" cannot be moved by 0\.0524: its limits are -0\.02/);
  const slide = robotOf(
    [channel("slide_velocity", "m/s", -1, 1)],
    [channel("slide_position", "m", 0, 0.5)],
  );
  for (const seconds of [4, 20]) {
    const [low, high] = rangeOf(slide, plan(slide, "slide", { seconds }), 0.2);
    assert.ok(low > 0.199 && Math.abs(high - 0.225) < 0.001, `${seconds} s: ${low} to ${high}`);
  }
  const endless = [{ ...slide.observation[0], high: Number.POSITIVE_INFINITY }];
  refuses(() => plan({ ...slide, observation: endless }, "slide"), /"slide_position" has no ends/);
});

test("wiggle: a speed that is another than was asked for is ended", () => {
  const spec = robotOf(
    [channel("a_velocity", "rad/s", -3, 3)],
    [channel("a_position", "rad", -9, Number.POSITIVE_INFINITY)],
  );
  const choice = plan(spec, "a");
  assert.deepEqual(JSON.parse(JSON.stringify(choice)), choice);
  const policy = new WigglePolicy("id", spec, choice);
  const action = new Float32Array(1);
  let [place, most] = [0, 0];
  for (let cycle = 0; cycle < 240; cycle++) {
    policy.act(Float32Array.of(place), action);
    place += action[0] * 0.02 * 5;
    most = Math.max(most, place);
    if (most > 2 * rad) assert.equal(action[0], 0);
  }
  assert.ok(most < 2.2 * rad, `${most}`);
  // It jumps by less than it may go, and is ended for how fast that was.
  const wide = new WigglePolicy("id", spec, plan(spec, "a", { degrees: 9 }));
  const asked = Array.from({ length: 60 }, (_, cycle) => {
    wide.act(Float32Array.of(cycle < 40 ? 0 : 0.03), action);
    return action[0];
  });
  assert.ok(asked[39] > 0 && asked.slice(40).every((value) => value === 0));
});

/** A joint that is pushed. */
interface Pushed {
  readonly limit: number;
  readonly inertia: number;
  /** Per rad/s. */
  readonly damping: number;
  /** It sticks below this, N*m. */
  readonly stick?: number;
  readonly periodUs: number;
  /** The effort that was told so many cycles ago is what pushes. */
  readonly late: number;
  readonly sign?: 1 | -1;
  /** The named joint sees nothing of it: it is another one that moves. */
  readonly swapped?: boolean;
}

/** How far it went at most, how it ended, and what is made of it. */
function pushed(joint: Pushed, degrees = 3) {
  const seconds = 4;
  const { limit, inertia, damping, stick = 0, periodUs, late, sign = 1, swapped } = joint;
  const names = ["a", "b"];
  const spec = robotOf(
    names.map((name) => channel(`${name}_torque`, "N*m", -limit, limit)),
    names.map((name) => channel(`${name}_position`, "rad", -900, 900)),
    periodUs,
  );
  const choice = plan(spec, "a", { degrees });
  const policy = new WigglePolicy("id", spec, choice);
  const step = makeStep(spec);
  step.mode = Mode.armed;
  const told: number[] = [];
  const steps: (typeof step)[] = [];
  let [place, speed, most, fastest] = [0.3, 0, 0, 0];
  for (let cycle = 0; cycle * periodUs < 1e6 * (seconds + 2); cycle++) {
    step.observation.set(swapped ? [0.1, place] : [place, 0.1]);
    policy.act(step.observation, step.action);
    told.push(step.action[0]);
    assert.equal(step.action[1], 0);
    const push = sign * (told[told.length - 1 - late] ?? 0);
    const dt = periodUs / 1e6 / 50;
    for (let part = 0; part < 50; part++) {
      const free = push - damping * speed;
      const stuck = speed === 0 && Math.abs(push) <= stick;
      const next = stuck ? 0 : speed + ((free - stick * Math.sign(speed || push)) / inertia) * dt;
      speed = speed !== 0 && next * speed < 0 && Math.abs(push) <= stick ? 0 : next;
      place += speed * dt;
      most = Math.max(most, Math.abs(place - 0.3));
      fastest = Math.max(fastest, Math.abs(speed));
    }
    steps.push(structuredClone(step));
  }
  const verdict = judgeWiggle(spec, 2, choice, steps);
  return { most, fastest, speed, told, verdict };
}

const light: Pushed = { limit: 1, inertia: 1e-4, damping: 1e-4, periodUs: 20_000, late: 1 };
const joints: Readonly<Record<string, Pick<Pushed, "limit" | "inertia" | "damping" | "stick">>> = {
  "a free motor": light,
  "one without friction": { ...light, damping: 0 },
  "an arm": { limit: 20, inertia: 0.05, damping: 0.1 },
  "a heavy one": { limit: 2, inertia: 2, damping: 0 },
  "a damped one": { limit: 20, inertia: 0.05, damping: 2 },
  "one that sticks": { limit: 20, inertia: 0.05, damping: 0.1, stick: 0.6 },
};

test("wiggle: an effort is taken back once its joint moves, however light it is", () => {
  for (const [name, joint] of Object.entries(joints)) {
    for (const periodUs of [1000, 5000, 20_000]) {
      for (const late of [0, 1]) {
        for (const sign of [1, -1] as const) {
          const how = `${name}, ${periodUs} us, ${late} late, ${sign}`;
          const { most, speed, told, verdict } = pushed({ ...joint, periodUs, late, sign });
          assert.ok(most < 1.6 * rad, `${how}: ${most}`);
          assert.ok(Math.abs(speed) < 0.001, `${how}: ${speed}`);
          assert.equal(told.at(-1), 0, how);
          assert.equal(verdict?.outcome, sign > 0 ? "right" : "reversed", how);
          assert.ok(Math.abs(verdict.named.moved) <= most * 1.001, how);
        }
      }
    }
  }
});

test("wiggle: an effort that was to move by little is seen to do so", () => {
  const { most, verdict } = pushed({ ...light, inertia: 0.01, periodUs: 5000, late: 0 }, 0.5);
  assert.ok(most < 0.009, `${most}`);
  assert.equal(verdict?.outcome, "right");
});

test("wiggle: an effort that pushes another joint is taken back, too", () => {
  const { most, speed, verdict } = pushed({ ...light, swapped: true });
  assert.ok(most < 1.6 * rad, `${most}`);
  assert.ok(Math.abs(speed) < 0.001, `${speed}`);
  assert.deepEqual([verdict?.outcome, verdict?.most.name], ["other", "b_position"]);
});

test("wiggle: no more is taken back than was given, and nothing of a joint that is at rest", () => {
  const spec = robotOf([channel("a_torque", "N*m", -1, 1)], [channel("a_position", "rad", -9, 9)]);
  const seen = (places: (cycle: number) => number): number[] => {
    const policy = new WigglePolicy("id", spec, plan(spec, "a"));
    const action = new Float32Array(1);
    return Array.from({ length: 240 }, (_, cycle) => {
      policy.act(Float32Array.of(places(cycle)), action);
      return action[0];
    });
  };
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  // Something else drives it away for ever.
  const away = seen((cycle) => 0.01 * Math.max(0, cycle - 20));
  assert.ok(Math.min(...away) < -0.01 && Math.abs(sum(away)) < 1e-6, `${sum(away)}`);
  assert.ok(Math.max(...away.map(Math.abs)) <= Math.max(...away));
  // It jumps and stands.
  const jumped = seen((cycle) => (cycle < 20 ? 0 : 0.04));
  assert.ok(jumped.slice(21).every((value) => value === 0));
  const lost = seen((cycle) => (cycle < 20 ? 0 : Number.NaN));
  assert.ok(lost.slice(21).every((value) => value === 0));
  // Whoever begins anew is watched from there.
  const policy = new WigglePolicy("id", spec, plan(spec, "a"));
  const action = new Float32Array(1);
  for (let cycle = 0; cycle < 30; cycle++) policy.act(Float32Array.of(cycle), action);
  policy.rest();
  for (let cycle = 0; cycle < 30; cycle++) policy.act(Float32Array.of(5), action);
  assert.ok(action[0] > 0);
});
