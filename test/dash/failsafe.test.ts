// What the failsafe page's bench does, without a browser: the modules have nothing of the page's.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { isDriving, nameOfMode, namesOfReasons } from "../../src/core/step.ts";
import { FailsafeBench, type Onlooker } from "../../src/dash/page/failsafe-bench.ts";
import { type FaultKey, type Faults, faults } from "../../src/dash/page/failsafe-fault.ts";
import { Request } from "../../src/edge/status.ts";
import type { MissPolicy } from "../../src/edge/tick.ts";
import { nameOfDeviceMode, nameOfDeviceReason } from "../../src/link/device.ts";
import type { Fallback } from "../../src/safety/recovery.ts";

/** A bench in time that the test lets pass. */
class Stage {
  readonly on: Faults = new Set();
  readonly bench: FailsafeBench;
  /** Reasons of cycles in which it was driven. */
  readonly reasons = new Set<string>();
  readonly events: string[] = [];
  /** Furthest from the middle that the servo was ever told to go. */
  furthest = 0;
  #ms = 0;

  constructor(onMiss: MissPolicy = "coast", fallback: Fallback = "stop") {
    const onlooker: Onlooker = {
      step: ({ mode, reasons, action }) => {
        if (!isDriving(mode)) return;
        for (const name of namesOfReasons(reasons)) this.reasons.add(name);
        this.furthest = Math.max(this.furthest, Math.abs(action[0]));
      },
      event: (event) => {
        if (event.kind !== "transition") return;
        this.events.push(`${event.from} ${event.happening} ${event.to} ${event.reason}`.trim());
      },
    };
    this.bench = new FailsafeBench(this.on, onMiss, onlooker, fallback);
  }

  get mode(): string {
    return nameOfMode(this.bench.status.mode);
  }

  get device(): string {
    const { mode, reason } = this.bench.servo;
    return `${nameOfDeviceMode(mode)} ${nameOfDeviceReason(reason)}`;
  }

