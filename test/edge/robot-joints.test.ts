import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { SinewError } from "../../src/core/errors.ts";
import type { Spec } from "../../src/core/spec.ts";
import { makeStep, Verdict } from "../../src/core/step.ts";
import { readYaml } from "../../src/core/yaml.ts";
import { checkRobot, limitsOfRobot, parseRobot } from "../../src/edge/robot.ts";
import { holdOfRobot } from "../../src/edge/robot-hold.ts";
import { checkJointsGiven } from "../../src/edge/robot-joints.ts";
import { checkWithPolicy } from "../../src/edge/robot-policy.ts";
import { servosBehind } from "../../src/link/link.ts";
import { countsAt } from "../../src/link/servo-joints.ts";
import { Guard } from "../../src/safety/guard.ts";
import { deskDynamixel, deskFeetech, deskScs } from "../link/desk-servo.ts";
import { periodUs, ServoBench } from "../link/servo-bench.ts";

const spec: Spec = {
  observation: [
    { name: "lift_position", unit: "rad", low: -4, high: 4 },
    { name: "lift_velocity", unit: "rad/s", low: -8, high: 8 },
    { name: "wheel_velocity", unit: "rad/s", low: -40, high: 40 },
    { name: "target", unit: "rad", low: -4, high: 4 },
  ],
  action: [
    { name: "lift_position", unit: "rad", low: -2, high: 2 },
    { name: "wheel_torque", unit: "N*m", low: -2, high: 2 },
  ],
  periodUs: 20_000,
};
const serial = "robot: arm-1\nlink: { serial: { path: /dev/ttyACM0 } }\n";
const joints = `joints:
  lift_position:
    position: lift_position
    velocity: lift_velocity
    low: -1
    high: 1.5
    deceleration: 6
    velocityMax: 3
  wheel_torque: { unlimited: true, velocity: wheel_velocity, velocityMax: 30 }
`;

function refuses(source: string, line: RegExp): void {
  assert.throws(
    () => parseRobot(source, "robot.yaml"),
    (error: unknown) => {
      assert.ok(error instanceof SinewError);
      assert.equal(error.code, "robot-file");
      assert.match(error.message, line);
      return true;
    },
  );
}

test("robot: joints are tied to what is seen of them, and an action acts until it expires", () => {
  const limits = limitsOfRobot(parseRobot(serial + joints, "robot.yaml"), spec);
  assert.deepEqual(limits.action, [
    { low: -1, high: 1.5, rateMax: 200 },
    { low: -2, high: 2, rateMax: 200 },
  ]);
  assert.deepEqual(limits.seen, [
    { quantity: "velocity", at: 1, low: -3, high: 3 },
    { quantity: "position", at: 0, low: -1.075, high: 1.575 },
    { quantity: "velocity", at: 2, low: -30, high: 30 },
  ]);
  const [ends, none] = limits.ends!;
  const tie = { drive: "position", positionAt: 0, velocityAt: 1, low: -1, high: 1.5 };
  assert.deepEqual(ends, { ...tie, deceleration: 6 });
  assert.equal(none, null);
  assert.equal(limits.actsUs, 40_000);
  const patient = parseRobot(`${serial}${joints}commandTtlMs: 70\n`, "robot.yaml");
  assert.equal(limitsOfRobot(patient, spec).actsUs, 70_000);
});

test("robot: a file that describes no joints is as it was", () => {
  const limits = limitsOfRobot(parseRobot(serial, "robot.yaml"), spec);
  assert.deepEqual(Object.keys(limits), ["action", "ageUsMax"]);
});

test("robot: a place or a velocity whose joint nobody describes is refused by its name", () => {
  const acting = (unit: string): Spec => {
    const action = [spec.action[1], { name: "arm", unit, low: -1, high: 1 }];
    return { ...spec, action };
  };
  for (const unit of ["rad", "deg", "turns", "m", "mm"]) {
    for (const [one, what] of [
      [unit, "a place"],
      [`${unit}/s`, "a velocity"],
    ]) {
      const refusal = `joints: "arm" is ${what} (${one}): say where its joint ends and how it `;
      assert.throws(() => checkJointsGiven(undefined, acting(one)), {
        code: "robot-file",
        message: `${refusal}brakes, or unlimited: true`,
      });
      checkJointsGiven({ arm: { unlimited: true } }, acting(one));
    }
  }
  for (const unit of ["N*m", "N", "A", "V", "1", "rad/s^2"]) {
    checkJointsGiven(undefined, acting(unit));
  }
});

