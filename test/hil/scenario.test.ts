import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { SinewError } from "../../src/core/errors.ts";
import { DeviceRecord } from "../../src/hil/device-record.ts";
import { driven } from "../../src/hil/driven.ts";
import { hilPage } from "../../src/hil/hil-page.ts";
import { junitOf } from "../../src/hil/junit.ts";
import { parseScenario } from "../../src/hil/scenario.ts";
import { misfit, permittedOf, suits, type Trial } from "../../src/hil/trial.ts";

const folder = "test/hil/scenarios";

test("scenario: every file is one, and what is left out has a default", () => {
  const names = readdirSync(folder);
  assert.ok(names.length >= 32);
  for (const name of names) {
    parseScenario(name.slice(0, -5), readFileSync(join(folder, name), "utf8"), name);
  }
  const { fault, expect, seconds, link } = parseScenario(
    "a",
    "about: a\nfault: { kind: drop }\nexpect: { end: stopped, reason: host }\n",
    "a.yaml",
  );
  assert.deepEqual(fault, { kind: "drop", on: "to_device", share: 1, ms: 150, from: 1, to: 1e6 });
  const rest = { says: null, holds: null, settles: null, withinMs: 100, stepMax: null };
  assert.deepEqual(expect, { end: "stopped", reason: ["host"], ...rest });
  assert.deepEqual([seconds, link], [2.5, "serial"]);
});

