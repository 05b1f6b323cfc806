import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Spec } from "../../src/core/spec.ts";
import { Mode } from "../../src/core/step.ts";
import { commandNamed } from "../../src/edge/commands.ts";
import { Controls } from "../../src/edge/controls.ts";
import { Count, Request } from "../../src/edge/status.ts";
import { limitsOf } from "../../src/safety/limits.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { DeviceMode } from "../../src/wire/messages.ts";
import { until } from "./board-run.ts";
import { refused, wordsOf } from "./run-words.ts";
import { StagedRun } from "./staged-run.ts";

const [arm, stop, reset, status] = ["arm", "stop", "reset", "status"].map(commandNamed);

function staged(t: TestContext): StagedRun & { readonly controls: Controls } {
  const controls = new Controls();
  const one = Object.assign(new StagedRun(t), { controls });
  controls.attach(one.run);
  return one;
}

test("controls: each command and its answer is kept, and what it did between them", async (t) => {
  const one = staged(t);
  const { controls, run } = one;
  await controls.order(arm, "keyboard");
  const line = /^arm is not permitted while armed; permitted: stop, hold, shadow, status$/;
  await assert.rejects(controls.order(arm, "ctl pid 7"), refused("command", line));
  await assert.rejects(controls.order(reset, "ctl"), refused("command", /reset is not permitted/));
  assert.match(await controls.order(status, "ctl"), /^armed, the device is armed; \d+ cycles/);
  await controls.order(stop, "keyboard");
  await assert.rejects(controls.order(arm, "ctl"), refused("command", /while stopped/));
  assert.equal(await controls.order(reset, "ctl"), "disarmed");
  const report = await run.close();
  const told = wordsOf(one.events);
  assert.deepEqual(told.slice(0, 3), ["arm by keyboard", "disarmed arm armed", "arm: armed"]);
  const rest = told.slice(-10).filter((each) => !each.startsWith("status"));
  assert.deepEqual(rest.slice(-8), [
    "stop by keyboard",
    "armed stop stopped",
    "stop: stopped",
    "arm by ctl",
    "arm: arm is not permitted while stopped; permitted: stop, reset, shadow, status",
    "reset by ctl",
    "stopped reset disarmed",
    "reset: disarmed",
  ]);
  assert.ok(told.includes("status by ctl"));
  const kept = report.commands.map((each) => "command" in each && each.command);
  assert.deepEqual([kept.includes("status"), kept.length], [false, 12]);
});

test("controls: an arm that was stopped before anybody looked was one", async (t) => {
  const { controls, run, stage } = staged(t);
  const { act, also } = stage;
  // While it drives nobody else has a turn.
  stage.act = (seen, action) => {
    return stage.supervisor.mode === Mode.armed ? void action.fill(0.5) : act(seen, action);
  };
  let stops = 0;
  stage.also = (step) => {
    also(step);
    if (step.mode === Mode.armed && stops++ === 0) stage.status.ask(Request.stop);
  };
  assert.equal(await controls.order(arm, "one"), "armed");
  await until("the stop", () => run.status.mode === Mode.stopped);
  assert.equal(stops, 1);
});

test("controls: a stop waits behind nobody, and ends the arm that is waited for", async (t) => {
  const { controls, run, stage } = staged(t);
  stage.cut = true;
  const armed = assert.rejects(controls.order(arm, "one"), refused("handshake", /did not arm/));
  for (const command of [arm, reset]) {
    const line = /arm \(one\) is under way: stop it, or wait for it/;
    await assert.rejects(controls.order(command, "another"), refused("command", line));
  }
  assert.match(await controls.order(status, "another"), /^disarmed/);
  const cycles = run.status.count(Count.cycles);
  const stopped = controls.order(stop, "another");
  await armed;
  // A loop gives an arm up after a second, 20 cycles.
  assert.ok(run.status.count(Count.cycles) < cycles + 10, "the one who waited knows it at once");
  assert.equal(run.status.mode, Mode.stopped);
  stage.cut = false;
  assert.equal(await stopped, "stopped");
  assert.equal(stage.far.accepted, 0, "the arm that was on its way came to nothing");
  await run.close();
});

