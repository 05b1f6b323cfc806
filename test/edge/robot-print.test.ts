import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import type { Channel, Spec } from "../../src/core/spec.ts";
import { commandTtlUs, limitsOfRobot, parseRobot, type Robot } from "../../src/edge/robot.ts";
import { effectiveRobot, fileOf, printRobot } from "../../src/edge/robot-print.ts";
import type { JointChoice } from "../../src/safety/joint.ts";

const path = "robot.yaml";

function again(robot: Robot): Robot {
  return parseRobot(printRobot(robot), path);
}

/** A number as people and programs write them. */
function numberOf(rng: Rng, low: number, high: number): number {
  const value = rng.uniform(low, high);
  const digits = rng.below(4);
  return digits === 3 ? value : Math.min(high, Math.max(low, Number(value.toFixed(digits + 1))));
}

function maybe(rng: Rng, text: string): string {
  return rng.below(2) === 0 ? `${text}\n` : "";
}

const joints = ["pan", "lift", "tip"];

/** A link of each kind in turn, with and without what may be left out. */
function linkText(rng: Rng, kind: number): string {
  const tail = (): string => {
    const sign = rng.below(2) === 0 ? "" : ", sign: -1";
    return `${sign}${rng.below(2) === 0 ? "" : `, maxSpeed: ${numberOf(rng, 0.5, 5)}`}`;
  };
  const servos = joints.map((joint, id) => {
    return `\n    - { id: ${id}, joint: ${joint}, zeroCounts: ${rng.below(4096)}${tail()} }`;
  });
  const motors = (key: string, first: number, count: number): string[] => {
    return joints.slice(0, count).map((joint, at) => {
      const gear = rng.below(2) === 0 ? "" : `, gear: ${numberOf(rng, 0.1, 9)}`;
      return `\n    - { ${key}: ${first + at}, joint: ${joint}${gear}${tail()} }`;
    });
  };
  const watchdog = maybe(rng, `    watchdogMs: ${40 + 20 * rng.below(20)}`);
  const plain = rng.below(2) === 0 ? "" : ", plain: true";
  return [
    `  serial: { path: "/dev/tty ${rng.below(9)}: #"${plain} }\n`,
    mqttText(rng),
    `  feetech:\n    path: p\n    servos:${servos.join("")}\n`,
    `  dynamixel:\n    path: p\n${watchdog}    servos:${servos.join("")}\n`,
    `  odrive:\n    path: p\n${watchdog}    axes:${motors("axis", 0, 2).join("")}\n`,
    `  moteus:\n    path: p\n    adapter: fdcanusb\n    motors:${motors("id", 1, 3).join("")}\n`,
  ][kind];
}

function jointsText(rng: Rng): string {
  const beyond = rng.below(2) === 0 ? "" : `, beyondMax: ${numberOf(rng, 0.01, 0.5)}`;
  const effort = rng.below(2) === 0 ? "" : ", effort: pan_current, effortMax: 3";
  const ended = `position: pan_position, velocity: pan_velocity, low: -0.7, high: 0.4${beyond}`;
  const other = "lift: { unlimited: true }";
  const hold = rng.below(2) === 0 ? "" : ", hold: { stiffness: 0.1, damping: 0.2 }";
  return `joints: { pan_torque: { ${ended}, deceleration: 8${effort}${hold} }, ${other} }`;
}

function mqttText(rng: Rng): string {
  const secured = rng.below(2) === 0;
  return [
    `  mqtt:\n    url: "${secured ? "mqtts" : "mqtt"}://h:${rng.below(999)}"\n`,
    maybe(rng, "    prefix: lab/3"),
    maybe(rng, `    protocolVersion: ${4 + rng.below(2)}`),
    maybe(rng, secured ? "    tls: { ca: ca.pem, cert: 'a: #.pem', key: a.key }" : ""),
    maybe(rng, "    credentials: broker of mine"),
  ].join("");
}

