import assert from "node:assert/strict";
import { test } from "node:test";
import { SinewError } from "../../src/core/errors.ts";
import type { Spec } from "../../src/core/spec.ts";
import { commandTtlUs, limitsOfRobot, parseRobot } from "../../src/edge/robot.ts";
import { holdTermsOf } from "../../src/edge/robot-hold.ts";
import { printRobot } from "../../src/edge/robot-print.ts";
import type { HoldTimes } from "../../src/safety/hold.ts";
import type { FallbackChoice } from "../../src/safety/recovery.ts";

const spec: Spec = {
  observation: [{ name: "angle", unit: "rad", low: -4, high: 4 }],
  action: [{ name: "torque", unit: "N*m", low: -2, high: 2 }],
  periodUs: 20_000,
};

function refuses(source: string, line: RegExp): void {
  assert.throws(
    () => parseRobot(source, "robot.yaml"),
    (error: unknown) => {
      assert.ok(error instanceof SinewError);
      assert.equal(error.code, "robot-file");
      assert.match(error.message, line);
      assert.ok(!error.message.includes("\n"));
      return true;
    },
  );
}

test("robot: a short file gets defaults that work", () => {
  const robot = parseRobot(
    "robot: arm-1\nlink: { serial: { path: /dev/ttyACM0 } }\n",
    "robot.yaml",
  );
  assert.deepEqual(robot.link, { serial: { path: "/dev/ttyACM0", baud: 1_000_000 } });
  assert.deepEqual(robot.log, { directory: "logs" });
  assert.equal(commandTtlUs(robot, spec), 40_000);
  assert.equal(commandTtlUs(robot, { ...spec, periodUs: 80_000 }), 100_000);
  assert.deepEqual(limitsOfRobot(robot, spec).action, [{ low: -2, high: 2, rateMax: 200 }]);
});

test("robot: limits are tightened by channel", () => {
  const robot = parseRobot(
    "robot: a\nlink: { mqtt: { url: 'mqtt://h:1' } }\nlimits: { torque: { high: 1 } }\n",
    "robot.yaml",
  );
  assert.deepEqual(robot.link, {
    mqtt: { url: "mqtt://h:1", prefix: "sinew", robot: "a", protocolVersion: 5 },
  });
  assert.equal(limitsOfRobot(robot, spec).action[0].high, 1);
  const patient = parseRobot(
    "robot: a\nlink: { serial: { path: p } }\ncommandTtlMs: 300\nobservationAgeMs: 250\n",
    "robot.yaml",
  );
  assert.equal(commandTtlUs(patient, spec), 300_000);
  assert.equal(limitsOfRobot(patient, spec).ageUsMax, 250_000);
  const wrong = parseRobot(
    "robot: a\nlink: { mqtt: { url: 'mqtt://h:1' } }\nlimits: { torqe: { high: 1 } }\n",
    "robot.yaml",
  );
  assert.throws(() => limitsOfRobot(wrong, spec), /"torqe" is no action channel/);
});

test("robot: what is done about skipped cycles", () => {
  const source = "robot: a\nlink: { serial: { path: p } }\n";
  assert.equal(parseRobot(source, "robot.yaml").onMiss, "coast");
  for (const onMiss of ["coast", "hold", "stop"]) {
    assert.equal(parseRobot(`${source}onMiss: ${onMiss}\n`, "robot.yaml").onMiss, onMiss);
  }
  assert.equal(parseRobot(source, "robot.yaml").realTime, "auto");
  refuses(`${source}realTime: yes\n`, /^robot\.yaml:3:11: "realTime": give auto, off or req/);
  refuses(`${source}onMiss: skip\n`, /^robot\.yaml:3:9: "onMiss": give coast, hold or stop/);
});