test("controls: an arm that the loop gave up leaves no stop, and can be asked again", async (t) => {
  const { controls, run, stage } = staged(t);
  stage.cut = true;
  await assert.rejects(controls.order(arm, "test"), refused("handshake", /did not arm/));
  stage.cut = false;
  const cycles = run.status.count(Count.cycles);
  await until("three more cycles", () => run.status.count(Count.cycles) > cycles + 3);
  assert.equal(run.status.mode, Mode.disarmed);
  assert.equal(await controls.order(arm, "test"), "armed");
  await run.close();
  assert.equal(stage.far.mode, DeviceMode.stopped);
});

test("controls: what was asked before the run is answered, kept, and a stop is done", async (t) => {
  const controls = new Controls();
  await assert.rejects(controls.order(arm, "keyboard"), refused("command", /the run is starting/));
  await assert.rejects(controls.order(status, "ctl"), refused("command", /the run is starting/));
  assert.match(await controls.order(stop, "keyboard"), /stopped before anything was armed/);
  const one = new StagedRun(t);
  controls.attach(one.run);
  await until("the stop", () => one.run.status.mode === Mode.stopped);
  assert.deepEqual(wordsOf(one.events).slice(0, 2), [
    "arm by keyboard",
    "arm: the run is starting: wait for it",
  ]);
  assert.ok(wordsOf(one.events).includes("stop by keyboard"));
  await one.run.close();
});

test("controls: whoever ends a run stops an arm that is waited for", async (t) => {
  const one = staged(t);
  const { controls, run, stage } = one;
  stage.cut = true;
  const armed = assert.rejects(controls.order(arm, "test"), refused("handshake", /did not arm/));
  controls.end("signal SIGTERM");
  stage.cut = false;
  await armed;
  const cycles = run.status.count(Count.cycles);
  await until("some more cycles", () => run.status.count(Count.cycles) > cycles + 5);
  assert.ok(wordsOf(one.events).includes("end by signal SIGTERM"));
  assert.ok(!wordsOf(one.events).includes("disarmed arm armed"), "it was never armed");
  await run.close();
});

test("controls: an end of what rests is no stop", async (t) => {
  const one = staged(t);
  one.controls.end("program");
  await one.run.close();
  assert.deepEqual(wordsOf(one.events), ["end by program"]);
  assert.equal(one.stage.far.mode, DeviceMode.disarmed);
});

test("run: a reset waits for a device that is still about to stop", async (t) => {
  const { run, stage } = staged(t);
  stage.far.mode = DeviceMode.stopping;
  await until("the device's word", () => run.status.deviceMode === DeviceMode.stopping);
  const done = run.reset();
  const cycles = run.status.count(Count.cycles);
  await until("three more cycles", () => run.status.count(Count.cycles) > cycles + 3);
  stage.far.mode = DeviceMode.stopped;
  await done;
  assert.equal(stage.far.mode, DeviceMode.disarmed);
  await run.close();
});

test("controls: a robot is held and resumed, or it is said why it cannot be", async (t) => {
  const joint = { name: "joint", unit: "rad", low: -2, high: 2 };
  const place: Spec = { ...pendulumSpec, observation: [joint], action: [joint] };
  const able = new StagedRun(t, limitsOf(place), place);
  const controls = new Controls();
  controls.attach(able.run);
  const [hold, resume] = ["hold", "resume"].map(commandNamed);
  await assert.rejects(
    controls.order(hold, "one"),
    /^SinewError: hold is not permitted while disar/,
  );
  await controls.order(arm, "one");
  assert.equal(await controls.order(hold, "one"), "holding");
  assert.equal(able.run.status.mode, Mode.holding);
  assert.ok(able.run.moves, "a hold is under torque");
  // Who asks again has it.
  assert.equal(await controls.order(hold, "two"), "holding");
  await assert.rejects(
    controls.order(arm, "one"),
    /arm is not permitted while holding; permitted:/,
  );
  assert.equal(await controls.order(resume, "one"), "armed");
  assert.equal(able.run.status.mode, Mode.armed);
  assert.ok(able.events.some((event) => event.kind === "answer" && event.line === "holding"));
  const unable = new StagedRun(t);
  const other = new Controls();
  other.attach(unable.run);
  await other.order(arm, "one");
  const why =
    /^SinewError: this robot cannot be held: "pole_torque" is in N\*m; describe its joint/;
  await assert.rejects(other.order(hold, "one"), why);
  assert.equal(unable.run.status.mode, Mode.armed);
});