test("robot: an acceleration of an action", () => {
  const source = `${serial}limits: { wheel_torque: { accelerationMax: 900 } }\n`;
  const limits = limitsOfRobot(parseRobot(source, "robot.yaml"), spec);
  assert.equal(limits.action[1].accelerationMax, 900);
  refuses(
    `${serial}limits: { wheel_torque: { accelerationMax: fast } }\n`,
    /:3:44: .*give a number/,
  );
});

test("robot: a joint that is described by half is refused by line and column", () => {
  const instead = (from: string, to: string, line: RegExp): void => {
    assert.ok(joints.includes(from));
    refuses(serial + joints.replace(from, to), line);
  };
  const whole = /; a joint without ends is unlimited: true/;
  for (const key of ["position: lift_position", "velocity: lift_velocity", "low: -1"]) {
    const word = new RegExp(`:5:5: "joints.lift_position": ${key.split(":")[0]} is missing`);
    instead(`    ${key}\n`, "", new RegExp(word.source + whole.source));
  }
  instead("    high: 1.5\n", "", /"joints.lift_position": high is missing/);
  instead("    deceleration: 6\n", "", /"joints.lift_position": deceleration is missing/);
  instead("unlimited: true", "unlimited: false", /:11:30: .*give true, or leave it out/);
  instead("true", "true, low: 1", /:11:17: .* it is unlimited: leave low out/);
  for (const key of [
    "position: x",
    "high: 1",
    "deceleration: 1",
    "acceleration: 1",
    "beyondMax: 1",
    "hold: { stiffness: 1, damping: 1 }",
  ]) {
    const [word] = key.split(":");
    instead("true", `true, ${key}`, new RegExp(`it is unlimited: leave ${word} out`));
  }
  instead("low: -1", "low: end", /:7:10: "joints.lift_position.low": give a number/);
  instead("velocityMax: 3", "velocityMax: 0", /:10:18: "joints.lift_position.velocityMax"/);
  instead("velocityMax: 3", "beyondMax: -1", /:10:16: "joints.lift_position.beyondMax"/);
  instead("velocityMax: 3", "speed: 3", /:10:5: unknown key "joints.lift_position.speed"/);
});

test("robot: what the host itself observes tells of no joint", () => {
  const setpoints = "setpoints: [{ seconds: 0, target: 1 }]\n";
  const tied = joints.replace("position: lift_position", "position: target");
  const robot = parseRobot(serial + setpoints + tied, "robot.yaml");
  assert.throws(() => limitsOfRobot(robot, spec), /the device tells no "target", but lift_pos/);
  limitsOfRobot(parseRobot(serial + tied, "robot.yaml"), spec);
});

const arm = `robot: arm-1
link:
  feetech:
    path: /dev/ttyACM0
    servos:
      - { id: 1, joint: lift, zeroCounts: 2048, maxSpeed: 0.5 }
`;
const armSpec: Spec = { ...spec, action: [spec.action[0]] };
const lift = joints.slice(0, joints.indexOf("  wheel"));

type Series = "sts" | "scs" | "x";

/** The arm with a servo of that series; an SCS's counts span `spanDegrees`. */
function armOn(series: Series, maxSpeed: number, spanDegrees: number = 300): string {
  const text = arm.replace("maxSpeed: 0.5", `maxSpeed: ${maxSpeed}`);
  if (series === "sts") return text;
  if (series === "x") return text.replace("feetech", "dynamixel");
  const span = `    series: scs\n    spanDegrees: ${spanDegrees}\n`;
  return text.replace("2048", "512").replace("    servos:", `${span}    servos:`);
}

test("robot: the gate moves a servo's goal as fast as the driver does, where it brakes it", () => {
  const rateOf = (source: string): number | undefined => {
    return limitsOfRobot(parseRobot(source, "robot.yaml"), armSpec).action[0].rateMax;
  };
  assert.equal(rateOf(arm), 200);
  // 4096 counts a turn and 50 cycles a second, so 6 counts a cycle: not 6.5.
  const driven = (6 * 2 * Math.PI * 50) / 4096;
  assert.ok(Math.abs(driven - 0.460194) < 1e-6);
  assert.equal(rateOf(arm + lift), driven);
  const limits = (rateMax: number): string =>
    `limits: { lift_position: { rateMax: ${rateMax} } }\n`;
  assert.equal(rateOf(arm + lift + limits(0.2)), 0.2);
  assert.equal(rateOf(arm + lift + limits(2)), driven);
  const both = "limits: { lift_position: { high: 1, accelerationMax: 4 } }\n";
  const [made] = limitsOfRobot(parseRobot(arm + lift + both, "robot.yaml"), armSpec).action;
  assert.deepEqual(made, { low: -1, high: 1, rateMax: driven, accelerationMax: 4 });
  // Nothing tells the gate where such a joint is: it would count its first change from 0.
  assert.equal(rateOf(`${arm}joints: { lift_position: { unlimited: true } }\n`), 200);
});