test("robot: what is done about a policy that fails", () => {
  const source = "robot: a\nlink: { serial: { path: p } }\n";
  const choiceOf = (text: string): FallbackChoice => {
    return holdTermsOf(parseRobot(source + text, "robot.yaml"), spec).fallback;
  };
  const held = { fallback: "hold", recoverCycles: null, recoverMost: 1 };
  assert.deepEqual(choiceOf(""), { ...held, fallback: "stop" });
  assert.deepEqual(choiceOf("fallback: hold\n"), held);
  assert.deepEqual(choiceOf("fallback: hold\nrecoverSeconds: null\n"), held);
  const cycles = Math.round(2e6 / spec.periodUs);
  const recovers = { ...held, recoverCycles: cycles, recoverMost: 3 };
  assert.deepEqual(choiceOf("fallback: hold\nrecoverSeconds: 2\n"), recovers);
  const often = "fallback: hold\nrecoverSeconds: 2\nrecoverMost: 7\n";
  assert.deepEqual(choiceOf(often), { ...recovers, recoverMost: 7 });
  refuses(`${source}fallback: coast\n`, /^robot\.yaml:3:11: "fallback": give stop or hold/);
  refuses(`${source}recoverSeconds: 2\n`, /^robot\.yaml:3:17: .*give fallback: hold/);
  refuses(`${source}fallback: hold\nrecoverMost: 2\n`, /:4:14: .*needs recoverSeconds/);
  for (const bad of ["0", "0.4", "601", ".nan", ".inf", "soon"]) {
    refuses(`${source}fallback: hold\nrecoverSeconds: ${bad}\n`, /:4:17: "recoverSeconds"/);
  }
  for (const bad of ["0", "11", "1.5", ".nan"]) {
    const text = `fallback: hold\nrecoverSeconds: 1\nrecoverMost: ${bad}\n`;
    refuses(source + text, /:5:14: "recoverMost"/);
  }
});

test("robot: how long a hold takes to come and to go", () => {
  const timesOf = (text: string): HoldTimes => {
    const source = `robot: a\nlink: { serial: { path: p } }\n${text}`;
    return holdTermsOf(parseRobot(source, "robot.yaml"), { ...spec, periodUs: 20_000 }).times;
  };
  assert.deepEqual(timesOf(""), { easeCycles: 5, returnCycles: 25 });
  assert.deepEqual(timesOf("swap: { blendSeconds: 2 }\n"), { easeCycles: 5, returnCycles: 100 });
  const soft = "start: { softSeconds: 0.2 }\nswap: { blendSeconds: 2 }\n";
  assert.deepEqual(timesOf(soft), { easeCycles: 5, returnCycles: 10 });
});

test("robot: the policy and how each actuator stops", () => {
  const source = "robot: a\nlink: { serial: { path: p } }\n";
  const plain = parseRobot(source, "robot.yaml");
  assert.equal(plain.policy, undefined);
  assert.equal(plain.stops, undefined);
  const how = "stops:\n  a: off\n  b: { hold: b_angle }\n  c: ramp_to_zero\n";
  const said = `${source}policy: p.onnx\n${how}`;
  const { policy, stops } = parseRobot(said, "robot.yaml");
  assert.equal(policy, "p.onnx");
  assert.deepEqual(stops, { a: "off", b: { hold: "b_angle" }, c: "ramp_to_zero" });
  refuses(
    `${source}stops: { a: brake }\n`,
    /^robot\.yaml:3:13: "stops\.a": give ramp_to_zero, off/,
  );
  refuses(`${source}stops: { a: { hold: 3 } }\n`, /^robot\.yaml:3:/);
});

const arm = `robot: arm-1
link:
  feetech:
    path: /dev/ttyACM0
    servos:
      - { id: 1, joint: pan, zeroCounts: 2048 }
      - { id: 2, joint: lift, zeroCounts: 1900, sign: -1, maxSpeed: 0.5 }
`;

