import assert from "node:assert/strict";
import { test } from "node:test";
import type { Spec } from "../../src/core/spec.ts";
import { readYaml } from "../../src/core/yaml.ts";
import { checkRobot, parseRobot } from "../../src/edge/robot.ts";
import { checkWithPolicy } from "../../src/edge/robot-policy.ts";

/** All that is wrong in `lines`, as `line:column message`. */
function told(lines: readonly string[], spec?: Spec): string[] {
  const file = readYaml(`${lines.join("\n")}\n`, "robot.yaml");
  const { robot, mistakes } = checkRobot(file, "robot.yaml");
  if (robot !== null && spec !== undefined) checkWithPolicy(robot, spec, mistakes);
  return mistakes.list().map(({ line, column, message }) => `${line}:${column} ${message}`);
}

function matches(found: readonly string[], expected: readonly RegExp[]): void {
  assert.equal(found.length, expected.length, found.join("\n"));
  for (const [at, pattern] of expected.entries()) assert.match(found[at], pattern);
}

const place = (name: string): { name: string; unit: string; low: number; high: number } => {
  return { name, unit: "rad", low: -1, high: 1 };
};
const spec: Spec = {
  observation: [place("pan_position"), place("lift_position"), { ...place("target"), unit: "m" }],
  action: [place("pan_position"), place("lift_position")],
  periodUs: 20_000,
};
const serial = ["robot: a", "link: { serial: { path: p } }"];
/** Behind all else, so that the lines before it stay where they are. */
const endless = "joints: { pan_position: { unlimited: true }, lift_position: { unlimited: true } }";

test("robot: every mistake is told, each with its place, in the order of the file", () => {
  const lines = [
    "robot: Arm",
    "link:",
    "  serial: { path: '', boud: 9600, parity: none }",
    "limit: {}",
    "limits: { a: { hgih: 1, low: x } }",
    "start: { spede: 1, softSeconds: 99 }",
    "commandTtlMs: 0",
    "zzz: 1",
  ];
  matches(told(lines), [
    /^1:8 "robot": give a name like arm-1/,
    /^3:19 "link\.serial\.path": give a text that is not empty/,
    /^3:23 unknown key "link\.serial\.boud": is it baud\?$/,
    /^3:35 unknown key "link\.serial\.parity": known are path, baud/,
    /^4:1 unknown key "limit": is it limits\?$/,
    /^5:16 unknown key "limits\.a\.hgih": is it high\?$/,
    /^5:30 "limits\.a\.low": give a number/,
    /^6:10 unknown key "start\.spede": is it speed\?$/,
    /^6:33 "start\.softSeconds"/,
    /^7:15 "commandTtlMs"/,
    /^8:1 unknown key "zzz": known are robot, link, /,
  ]);
});

test("robot: what no schema can see is told altogether, too", () => {
  const lines = [
    "robot: a",
    "link:",
    "  feetech:",
    "    path: p",
    "    servos:",
    "      - { id: 1, joint: pan, zeroCounts: 1, maxSpeed: 0.2 }",
    "      - { id: 1, joint: pan, zeroCounts: 2 }",
    "stops: { pan_position: off }",
    "limits: { pan_position: { rateMax: 1 }, b: { rateMax: 2 } }",
    "start: { home: { pan_position: 0 }, speed: 3 }",
  ];
  matches(told(lines), [
    /^7:15 "link\.feetech\.servos\.1\.id": 1 is given twice/,
    /^7:25 "link\.feetech\.servos\.1\.joint": pan is given twice/,
    /^8:8 stops: servos hold their place/,
    /^9:36 "limits\.pan_position\.rateMax": servos have no rateMax/,
    /^9:55 "limits\.b\.rateMax"/,
    /^10:44 "start\.speed" is 3: pan has maxSpeed 0\.2/,
  ]);
});

test("robot: a file that is no YAML is told so first, each fault with its place", () => {
  matches(told(["robot: a", "robot: b", "link: { serial: [ }", "x: @"]), [
    /^2:1 Map keys must be unique/,
    /^3:\d+ /,
    ...told(["robot: a", "robot: b", "link: { serial: [ }", "x: @"])
      .slice(2)
      .map(() => /^\d+:\d+ /),
  ]);
  matches(told(["link: !!js/function 'x'"]), [/^1:\d+ Unresolved tag/]);
  const bomb = ["a: &a [x, x, x, x, x, x, x, x, x, x]"];
  for (const name of "bcdef") {
    const before = String.fromCharCode(name.charCodeAt(0) - 1);
    bomb.push(`${name}: &${name} [${Array.from({ length: 10 }, () => `*${before}`).join(", ")}]`);
  }
  matches(told(bomb), [/^1:1 .*alias/i]);
});

test("robot: the first mistake alone says how many more there are, and where to see them", () => {
  const text = "robot: A\nlink: { serial: { path: p } }\ncolour: red\n";
  assert.throws(
    () => parseRobot(text, "robot.yaml"),
    /: robot\.yaml:1:8: .* \(and 1 more: npx sinew run robot\.yaml --dry-run tells all\)$/,
  );
  const [one] = told(["robot: A", "link: { serial: { path: p } }"]);
  assert.doesNotMatch(one, /more/);
});