  async pass(seconds: number): Promise<void> {
    for (const end = this.#ms + seconds * 1000; this.#ms < end; this.#ms += 16) {
      this.bench.turn(this.#ms);
      await setImmediate();
    }
  }

  /** Has it armed, homed and driven by its policy. */
  async drive(): Promise<void> {
    await this.pass(0.5);
    this.bench.status.ask(Request.arm);
    await this.pass(4);
    assert.equal(this.mode, "armed");
  }
}

test("failsafe: without a fault it comes home, drives, stops, and is reset", async () => {
  const stage = new Stage();
  await stage.drive();
  assert.deepEqual(stage.events, [
    "disarmed home homing",
    "homing homed disarmed",
    "disarmed arm armed",
  ]);
  assert.deepEqual([...stage.reasons], []);
  stage.bench.status.ask(Request.stop);
  await stage.pass(0.5);
  assert.deepEqual([stage.mode, stage.device], ["stopped", "stopped host"]);
  const { place } = stage.bench.servo;
  await stage.pass(0.5);
  assert.equal(stage.bench.servo.place, place, "it holds");
  stage.bench.status.ask(Request.arm);
  await stage.pass(0.5);
  assert.equal(stage.mode, "stopped", "a stop latches");
  stage.bench.status.ask(Request.reset);
  await stage.pass(0.5);
  assert.deepEqual([stage.mode, stage.device], ["disarmed", "disarmed host"]);
});

/** What comes of each fault: the mode, the device's own word, and the last change of mode. */
const reactions: Readonly<Record<FaultKey, [mode: string, device: string, last: string]>> = {
  policyNan: ["stopped", "stopped gate", "armed fault stopped nonFiniteAction"],
  policyFar: ["armed", "armed none", "disarmed arm armed"],
  policyJumps: ["armed", "armed none", "disarmed arm armed"],
  policyThrows: ["stopped", "stopped gate", "armed fault stopped nonFiniteAction, policyFailed"],
  policySlow: ["stopped", "stopped gate", "armed fault stopped staleObservation"],
  observationNan: ["stopped", "stopped gate", "armed fault stopped nonFiniteObservation"],
  observationSilent: ["stopped", "stopped gate", "armed fault stopped staleObservation"],
  observationFuture: ["stopped", "stopped gate", "armed fault stopped staleObservation"],
  loopLate: ["armed", "armed none", "disarmed arm armed"],
  jointHeld: ["armed", "armed none", "disarmed arm armed"],
  commandsLost: ["stopped", "stopped expired", "armed deviceStopped stopped expired"],
  unplugged: ["stopped", "stopped expired", "armed fault stopped linkLost"],
};

for (const { key, label } of faults) {
  test(`failsafe: ${label} (${key})`, async () => {
    const stage = new Stage();
    await stage.drive();
    stage.on.add(key);
    await stage.pass(3);
    const [mode, device, last] = reactions[key];
    assert.deepEqual([stage.mode, stage.device, stage.events.at(-1)], [mode, device, last]);
    assert.ok(stage.furthest <= 1);
    const limited: Partial<Record<FaultKey, string>> = { policyFar: "range", policyJumps: "rate" };
    if (limited[key] !== undefined) assert.ok(stage.reasons.has(limited[key]));
    assert.equal(stage.bench.ended, key === "unplugged");
  });
}

test("failsafe: a joint that is held does not come home, and that is a fault", async () => {
  const stage = new Stage();
  await stage.pass(0.5);
  stage.on.add("jointHeld");
  stage.bench.status.ask(Request.arm);
  await stage.pass(6);
  assert.equal(stage.events.at(-1), "homing fault stopped homeMissed");
});

test("failsafe: a servo that fails stops the loop, and a loop that hangs the servo", async () => {
  const failed = new Stage();
  await failed.drive();
  failed.bench.servo.fail();
  await failed.pass(0.5);
  assert.equal(failed.events.at(-1), "armed deviceStopped stopped fault");
  const hung = new Stage();
  await hung.drive();
  hung.bench.hang();
  await hung.pass(1);
  assert.equal(hung.events.at(-1), "armed deviceStopped stopped expired");
});

const misses: readonly [choice: MissPolicy, mode: string, reason: string][] = [
  ["coast", "armed", "lateCycle"],
  ["hold", "armed", "missHeld"],
  ["stop", "stopped", "missStopped"],
];

for (const [choice, mode, reason] of misses) {
  test(`failsafe: a skipped cycle, where onMiss is ${choice}`, async () => {
    const stage = new Stage(choice);
    await stage.drive();
    stage.on.add("loopLate");
    await stage.pass(2);
    assert.equal(stage.mode, mode);
    assert.ok(stage.reasons.has(reason), [...stage.reasons].join());
  });
}

test("failsafe: a policy that fails is held, comes back twice, and then is stopped", async () => {
  const stage = new Stage("coast", "hold");
  await stage.drive();
  for (const [at, last] of [
    [0, "armed fallBack holding nonFiniteAction"],
    [1, "armed fallBack holding nonFiniteAction"],
    [2, "armed fault stopped nonFiniteAction"],
  ] as const) {
    stage.on.add("policyNan");
    await stage.pass(1);
    assert.equal(stage.events.at(-1), last);
    const { place } = stage.bench.servo;
    await stage.pass(1);
    assert.ok(Math.abs(stage.bench.servo.place - place) < 0.01, "it holds");
    stage.on.delete("policyNan");
    await stage.pass(3);
    assert.equal(stage.mode, at < 2 ? "armed" : "stopped");
  }
});

test("failsafe: who asks has it held, and a fault of a hold is a stop", async () => {
  const stage = new Stage();
  await stage.drive();
  stage.bench.status.ask(Request.hold);
  await stage.pass(1);
  assert.equal(stage.events.at(-1), "armed hold holding");
  stage.bench.status.ask(Request.resume);
  await stage.pass(2);
  assert.equal(stage.events.at(-1), "holding resume armed");
  stage.bench.status.ask(Request.hold);
  await stage.pass(1);
  stage.on.add("observationNan");
  await stage.pass(1);
  assert.equal(stage.events.at(-1), "holding fault stopped nonFiniteObservation");
});