test("robot: servos straight on a line, with defaults that are slow", () => {
  const { link } = parseRobot(arm, "robot.yaml");
  const servos = [
    { id: 1, joint: "pan", zeroCounts: 2048, sign: 1, maxSpeed: 1 },
    { id: 2, joint: "lift", zeroCounts: 1900, sign: -1, maxSpeed: 0.5 },
  ];
  assert.deepEqual(link, { feetech: { path: "/dev/ttyACM0", baud: 1_000_000, servos } });
});

test("robot: every mistake about a servo gives line and column", () => {
  const instead = (from: string, to: string, line: RegExp): void => {
    assert.ok(arm.includes(from));
    refuses(arm.replace(from, to), line);
  };
  instead("id: 2", "id: 1", /:7:\d+: "link.feetech.servos.1.id": 1 is given twice/);
  instead("id: 2", "id: 254", /:7:\d+: "link.feetech.servos.1.id"/);
  instead("joint: lift", "joint: pan", /:7:\d+: "link.feetech.servos.1.joint": pan is given twice/);
  instead("joint: lift", "joint: Lift", /:7:\d+: "link.feetech.servos.1.joint": give a name like/);
  instead("sign: -1", "sign: 2", /:7:\d+: "link.feetech.servos.1.sign": give 1 or -1/);
  instead("maxSpeed: 0.5", "maxSpeed: 9", /:7:\d+: "link.feetech.servos.1.maxSpeed"/);
  instead("maxSpeed: 0.5", "maxSpeed: 0", /:7:\d+: "link.feetech.servos.1.maxSpeed"/);
  instead("maxSpeed: 0.5", "speed: 1", /:7:\d+: unknown key "link.feetech.servos.1.speed"/);
  instead("zeroCounts: 1900", "zeroCounts: 4096", /:7:\d+: "link.feetech.servos.1.zeroCounts"/);
  instead(", zeroCounts: 2048", "", /:6:\d+: "link.feetech.servos.0.zeroCounts" is missing/);
  refuses("robot: a\nlink: { feetech: { path: p, servos: [] } }\n", /:2:\d+: .*at least one servo/);
  refuses(`${arm}stops: { lift_position: off }\n`, /:8:\d+: stops: servos hold their place/);
  refuses(
    `${arm}limits: { lift_position: { rateMax: 2 } }\n`,
    /:8:\d+: "limits.lift_position.rateMax": servos have no rateMax: give maxSpeed/,
  );
});

test("robot: Feetech servos of the SCS series have counts, a span and speeds of their own", () => {
  const scs = arm
    .replace("servos:", "series: scs\n    spanDegrees: 300\n    servos:")
    .replace("zeroCounts: 2048", "zeroCounts: 1023")
    .replace("zeroCounts: 1900", "zeroCounts: 0")
    .replace("maxSpeed: 0.5", "maxSpeed: 10.4");
  const { link } = parseRobot(scs, "robot.yaml");
  assert.ok("feetech" in link && link.feetech.series === "scs");
  assert.equal(link.feetech.spanDegrees, 300);
  assert.deepEqual(
    link.feetech.servos.map(({ zeroCounts, maxSpeed }) => [zeroCounts, maxSpeed]),
    [
      [1023, 1],
      [0, 10.4],
    ],
  );
  const same = parseRobot(printRobot(parseRobot(scs, "robot.yaml")), "robot.yaml");
  assert.deepEqual(same.link, link);
  const sts = parseRobot(arm.replace("servos:", "series: sts\n    servos:"), "robot.yaml").link;
  assert.ok("feetech" in sts && sts.feetech.series === "sts");
});

