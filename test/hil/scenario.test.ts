import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { SinewError } from "../../src/core/errors.ts";
import { DeviceRecord } from "../../src/hil/device-record.ts";
import { hilPage } from "../../src/hil/hil-page.ts";
import { junitOf } from "../../src/hil/junit.ts";
import { parseScenario } from "../../src/hil/scenario.ts";
import { lacks, specOf, type Trial } from "../../src/hil/trial.ts";

const folder = "test/hil/scenarios";

test("scenario: every file is one, and what is left out has a default", () => {
  const names = readdirSync(folder);
  assert.ok(names.length >= 32);
  for (const name of names) {
    parseScenario(name.slice(0, -5), readFileSync(join(folder, name), "utf8"), name);
  }
  const { fault, expect, seconds, link } = parseScenario(
    "a",
    "about: a\nfault: { kind: drop }\nexpect: { end: stopped }\n",
    "a.yaml",
  );
  assert.deepEqual(fault, { kind: "drop", on: "to_device", share: 1, ms: 150, from: 1, to: 1e6 });
  assert.deepEqual(expect, {
    ...{ end: "stopped", reason: null, says: null },
    ...{ holds: null, withinMs: 100 },
  });
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
  ["about: a\ndrives: torque-motor\nexpect: { end: drives }\n", /driven by "nan" alone/],
  [
    "about: a\nexpect: { end: drives, holds: { times: 0.5, brings: x } }\n",
    /"expect\.holds\.times": give a whole number/,
  ],
  ["about: a\nfault: { kind: drop, share: 2 }\nexpect: { end: drives }\n", /at most 1/],
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
  const [held, free] = [read("hold"), read("nominal")].map((one) => specOf(one).action[0]);
  assert.deepEqual(
    [held.name, held.low, held.high],
    ["motor_torque", Math.fround(-0.0016), Math.fround(0.0016)],
  );
  assert.deepEqual([free.name, free.low, free.high], ["pole_torque", -2, 2]);
});

test("scenario: a board is spared what it has no stop line or no firmware for, no more", () => {
  const of = (more: string) =>
    parseScenario("a", `about: a\n${more}expect: { end: stopped }\n`, "a.yaml");
  const canDrive = (drives: string): boolean => drives === "pendulum";
  const [whole, poor] = [
    { stopLine: true, canDrive },
    { stopLine: false, canDrive },
  ];
  const line = of("fault: { kind: stop_line }\n");
  assert.deepEqual([lacks(line, whole), lacks(line, poor)], [null, "it has no stop line here"]);
  for (const target of [whole, poor]) {
    assert.equal(lacks(of("fault: { kind: drop }\n"), target), null);
    assert.equal(lacks(of(""), target), null);
    const motor = of("drives: torque-motor\npolicy: nan\n");
    assert.match(lacks(motor, target)!, /no image that drives torque-motor/);
    assert.equal(lacks(motor, { ...target, canDrive: () => true }), null);
  }
});

function trialOf(name: string, faults: readonly string[]): Trial {
  const source = 'about: <odd> & "quoted"\nexpect: { end: drives }\n';
  return {
    scenario: parseScenario(name, source, `${name}.yaml`),
    target: "rp2040",
    verdict: { ok: faults.length === 0, timeToSafeMs: 1.25, reason: "expired", faults },
    record: new DeviceRecord(),
    armedUs: Number.NaN,
    faultUs: Number.NaN,
  };
}

test("junit and page: failures say why, and nothing breaks out of its element", () => {
  const trials = [trialOf("good", []), trialOf("bad", ['told "<1>" & \u0007'])];
  const xml = junitOf(trials);
  assert.match(xml, /<testsuite name="rp2040" tests="2" failures="1">/);
  assert.match(xml, /<testcase classname="rp2040" name="good"\/>/);
  assert.ok(xml.includes('<failure message="told &quot;&lt;1&gt;&quot; &amp; ?"/>'));
  const page = hilPage(trials, "a title");
  assert.match(page, /1 of 2 failed/);
  assert.match(page, /<td class="ok">1\.3<\/td>/);
  assert.ok(page.includes("&lt;odd&gt; &amp; &quot;quoted&quot;") && !page.includes("<odd>"));
  assert.ok(!/https?:|src=|@import|url\(/.test(page), "no request to anywhere");
});