test("robot: the gate knows how many whole counts a cycle each driver makes of a speed", () => {
  const golden: readonly [arm: string, rateHz: number, radPerS: number][] = [
    [armOn("sts", 1), 50, 0.997088], // 13 of 13.04 counts
    [armOn("sts", 0.5), 200, 0.306796], // 1 of 1.63, in each cycle of a loop that turns faster
    [armOn("x", 0.5), 50, 0.460194], // 6 of 6.52
    [armOn("scs", 0.5), 50, 0.255663], // 1 of 1.96
    [armOn("scs", 1), 50, 0.76699], // 3 of 3.91
    [armOn("scs", 0.5, 215), 50, 0.366451], // 2 of 2.73
    // Less than one is refused by the driver, in its own words.
    [armOn("sts", 0.05), 50, 0.05],
    [armOn("scs", 0.2), 50, 0.2],
  ];
  for (const [text, rateHz, radPerS] of golden) {
    const robot = parseRobot(`${text}${lift}control: { rateHz: ${rateHz} }\n`, "robot.yaml");
    const [{ rateMax }] = limitsOfRobot(robot, armSpec).action;
    assert.ok(Math.abs(rateMax - radPerS) < 1e-6, `${rateMax}, not ${radPerS}: ${text}`);
  }
});

for (const [series, desk] of [
  ["sts", deskFeetech],
  ["scs", deskScs],
  ["x", deskDynamixel],
] as const) {
  test(`robot: a servo's goal is where the gate has it, also after it turns: ${series}`, () => {
    const robot = parseRobot(armOn(series, 0.5) + lift, "robot.yaml");
    const { link } = robot;
    assert.ok("feetech" in link || "dynamixel" in link);
    const [servo] = servosBehind(link).line.servos;
    const served: Spec = { ...armSpec, observation: spec.observation.slice(0, 2) };
    const limits = limitsOfRobot(robot, served);
    const bench = new ServoBench(desk, 1, servo, served);
    bench.arm();
    const guard = new Guard(served, limits);
    const step = makeStep(served);
    // Neither is reached, so the gate's rate is all that counts, to the cycle in which it turns.
    for (const wanted of [0.9, -0.9, 0.9]) {
      for (let cycle = 0; cycle < 40; cycle++) {
        step.timeUs = step.decidedUs = bench.bus.nowUs;
        step.ageUs = periodUs;
        step.reasons = 0;
        step.observation.set(bench.observation);
        step.proposed.fill(wanted);
        assert.equal(guard.filter(step), Verdict.limited);
        bench.cycle([...step.action]);
        const [goal] = bench.bus.goals.at(-1)!;
        const off = goal - countsAt(servo, desk.family.scale, step.action[0]);
        assert.ok(Math.abs(off) <= 1, `towards ${wanted} in cycle ${cycle}: ${off} counts off`);
      }
    }
    // What the driver does by itself.
    bench.cycles(3, -1);
    const [[from], [to]] = bench.bus.goals.slice(-2);
    const driven = (Math.abs(to - from) * bench.radPerCount * 1e6) / periodUs;
    assert.ok(Math.abs(limits.action[0].rateMax - driven) < 1e-9, `${driven}`);
  });
}

test("robot: a servo has a rate and an acceleration only where its place is known", () => {
  for (const key of ["rateMax", "accelerationMax"]) {
    const limits = `limits: { lift_position: { ${key}: 2 } }\n`;
    const refusal = new RegExp(
      `"limits.lift_position.${key}": servos have no ${key}: give maxSpeed`,
    );
    refuses(arm + limits, refusal);
    refuses(`${arm}joints: { lift_position: { unlimited: true } }\n${limits}`, refusal);
    parseRobot(arm + lift + limits, "robot.yaml");
    const odrive = arm.replace("feetech", "odrive").replace(/servos:\n.*\n/, "axes: [$]\n");
    const motor = odrive.replace("$", "{ axis: 0, joint: lift }");
    refuses(motor + limits, new RegExp(`a position has no ${key}: give maxSpeed to its motor`));
    parseRobot(motor + lift + limits, "robot.yaml");
  }
});