test("robot: what is wrong with a series gives line and column", () => {
  const scs = arm
    .replace("servos:", "series: scs\n    spanDegrees: 300\n    servos:")
    .replace("zeroCounts: 2048", "zeroCounts: 512")
    .replace("zeroCounts: 1900", "zeroCounts: 500");
  parseRobot(scs, "robot.yaml");
  const series = '"link.feetech.series"';
  const span = '"link.feetech.spanDegrees"';
  refuses(scs.replace("scs\n", "SCS\n"), new RegExp(`:5:13: ${series}: give sts or scs`));
  const silent = scs.replace("    spanDegrees: 300\n", "");
  refuses(silent, new RegExp(`:5:13: ${span} is missing: give what counts 0 to 1023 span, 300 by`));
  refuses(scs.replace("300\n", "unknown\n"), new RegExp(`:6:18: ${span} is unknown: fill it in`));
  refuses(scs.replace("300\n", "5.24\n"), new RegExp(`:6:18: ${span}`));
  refuses(scs.replace("300\n", "361\n"), new RegExp(`:6:18: ${span}`));
  const turn = scs.replace("    series: scs\n", "");
  refuses(turn, new RegExp(`:5:18: ${span}: 4096 counts are one turn: leave it out`));
  const beyond = /:9:\d+: "link.feetech.servos.1.zeroCounts": 1024, at most 1023/;
  refuses(scs.replace("zeroCounts: 500", "zeroCounts: 1024"), beyond);
  refuses(scs.replace("0.5", "10.5"), /:9:\d+: "link.feetech.servos.1.maxSpeed"/);
  refuses(
    arm.replace("maxSpeed: 0.5", "maxSpeed: 5.3"),
    /:7:\d+: "link.feetech.servos.1.maxSpeed": 5.3, at most 5.2/,
  );
});

test("robot: Dynamixel servos have ids, speeds and a watchdog of their own", () => {
  const x = arm.replace("feetech:", "dynamixel:");
  const { link } = parseRobot(x, "robot.yaml");
  assert.ok("dynamixel" in link);
  assert.equal(link.dynamixel.watchdogMs, 100);
  assert.equal(link.dynamixel.servos[1].maxSpeed, 0.5);
  const watched = (ms: string): string => x.replace("servos:", `watchdogMs: ${ms}\n    servos:`);
  const slower = parseRobot(watched("240"), "robot.yaml").link;
  assert.ok("dynamixel" in slower && slower.dynamixel.watchdogMs === 240);
  refuses(watched("90"), /:5:\d+: "link.dynamixel.watchdogMs": give a multiple of 20/);
  refuses(watched("0"), /:5:\d+: "link.dynamixel.watchdogMs"/);
  refuses(watched("520"), /:5:\d+: "link.dynamixel.watchdogMs"/);
  refuses(watched("soon"), /:5:\d+: "link.dynamixel.watchdogMs": give a number/);
  refuses(x.replace("id: 2", "id: 253"), /:7:\d+: "link.dynamixel.servos.1.id"/);
  refuses(x.replace("id: 2", "id: 1"), /:7:\d+: "link.dynamixel.servos.1.id": 1 is given twice/);
  refuses(x.replace("0.5", "11"), /:7:\d+: "link.dynamixel.servos.1.maxSpeed"/);
  refuses(`${x}stops: { lift_position: off }\n`, /:8:\d+: stops: servos hold their place/);
  refuses(
    arm.replace("servos:", "watchdogMs: 100\n    servos:"),
    /:5:\d+: unknown key "link.feetech.watchdogMs"/,
  );
});

const axes = `robot: pole
link:
  odrive:
    path: /dev/ttyACM0
    watchdogMs: 100
    axes:
      - { axis: 0, joint: pan }
      - { axis: 1, joint: lift, sign: -1, gear: 8, zeroTurns: -0.5, maxSpeed: 2 }
`;

test("robot: the axes of an ODrive, with defaults that are slow", () => {
  const { link } = parseRobot(`${axes}stops: { pan_position: off }\n`, "robot.yaml");
  const motors = [
    { id: 0, joint: "pan", sign: 1, gear: 1, zeroTurns: 0, maxSpeed: 1 },
    { id: 1, joint: "lift", sign: -1, gear: 8, zeroTurns: -0.5, maxSpeed: 2 },
  ];
  const odrive = { path: "/dev/ttyACM0", baud: 115_200, watchdogMs: 100, motors };
  assert.deepEqual(link, { odrive });
  const unwatched = parseRobot(axes.replace("    watchdogMs: 100\n", ""), "robot.yaml").link;
  assert.deepEqual(unwatched, { odrive: { ...odrive, watchdogMs: undefined } });
});