function robotText(rng: Rng, kind: number): string {
  const limit = `{ low: ${-numberOf(rng, 0.1, 1)}, high: ${numberOf(rng, 0.1, 1)} }`;
  const speed = numberOf(rng, 0.02, 0.4);
  const home = `home: { pan_position: ${numberOf(rng, -1, 1)} }, speed: ${speed}`;
  const bridge = kind < 2;
  return [
    `robot: ${["a", "0", "1e3", "no", "off-1", "true"][rng.below(6)].replace(/^/, "r")}\nlink:\n`,
    linkText(rng, kind),
    maybe(rng, `policy: ${["p.onnx", '"a: b"', "'#'", "'1'", '"\\u00e9 \\n"'][rng.below(5)]}`),
    maybe(rng, `trust: [${["a.pub", "RW".repeat(28), '"a: #.pub", b'][rng.below(3)]}]`),
    maybe(
      rng,
      `limits: { pan_position: ${limit}, "odd name": { rateMax: 3 } }`.slice(0, bridge ? 999 : 0),
    ),
    maybe(rng, `control: { between: ${["hold", "interpolate"][rng.below(2)]} }`),
    maybe(rng, jointsText(rng)),
    maybe(rng, bridge ? "stops: { a: off, b: { hold: no }, c: ramp_to_zero }" : ""),
    maybe(
      rng,
      `setpoints: [{ seconds: 0, x: ${rng.normal()} }, { seconds: ${rng.uniform(1, 9)}, x: 1 }]`,
    ),
    maybe(rng, `start: { ${rng.below(2) === 0 ? home : "softSeconds: 0.25"} }`),
    maybe(rng, `commandTtlMs: ${numberOf(rng, 1, 1000)}`),
    maybe(rng, `observationAgeMs: ${numberOf(rng, 1, 1000)}`),
    maybe(rng, `swap: { blendSeconds: ${numberOf(rng, 0, 60)}, limitedMax: 0.${rng.below(99)} }`),
    maybe(rng, `realTime: ${["auto", "off", "required"][rng.below(3)]}`),
    maybe(rng, `onMiss: ${["coast", "hold", "stop"][rng.below(3)]}`),
    [
      "",
      "fallback: stop\n",
      "fallback: hold\nrecoverSeconds: null\n",
      "fallback: hold\nrecoverSeconds: 2.5\n",
      `fallback: hold\nrecoverSeconds: 2\nrecoverMost: ${1 + rng.below(10)}\n`,
    ][rng.below(5)],
    maybe(rng, `log: { directory: "logs of ${rng.below(9)}" }`),
  ].join("");
}

test("robot: what is printed is read as the same robot", () => {
  for (let seed = 0; seed < 600; seed++) {
    const text = robotText(new Rng(seed), seed % 6);
    const robot = parseRobot(text, path);
    assert.deepEqual(again(robot), robot, `seed ${seed}:\n${text}\n${printRobot(robot)}`);
  }
});