test("robot: held against a policy, each wrong name and value is told at its place", () => {
  const lines = [
    ...serial,
    "limits:",
    "  pan_positon: { high: 0.5 }",
    "  lift_position: { high: 3 }",
    "  pan_position: { low: 2 }",
    "  zzzzzzzz: {}",
    "stops: { pan_position: { hold: nowhere }, lift_psition: off }",
    "setpoints: [{ seconds: 1, target: 4 }, { seconds: 0.5, target: 9 }]",
    "start:",
    "  home: { pan_position: 4, elbow: 1 }",
  ];
  const joints = /^1:1 joints: "pan_position" is a place \(rad\): say where its joint ends/;
  matches(told(lines, spec), [
    joints,
    /^4:16 limits: "pan_positon" is no action channel.*; is it pan_position\?$/,
    /^5:18 limits: "lift_position" has the limits \[-1, 3\]: stay within/,
    /^6:17 limits: "pan_position" has the limits \[2, 1\]/,
    /^7:13 limits: "zzzzzzzz" is no action channel: the policy has pan_position, lift_position$/,
    /^8:8 stops: "lift_position" is told in rad.*say how it stops/s,
    /^8:24 stops: "pan_position" is to hold "nowhere", which is no observation/,
    /^8:57 stops: "lift_psition" is no action channel.*; is it lift_position\?$/,
    /^9:13 setpoints: number 1 is at 1 s: begin at 0/,
    /^9:13 setpoints: "target" is 4: give -1 to 1 m/,
    /^9:40 setpoints: number 2 is at 0\.5 s/,
    /^9:40 setpoints: "target" is 9/,
    /^11:9 start\.home: "lift_position" is missing/,
    /^11:25 start\.home: "pan_position" is 4: give -1 to 1 rad/,
    /^11:35 start\.home: "elbow" is no action channel/,
  ]);
});

test("robot: what is wrong with a joint is told at its place, once, whatever else is", () => {
  const lines = [
    ...serial,
    "limits:",
    "  pan_position: { low: 2 }",
    "  lift_position: { high: 0.5 }",
    "joints:",
    "  pan_position:",
    "    { position: pan_position, velocity: nowhere, low: -1, high: 1, deceleration: 3 }",
    "  lift_position: { unlimited: true }",
  ];
  matches(told(lines, spec), [
    /^4:17 limits: "pan_position" has the limits \[2, 1\]/,
    /^8:\d+ joints: "pan_position": velocity: the device tells no "nowhere"/,
  ]);
  matches(told([...serial, "joints: { pan_position: { unlimited: true } }"], spec), [
    /^3:9 joints: "lift_position": it is missing: describe all joints, or none/,
  ]);
  matches(told([...serial, "joints: { a: { unlimited: true, lo: 1 } }"]), [
    /^3:\d+ unknown key "joints.a.lo": is it low\?/,
  ]);
});

test("robot: what a link cannot carry is told before it is opened", () => {
  const servos = [
    "robot: a",
    "link:",
    "  feetech:",
    "    path: /dev/none",
    "    servos: [{ id: 1, joint: pan, zeroCounts: 2048 }]",
    endless,
  ];
  matches(told(servos, { ...spec, observation: spec.observation.slice(0, 2) }), [
    /^4:5 observation "lift_position": no servo of link\.feetech tells it/,
  ]);
  const drive = ["robot: a", "link:", "  odrive:", "    path: p", "    axes:"];
  drive.push("      - { axis: 0, joint: pan }", "      - { axis: 1, joint: lift }");
  const torques = {
    ...spec,
    observation: spec.observation.slice(0, 2),
    action: ["pan_torque", "lift_torque"].map((name) => ({ ...place(name), unit: "N*m" })),
  };
  matches(told(drive, torques), [/^4:5 .*only positions without a watchdog: give watchdogMs/]);
});

test("robot: a sound file has no mistakes, and nothing is opened for that", () => {
  const sound = [
    ...serial,
    "stops: { pan_position: { hold: pan_position }, lift_position: off }",
    "setpoints: [{ seconds: 0, target: 0.5 }]",
    "start: { home: { pan_position: 0, lift_position: 0.5 } }",
    "limits: { pan_position: { high: 0.5 } }",
    endless,
  ];
  assert.deepEqual(told(sound, spec), []);
  assert.deepEqual(told([...serial, endless], spec), []);
});

test("robot: an SCS without its span is one mistake", () => {
  const servo = (id: number, joint: string): string => {
    return `{ id: ${id}, joint: ${joint}, zeroCounts: 512 }`;
  };
  const servos = `servos: [${servo(1, "pan")}, ${servo(2, "lift")}]`;
  const line = `link: { feetech: { path: p, series: scs, ${servos} } }`;
  matches(told(["robot: a", line, "setpoints: [{ seconds: 0, target: 0.5 }]", endless], spec), [
    /^2:37 "link\.feetech\.spanDegrees" is missing/,
  ]);
});