test("robot: every mistake about an axis gives line and column", () => {
  const instead = (from: string, to: string, line: RegExp): void => {
    assert.ok(axes.includes(from));
    refuses(axes.replace(from, to), line);
  };
  instead("axis: 1", "axis: 0", /:8:\d+: "link.odrive.axes.1.axis": 0 is given twice/);
  instead("axis: 1", "axis: 2", /:8:\d+: "link.odrive.axes.1.axis"/);
  instead("joint: lift", "joint: pan", /:8:\d+: "link.odrive.axes.1.joint": pan is given twice/);
  instead("gear: 8", "gear: 0", /:8:\d+: "link.odrive.axes.1.gear"/);
  instead("maxSpeed: 2", "maxSpeed: 101", /:8:\d+: "link.odrive.axes.1.maxSpeed"/);
  instead("zeroTurns: -0.5", "zeroTurns: .nan", /:8:\d+: "link.odrive.axes.1.zeroTurns"/);
  instead("watchdogMs: 100", "watchdogMs: 5000", /:5:\d+: "link.odrive.watchdogMs"/);
  instead("watchdogMs: 100", "watchdog: 100", /:5:\d+: unknown key "link.odrive.watchdog"/);
  refuses("robot: a\nlink: { odrive: { path: p, axes: [] } }\n", /:2:\d+: .*at least one axis/);
  refuses(
    `${axes}limits: { lift_position: { rateMax: 2 } }\n`,
    /:9:\d+: "limits.lift_position.rateMax": a position has no rateMax: give maxSpeed/,
  );
  parseRobot(`${axes}limits: { lift_torque: { rateMax: 2 } }\n`, "robot.yaml");
});

const moteus = `robot: leg
link:
  moteus:
    path: /dev/ttyACM0
    adapter: fdcanusb
    motors:
      - { id: 1, joint: hip }
      - { id: 2, joint: knee, sign: -1, zeroTurns: 0.25, maxSpeed: 4 }
`;

test("robot: moteus drives, which are always watched", () => {
  const { link } = parseRobot(moteus, "robot.yaml");
  const motors = [
    { id: 1, joint: "hip", sign: 1, gear: 1, zeroTurns: 0, maxSpeed: 1 },
    { id: 2, joint: "knee", sign: -1, gear: 1, zeroTurns: 0.25, maxSpeed: 4 },
  ];
  const line = { path: "/dev/ttyACM0", baud: 921_600, adapter: "fdcanusb", watchdogMs: 100 };
  assert.deepEqual(link, { moteus: { ...line, motors } });
});

test("robot: every mistake about a moteus gives line and column", () => {
  const instead = (from: string, to: string, line: RegExp): void => {
    assert.ok(moteus.includes(from));
    refuses(moteus.replace(from, to), line);
  };
  instead("id: 2", "id: 1", /:8:\d+: "link.moteus.motors.1.id": 1 is given twice/);
  instead("id: 2", "id: 127", /:8:\d+: "link.moteus.motors.1.id"/);
  instead("joint: knee", "joint: hip", /:8:\d+: "link.moteus.motors.1.joint": hip is given twice/);
  instead("adapter: fdcanusb", "adapter: can", /:5:\d+: "link.moteus.adapter": give fdcanusb or/);
  instead("    adapter: fdcanusb\n", "", /"link.moteus.adapter" is missing/);
  instead("adapter: fdcanusb", "adapter: uart", /:4:\d+: "link.moteus": a UART has one moteus/);
  for (const ms of ["9", "701", "99.5"]) {
    const line = /:5:\d+: "link.moteus.watchdogMs"/;
    instead("adapter: fdcanusb", `watchdogMs: ${ms}\n    adapter: fdcanusb`, line);
  }
});