test("robot: each robot of docs/robot.md is printed and read as the same", () => {
  const blocks = readFileSync("docs/robot.md", "utf8").matchAll(/```yaml\n(robot:[^`]*)```/g);
  const texts = [...blocks].map(([, text]) => text);
  assert.ok(texts.length >= 5);
  for (const text of texts) {
    const robot = parseRobot(text, path);
    assert.deepEqual(again(robot), robot, text);
  }
});

function channel(name: string, unit: string, low = -1, high = 1): Channel {
  return { name, unit, low, high };
}

const servoSpec: Spec = {
  observation: [
    ...joints.map((joint) => channel(`${joint}_position`, "rad")),
    channel("pan_velocity", "rad/s"),
  ],
  action: joints.map((joint) => channel(`${joint}_position`, "rad")),
  periodUs: 20_000,
};
const torqueSpec: Spec = {
  observation: [channel("pan_position", "rad"), channel("pan_velocity", "rad/s")],
  action: [channel("pan_torque", "N*m", -0.1, 0.3), channel("lift_torque", "N*m")],
  periodUs: 10_000,
};

/** A place or a torque with ends, and the others without. */
function jointsOf(rng: Rng, { action, observation }: Spec): Robot["joints"] {
  // At no more than it brakes by, a torque is safe for however long it acts.
  const deceleration = numberOf(rng, 1, 9);
  const ended = {
    ...{ position: observation[0].name, velocity: "pan_velocity", low: -0.7, high: 0.4 },
    deceleration,
    ...(action[0].unit === "N*m" && { acceleration: numberOf(rng, 0.5, deceleration) }),
    ...(rng.below(2) === 0 && { beyondMax: numberOf(rng, 0.01, 0.5) }),
  };
  const { length } = action;
  const unlimited = Array.from({ length }, (): JointChoice => ({ unlimited: true }));
  const joints = rng.below(4) === 0 ? unlimited : unlimited.with(0, ended);
  return Object.fromEntries(action.map(({ name }, at) => [name, joints[at]]));
}

test("robot: what a file leaves out is filled in, and is the same once more", () => {
  for (let seed = 0; seed < 300; seed++) {
    const rng = new Rng(seed);
    const kind = seed % 6;
    const spec = kind < 2 || kind > 3 ? torqueSpec : servoSpec;
    const whole = parseRobot(robotText(rng, kind), path);
    const [{ name }] = spec.action;
    const tight = { [name]: { high: 0.05, ...(spec === torqueSpec && { rateMax: 0.1 + seed }) } };
    const joints = rng.below(2) === 0 ? undefined : jointsOf(rng, spec);
    const robot = { ...whole, limits: rng.below(2) === 0 ? {} : tight, joints, setpoints: [] };
    const filled = effectiveRobot(robot, spec, "p.onnx");
    const where = `seed ${seed}:\n${printRobot(filled)}`;
    assert.deepEqual(again(filled), filled, where);
    assert.deepEqual(effectiveRobot(again(filled), spec, "p.onnx"), filled, where);
    // It is the same robot to the gate and to the device.
    assert.deepEqual(limitsOfRobot(filled, spec), limitsOfRobot(robot, spec), where);
    assert.equal(commandTtlUs(filled, spec), commandTtlUs(robot, spec), where);
    assert.deepEqual(
      Object.keys(filled.limits),
      spec.action.map((one) => one.name),
    );
  }
});

test("robot: a time that a file cannot say stays left out", () => {
  const robot = parseRobot("robot: a\nlink: { serial: { path: p } }\n", path);
  for (const [periodUs, ttlMs, ageMs] of [
    [10_000, 20, 20],
    [400_000, 100, 800],
    [600_000, 100, undefined],
    [400, undefined, undefined],
  ] as const) {
    const spec = { ...torqueSpec, periodUs };
    const filled = effectiveRobot(robot, spec, "p");
    assert.deepEqual([filled.commandTtlMs, filled.observationAgeMs], [ttlMs, ageMs]);
    assert.deepEqual(limitsOfRobot(again(filled), spec), limitsOfRobot(robot, spec));
    assert.equal(commandTtlUs(again(filled), spec), commandTtlUs(robot, spec));
  }
});

test("robot: the file says what its owner may say, and nothing else", () => {
  const text =
    "robot: a\nlink: { mqtt: { url: 'mqtt://h:1' } }\nsetpoints: [{ seconds: 0, x: 1 }]\n";
  assert.deepEqual(fileOf(parseRobot(text, path)), {
    robot: "a",
    link: { mqtt: { url: "mqtt://h:1", prefix: "sinew", protocolVersion: 5 } },
    control: { between: "hold" },
    limits: {},
    onMiss: "coast",
    fallback: "stop",
    swap: { blendSeconds: 0.5, watchSeconds: 10, limitedMax: 0.25 },
    realTime: "auto",
    log: { directory: "logs" },
    setpoints: [{ seconds: 0, x: 1 }],
  });
});
