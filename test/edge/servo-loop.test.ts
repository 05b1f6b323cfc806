// The loop around servos that try their watchdogs before they are armed, in simulated time.
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeStep } from "../../src/core/step.ts";
import { Loop } from "../../src/edge/loop.ts";
import { Start } from "../../src/edge/start.ts";
import { Count, Request, Status } from "../../src/edge/status.ts";
import { armingMode } from "../../src/link/device.ts";
import { Guard } from "../../src/safety/guard.ts";
import { Hold } from "../../src/safety/hold.ts";
import { limitsOf } from "../../src/safety/limits.ts";
import { Recovery } from "../../src/safety/recovery.ts";
import { Supervisor } from "../../src/safety/supervisor.ts";
import { DeviceMode } from "../../src/wire/messages.ts";
import { DeskX, deskDynamixel } from "../link/desk-servo.ts";
import { periodUs, ServoBench } from "../link/servo-bench.ts";

/** Runs so many cycles with something done after some of them. */
async function run(
  bench: ServoBench,
  cycles: number,
  script: Record<number, (status: Status) => void>,
): Promise<Status> {
  const { bus, device, spec } = bench;
  bench.greet();
  const status = new Status(spec);
  const rig = {
    clock: { now: () => bus.nowUs, until: (dueUs: number) => bus.until(dueUs) },
    device,
    policy: { act: (_: Float32Array, action: Float32Array) => void action.fill(0.1) },
    setpoints: { fill: () => {} },
    approach: new Start(spec, limitsOf(spec), undefined),
    hold: new Hold(spec, limitsOf(spec), { easeCycles: 1, returnCycles: 0 }),
    recovery: new Recovery({ fallback: "stop", recoverCycles: null, recoverMost: 1 }),
    guard: new Guard(spec, limitsOf(spec)),
    supervisor: new Supervisor(),
    log: {
      append: ({ seq }: { seq: number }) => {
        script[seq]?.(status);
        if (seq >= cycles - 1) status.ask(Request.end);
        return true;
      },
    },
    ttlUs: 2 * periodUs,
    onMiss: "coast" as const,
    succession: { obey: () => {}, look: () => {} },
    events: { append: () => {} },
    step: makeStep(spec),
  };
  await new Loop(rig, status).run();
  return status;
}

const ask = (status: Status): void => status.ask(Request.arm);

test("servo loop: an end within the trial is a stop, and not said to be at rest", async () => {
  const bench = new ServoBench(deskDynamixel);
  const modes: number[] = [];
  const status = await run(bench, 6, { 1: ask, 4: ({ deviceMode }) => modes.push(deviceMode) });
  assert.deepEqual(modes, [armingMode]);
  assert.ok(bench.device.stopping, "it was told to stop");
  assert.equal(status.deviceMode, DeviceMode.stopping);
});

test("servo loop: a trial that began late is waited for", async () => {
  const bench = new ServoBench(deskDynamixel);
  const [servo] = bench.bus.servos;
  bench.greet();
  servo.error = 1;
  const status = await run(bench, 70, {
    1: ask,
    49: () => {
      servo.error = 0;
    },
  });
  assert.equal(status.count(Count.refusedRequests), 0);
  assert.ok(
    bench.bus.goals.some(([goal]) => goal !== 2048),
    "it was driven",
  );
});

test("servo loop: who is refused is told which servo, and why", async () => {
  const ill = new ServoBench(deskDynamixel);
  ill.greet();
  ill.bus.servos[1].error = 1;
  const refused = await run(ill, 60, { 1: ask });
  assert.equal(refused.count(Count.refusedRequests), 1);
  assert.equal(refused.why, "servo 2 (lift) reports the error 0x1");
  const broken = new ServoBench(deskDynamixel);
  const [, , third] = broken.bus.servos;
  assert.ok(third instanceof DeskX);
  third.neverTrips = true;
  const tried = await run(broken, 60, { 1: ask });
  assert.equal(tried.count(Count.refusedRequests), 1);
  assert.match(tried.why, /^servo 3 \(elbow\) did not stop/);
  const driven = new ServoBench(deskDynamixel);
  const stopped = await run(driven, 60, {
    1: ask,
    40: () => {
      driven.bus.servos[0].torque = false;
    },
  });
  assert.equal(stopped.why, "servo 1 (pan) lost its torque");
});