test("robot: setpoints and a start, with defaults that are slow", () => {
  const source = "robot: a\nlink: { serial: { path: p } }\n";
  const plain = parseRobot(source, "robot.yaml");
  assert.deepEqual([plain.setpoints, plain.start], [[], undefined]);
  const rows = "setpoints: [{ seconds: 0, x: 0.1 }, { seconds: 2.5, x: -1 }]\n";
  const home = "start: { home: { arm_position: 0.5 } }\n";
  const { setpoints, start } = parseRobot(source + rows + home, "robot.yaml");
  assert.deepEqual(setpoints, [
    { seconds: 0, values: { x: 0.1 } },
    { seconds: 2.5, values: { x: -1 } },
  ]);
  assert.deepEqual(start, { home: { arm_position: 0.5 }, speed: 0.5, softSeconds: 1 });
  const soft = parseRobot(`${source}start: { softSeconds: 0 }\n`, "robot.yaml").start;
  assert.deepEqual(soft, { speed: 0.5, softSeconds: 0 });
  refuses(`${source}setpoints: [{ seconds: 0 }]\n`, /:3:13: .*at least one channel/);
  refuses(`${source}setpoints: [{ seconds: -1, x: 0 }]\n`, /:3:24: "setpoints.0.seconds"/);
  refuses(`${source}setpoints: [{ seconds: 0, x: far }]\n`, /:3:30: .*give a number/);
  refuses(`${source}start: { speed: 0 }\n`, /:3:17: "start.speed"/);
  refuses(`${source}start: { speed: 0.001 }\n`, /:3:17: "start.speed"/);
  refuses(`${source}start: { near: 0 }\n`, /:3:16: "start.near"/);
  // No faster than the slowest joint.
  const slow = arm.replace("maxSpeed: 0.5", "maxSpeed: 0.2");
  assert.equal(parseRobot(`${slow}${home}`, "robot.yaml").start!.speed, 0.2);
  const fast = (speed: number): string =>
    `${slow}${home.replace("start: {", `start: { speed: ${speed},`)}`;
  assert.equal(parseRobot(fast(0.1), "robot.yaml").start!.speed, 0.1);
  refuses(fast(0.3), /:8:17: "start.speed" is 0.3: lift has maxSpeed 0.2/);
  refuses(`${source}start: { softSeconds: 61 }\n`, /:3:23: "start.softSeconds"/);
  refuses(`${source}start: { spede: 1 }\n`, /:3:\d+: unknown key "start.spede"/);
});

test("robot: every error gives line and column", () => {
  refuses("robot: a\nlink: { serial: { path: /dev/x }\n", /^robot\.yaml:3:1: /);
  refuses("robot: a\nrobot: b\n", /^robot\.yaml:2:1: .*unique/);
  refuses("robot: a\nlink:\n  serial: { path: /dev/x, boud: 9600 }\n", /:3:\d+: unknown key "link/);
  refuses("robot: a\nlink:\n  serial: { path: /dev/x, baud: fast }\n", /:3:33: "link.serial.baud"/);
  refuses("robot: a\n", /^robot\.yaml:1:1: "link" is missing/);
  refuses("robot: a\nlink: {}\n", /:2:7: link: give exactly one of serial, mqtt/);
  refuses("robot: Arm 1\nlink: {serial: {path: a}}\n", /:1:8: "robot": give a name like/);
  refuses("robot: a\nlink: {mqtt: {url: 'http://h'}}\n", /:2:20: "link.mqtt.url": give mqtt:/);
  refuses("robot: a\nlink: {serial: {path: a}}\ncommandTtlMs: .nan\n", /:3:15: "commandTtlMs"/);
  refuses("- 1\n", /^robot\.yaml:1:1: "robot" is missing/);
  refuses("", /^robot\.yaml:1:1: this is no robot file/);
  refuses("robot: !!js/function 'x'\n", /^robot\.yaml:1:/);
});