test("robot: the joints of the documentation are joints", () => {
  const text = readFileSync("docs/robot.md", "utf8");
  const [, example] = /```yaml\n(joints:[\s\S]*?)```/.exec(text)!;
  const told: Spec = {
    observation: [
      { name: "pole_angle", unit: "rad", low: -4, high: 4 },
      { name: "pole_velocity", unit: "rad/s", low: -9, high: 9 },
      { name: "pole_current", unit: "A", low: -5, high: 5 },
      { name: "wheel_speed", unit: "rad/s", low: -90, high: 90 },
    ],
    action: [
      { name: "pole_torque", unit: "N*m", low: -2, high: 2 },
      { name: "wheel_velocity", unit: "rad/s", low: -90, high: 90 },
    ],
    periodUs: 20_000,
  };
  const robot = parseRobot(serial + example, "robot.yaml");
  const limits = limitsOfRobot(robot, told);
  const { ends, seen } = limits;
  assert.equal(holdOfRobot(robot, told, limits).cannot, null);
  assert.deepEqual([ends![0]!.deceleration, ends![1]], [8, null]);
  assert.equal(seen!.length, 4);
});

const torqueSpec: Spec = { ...spec, action: [{ ...spec.action[0], unit: "N*m" }] };

/** A lift that is driven by a torque, with `more` keys of its own. */
function torqued(more: string): string {
  return `${serial}${lift}    acceleration: 9\n${more}`;
}

test("robot: a joint's gains, and a robot that cannot do without them", () => {
  const gains = (text: string): string => torqued(`    hold: ${text}\n`);
  const robot = parseRobot(
    `${gains("{ stiffness: 2.5, damping: 1 }")}fallback: hold\n`,
    "robot.yaml",
  );
  const limits = limitsOfRobot(robot, torqueSpec);
  assert.deepEqual(limits.ends![0]!.hold, { stiffness: 2.5, damping: 1 });
  assert.equal(holdOfRobot(robot, torqueSpec, limits).cannot, null);
  for (const bad of ["1", "{ stiffness: 1 }", "{ damping: 1 }", "{}"]) {
    refuses(gains(bad), /:12:\d+: "joints\.lift_position\.hold/);
  }
  for (const bad of [".nan", ".inf", "0", "-1", "stiff"]) {
    refuses(gains(`{ stiffness: ${bad}, damping: 1 }`), /:12:24: "joints.*hold\.stiffness"/);
    refuses(gains(`{ stiffness: 1, damping: ${bad} }`), /:12:36: "joints.*hold\.damping"/);
  }
  const bare = parseRobot(torqued(""), "robot.yaml");
  const without = holdOfRobot(bare, torqueSpec, limitsOfRobot(bare, torqueSpec));
  assert.match(without.cannot!, /this robot cannot be held: "lift_position" is an effort \(N\*m\)/);
  const falls = parseRobot(torqued("fallback: hold\n"), "robot.yaml");
  assert.throws(() => holdOfRobot(falls, torqueSpec, limitsOfRobot(falls, torqueSpec)), {
    code: "robot-file",
    message: /^fallback: this robot cannot be held: "lift_position" is an effort/,
  });
  const wild = parseRobot(gains("{ stiffness: 1, damping: 99 }"), "robot.yaml");
  assert.throws(() => holdOfRobot(wild, torqueSpec, limitsOfRobot(wild, torqueSpec)), {
    code: "robot-file",
    message: /^joints: "lift_position": hold\.damping is 99: give above 0, at most /,
  });
});

test("robot: a dry run tells where a robot cannot be held, or would shake", () => {
  for (const [text, place, line] of [
    ["fallback: hold\n", [12, 11], /^fallback: this robot cannot be held/],
    ["    hold: { stiffness: 1, damping: 99 }\n", [5, 5], /hold\.damping is 99/],
  ] as const) {
    const { robot, mistakes } = checkRobot(readYaml(torqued(text), "robot.yaml"), "robot.yaml");
    checkWithPolicy(robot!, torqueSpec, mistakes);
    const [first] = mistakes.list();
    assert.match(first.message, line);
    assert.deepEqual([first.line, first.column], place);
  }
});