const wrong: readonly [string, RegExp][] = [
  ["about: a\n", /^a\.yaml:1:1: .*expect/],
  ["about: a\nexpect: { end: lives }\n", /^a\.yaml:2:16: "expect\.end": give one of drives/],
  ["about: a\nfault: { kind: rust }\nexpect: { end: drives }\n", /^a\.yaml:2:16: .*give one of/],
  ["about: a\nfaults: {}\nexpect: { end: drives }\n", /^a\.yaml:2:\d+: unknown key "faults"/],
  ["about: a\nfault: { kind: stale, on: both }\nexpect: { end: drives }\n", /:2:\d+: .*say which/],
  ["about: a\nfault: { kind: stuck, on: to_device }\nexpect: { end: drives }\n", /leave on out/],
  ["about: a\nfault: { kind: nan, share: 0.1 }\nexpect: { end: drives }\n", /leave share out/],
  ["about: a\nfault: { kind: drop, from: 2, to: 1 }\nexpect: { end: drives }\n", /does nothing/],
  ["about: a\nfault: { kind: drop, from: 3 }\nexpect: { end: drives }\n", /2\.5 s are over/],
  ["about: a\nexpect: { end: drives, says: '(' }\n", /give a regular expression/],
  ["about: a\nsignature: bad\nexpect: { end: drives }\n", /"signature": give one of good, none, o/],
  ["about: a\nfault: { kind: drop, share: 2 }\nexpect: { end: drives }\n", /at most 1/],
  ["about: a\nexpect: { end: stopped }\n", /:2:\d+: say the reason of the stop/],
  ["about: a\nexpect: { end: stopped, reason: rust }\n", /"expect.reason": give one of/],
  ["about: a\nexpect: { end: refused }\n", /:2:\d+: say what the host says/],
  ["about: a\ndrives: car\nexpect: { end: drives }\n", /:2:9: .*give one of pendulum/],
  ["about: a\npolicy: bad\nexpect: { end: drives }\n", /:2:9: .*give one of sound.*\.onnx/],
  [
    "about: a\ndrives: heater\npolicy: nan\nexpect: { end: drives }\n",
    /:3:9: "nan" is a policy for the pendulum/,
  ],
  [
    "about: a\ndrives: torque-motor\npolicy: slow\nexpect: { end: drives }\n",
    /:3:9: "slow" is a policy for the pendulum/,
  ],
  [
    "about: a\nexpect:\n  end: refused\n  says: a\n" +
      "  settles: { channel: a, low: 0, high: 1, seconds: 1 }\n",
    /^a\.yaml:5:\d+: only who drives to the end settles/,
  ],
  [
    "about: a\nexpect: { end: drives, settles: { channel: a, low: 0, high: 1, seconds: 0 } }\n",
    /"expect\.settles\.seconds": give a number above 0/,
  ],
  [
    "about: a\nexpect: { end: drives, holds: { times: 0.5, brings: x } }\n",
    /"expect\.holds\.times": give a whole number/,
  ],
  ["about: a\ndrives: my.bin\nexpect: { end: drives }\n", /"sound" is a policy for the pendulum/],
  ["about: a\nrobot: { link: {} }\nexpect: { end: drives }\n", /"robot.link" is the rig's own/],
  ["about: a\nrobot: { channels: {} }\nexpect: { end: drives }\n", /"robot.channels" is the rig's/],
  ["about: a\nrobot: { onMiss: cry }\nexpect: { end: drives }\n", /:2:8: .*give coast, hold or/],
  ["about: a\ndrives: pd-servo\nexpect: { end: drives }\n", /joint_target.*say how it stops/],
  [
    "about: a\norders: [{ at: 1, order: jump }]\nexpect: { end: drives }\n",
    /"orders.0.order": give one of arm, stop/,
  ],
  ["about: a\norders: [{ at: 9, order: swap }]\nexpect: { end: drives }\n", /2\.5 s are over/],
  ["about: a\norders: [{ at: 1, order: shadow }]\nexpect: { end: drives }\n", /say which policy/],
  [
    "about: a\norders: [{ at: 1, order: swap, policy: nan }]\nexpect: { end: drives }\n",
    /:2:\d+: "swap" takes no policy/,
  ],
  [
    "about: a\norders: [{ at: 1, order: swap, no: a, orNo: b }]\nexpect: { end: drives }\n",
    /:2:\d+: give "no", or "orNo" where a yes is right/,
  ],
];
for (const [source, line] of wrong) {
  test(`scenario: ${JSON.stringify(source)} is refused with its place`, () => {
    assert.throws(
      () => parseScenario("a", source, "a.yaml"),
      (error) => error instanceof SinewError && line.test(error.message),
    );
  });
}

test("scenario: outputs are judged by what the host's gate is to permit, where it says so", () => {
  const read = (name: string) => {
    const path = join(folder, `${name}.yaml`);
    return parseScenario(name, readFileSync(path, "utf8"), path);
  };
  const [held, free] = [read("hold"), read("nominal")].map((one) => {
    return permittedOf(one, driven[one.drives])[0];
  });
  assert.deepEqual(
    [held.name, held.low, held.high],
    ["motor_torque", Math.fround(-0.0016), Math.fround(0.0016)],
  );
  assert.deepEqual([free.name, free.low, free.high], ["pole_torque", -2, 2]);
});

const board = (stopLine: boolean) => ({ stopLine, drives: (what: string) => what === "pendulum" });
const short = (words: string) =>
  parseScenario("a", `about: a\n${words}expect: { end: drives }\n`, "a.yaml");

test("scenario: who has no stop line is spared those that open one, and no others", () => {
  for (const stopLine of [true, false]) {
    const target = board(stopLine);
    const pressed = short("fault: { kind: stop_line }\n");
    assert.equal(suits(pressed, target), stopLine);
    assert.equal(misfit(pressed, target), stopLine ? null : "it has no stop line here");
    assert.ok(suits(short("fault: { kind: drop }\n"), target) && suits(short(""), target));
  }
});

test("scenario: a board is spared what there is no image of for it", () => {
  const servo = "drives: pd-servo\nrobot: { stops: { joint_target: off } }\n";
  assert.ok(!suits(short(servo), board(true)));
  assert.match(misfit(short(servo), board(true)) ?? "", /no image of it that drives pd-servo/);
  const motor = short("drives: torque-motor\npolicy: nan\n");
  for (const target of [board(true), board(false)]) {
    assert.match(misfit(motor, target) ?? "", /no image of it that drives torque-motor/);
    assert.equal(misfit(motor, { ...target, drives: () => true }), null);
  }
});

test("scenario: its own policies and images lie beside it, its orders come by their times", () => {
  const orders = "orders: [{ at: 2, order: swap }, { at: 1, order: shadow, policy: b.onnx }]\n";
  const source = `about: a\ndrives: my.bin\npolicy: ../a.onnx\n${orders}expect: { end: drives }\n`;
  const { drives, policy, orders: parsed } = parseScenario("a", source, "/lab/hil/a.yaml");
  assert.deepEqual([drives, policy], ["/lab/hil/my.bin", "/lab/a.onnx"]);
  assert.deepEqual(
    parsed.map(({ at, order, policy }) => [at, order, policy]),
    [
      [1, "shadow", "/lab/hil/b.onnx"],
      [2, "swap", null],
    ],
  );
});

function trialOf(name: string, faults: readonly string[]): Trial {
  const source = 'about: <odd> & "quoted"\nexpect: { end: drives }\n';
  return {
    scenario: parseScenario(name, source, `${name}.yaml`),
    target: "rp2040",
    verdict: { ok: faults.length === 0, timeToSafeMs: 1.25, reason: "expired", faults },
    record: new DeviceRecord(),
    actions: driven["pendulum"].action,
    armedUs: Number.NaN,
    faultUs: Number.NaN,
  };
}

test("junit and page: failures say why, and nothing breaks out of its element", () => {
  const trials = [trialOf("good", []), trialOf("bad", ['told "<1>" & \u0007'])];
  const xml = junitOf(trials);
  assert.match(xml, /<testsuite name="rp2040" tests="2" failures="1">/);
  assert.match(xml, /<testcase classname="rp2040" name="good" time="0\.000"\/>/);
  assert.ok(xml.includes('<failure message="told &quot;&lt;1&gt;&quot; &amp; ?"/>'));
  const page = hilPage(trials, "a title");
  assert.match(page, /1 of 2 failed/);
  assert.match(page, /<td class="ok">1\.3<\/td>/);
  assert.ok(page.includes("&lt;odd&gt; &amp; &quot;quoted&quot;") && !page.includes("<odd>"));
  assert.ok(!/https?:|src=|@import|url\(/.test(page), "no request to anywhere");
});

test("junit and page: every actuator has its curve, in its unit, and a trial its time", () => {
  const record = new DeviceRecord();
  for (const at of [0, 1]) {
    record.seen.push({
      ...{ hostUs: 1e6 + at * 5e5, deviceUs: at, saidUs: at, mode: 1, reason: 0 },
      acknowledged: 0,
      ...{ observation: [], driven: 2, applied: [at, -3 * at] },
    });
  }
  const actions = ["a", "b"].map((name) => ({ name, unit: "rad", low: -3, high: 3 }));
  const trial = { ...trialOf("two", []), record, actions };
  const page = hilPage([trial], "a title");
  assert.equal(page.match(/<polyline points="\S+ \S+"/g)?.length, 2);
  assert.ok(page.includes(">3.0 rad</text>"));
  assert.match(junitOf([trial]), /name="two" time="0\.500"/);
});
