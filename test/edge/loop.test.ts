import assert from "node:assert/strict";
import { test } from "node:test";
import { Mode, Reason, Verdict } from "../../src/core/step.ts";
import { Count, Measure, Request } from "../../src/edge/status.ts";
import { nameOfDeviceMode, nameOfDeviceReason } from "../../src/link/device.ts";
import { Happening } from "../../src/safety/supervisor.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { DeviceMode, StopLine } from "../../src/wire/messages.ts";
import { LoopStage } from "./loop-stage.ts";

const { periodUs } = pendulumSpec;

test("loop: whoever reads that arming was refused can read what the device was", async () => {
  const stage = new LoopStage();
  stage.far.mode = DeviceMode.stopped;
  const { status } = stage;
  const modes: number[] = [];
  const add = status.add.bind(status);
  status.add = (count, number) => {
    if (count === Count.refusedRequests) modes.push(status.deviceMode);
    add(count, number);
  };
  status.ask(Request.arm);
  await stage.run(2, {});
  assert.deepEqual(modes, [DeviceMode.stopped]);
});

test("loop: starts disarmed, drives when armed, stops at the end", async () => {
  const stage = new LoopStage();
  const seen: number[] = [];
  await stage.run(40, {
    9: () => {
      assert.equal(stage.far.mode, DeviceMode.disarmed);
      assert.equal(stage.far.accepted + stage.far.refused, 0);
      stage.status.ask(Request.arm);
    },
    30: () => seen.push(stage.far.applied[0]),
  });
  assert.equal(stage.modeAt(9), Mode.disarmed);
  assert.equal(stage.modeAt(11), Mode.armed);
  assert.deepEqual(seen, [0.5]);
  assert.equal(stage.far.refused, 0);
  stage.far.turn(stage.nowUs);
  assert.equal(stage.far.mode, DeviceMode.stopped, "it leaves no armed device behind");
  assert.equal(stage.far.applied[0], 0);
  assert.equal(stage.status.count(Count.cycles), 40);
  assert.equal(stage.status.count(Count.missed), 0);
  assert.equal(stage.status.percentiles(Measure.roundTrip).count > 0, true);
  assert.ok(stage.steps.every(({ timeUs }, at) => at === 0 || timeUs > stage.steps[at - 1].timeUs));
});

test("loop: a stop ends an arm that the device has not answered yet, and says so", async () => {
  const stage = new LoopStage();
  await stage.run(20, {
    5: () => {
      stage.cut = true;
      stage.status.ask(Request.arm);
    },
    7: () => {
      assert.equal(stage.status.count(Count.refusedRequests), 0);
      stage.cut = false;
      stage.status.ask(Request.stop);
    },
    9: () => assert.equal(stage.status.count(Count.refusedRequests), 1),
  });
  assert.equal(stage.modeAt(19), Mode.stopped);
});

test("loop: each change of mode is told, with its reason", async () => {
  const stage = new LoopStage();
  await stage.run(60, {
    5: stage.ask(Request.arm),
    15: () => {
      stage.act = (_, action) => void action.fill(Number.NaN);
    },
    18: () => {
      stage.act = (_, action) => void action.fill(0);
      stage.status.ask(Request.reset);
    },
    25: stage.ask(Request.arm),
    35: () => {
      stage.far.mode = DeviceMode.stopped;
      stage.far.reason = 6;
    },
  });
  const told = stage.events.map((event) => {
    assert.ok(event.kind === "transition");
    return `${event.from} ${event.happening} ${event.to} ${event.reason}`;
  });
  assert.deepEqual(told, [
    "disarmed arm armed ",
    "armed fault stopped nonFiniteAction",
    "stopped reset disarmed ",
    "disarmed arm armed ",
    "armed deviceStopped stopped fault",
  ]);
  const times = stage.status.transitions().map(({ timeUs }) => timeUs);
  assert.deepEqual(
    stage.events.map(({ timeUs }) => timeUs),
    times,
  );
});

test("loop: a device that stops by itself stops the loop, with its reason", async () => {
  const stage = new LoopStage();
  await stage.run(30, {
    5: stage.ask(Request.arm),
    15: () => {
      stage.far.mode = DeviceMode.stopped;
      stage.far.reason = 6;
    },
  });
  const last = stage.status.transitions().at(-1)!;
  assert.equal(last.happening, Happening.deviceStopped);
  assert.equal(nameOfDeviceReason(last.reason), "fault");
  assert.equal(stage.modeAt(29), Mode.stopped);
});

test("loop: a device whose stop line is open is not asked to arm, and why is told", async () => {
  const stage = new LoopStage();
  const { far, status } = stage;
  await stage.run(20, {
    5: () => far.openStopLine(),
    8: stage.ask(Request.arm),
    10: () => {
      assert.equal(status.count(Count.refusedRequests), 1);
      assert.match(status.why, /its stop line is open/);
      assert.equal(status.stopLine, StopLine.open);
    },
  });
  assert.equal(far.armsAsked, 0);
  assert.equal(stage.modeAt(19), Mode.disarmed);
});

test("loop: a stop line that opens stops it; closed again it takes reset, then arm", async () => {
  const stage = new LoopStage();
  const { far, status } = stage;
  const refused: number[] = [];
  const count = (): void => void refused.push(status.count(Count.refusedRequests));
  await stage.run(70, {
    5: stage.ask(Request.arm),
    15: () => far.openStopLine(),
    18: stage.ask(Request.reset),
    22: () => {
      count();
      far.stopLine = StopLine.closed;
    },
    30: stage.ask(Request.arm),
    35: () => {
      count();
      assert.equal(far.mode, DeviceMode.stopped);
      status.ask(Request.reset);
    },
    45: stage.ask(Request.arm),
  });
  assert.deepEqual(refused, [1, 2]);
  for (const at of [19, 29, 34]) assert.equal(stage.modeAt(at), Mode.stopped);
  assert.equal(stage.modeAt(44), Mode.disarmed);
  assert.equal(stage.modeAt(69), Mode.armed);
  const [, stop] = stage.events;
  assert.ok(stop.kind === "transition");
  assert.match(stop.reason, /^stopLine: its stop line is open/);
});

/** One whose firmware has to be tried. */
const untried = (): LoopStage => new LoopStage(pendulumSpec, undefined, {}, [], {}, false);

test("loop: a device is armed after its firmware was seen to stop by itself", async () => {
  const stage = untried();
  const { far, status } = stage;
  const seen: string[] = [];
  await stage.run(30, {
    5: stage.ask(Request.arm),
    6: () => void seen.push(nameOfDeviceMode(status.deviceMode)),
    20: () => assert.equal(far.applied[0], 0.5),
  });
  assert.deepEqual(seen, ["arming"]);
  assert.equal(stage.modeAt(6), Mode.disarmed);
  assert.equal(stage.modeAt(12), Mode.armed);
  assert.equal(status.count(Count.refusedRequests), 0);
});

test("loop: a device whose firmware does not stop by itself is refused, and why", async () => {
  const stage = untried();
  const { far, status } = stage;
  far.tripLateUs = 300_000;
  await stage.run(60, {
    5: stage.ask(Request.arm),
    30: () => {
      assert.equal(status.count(Count.refusedRequests), 1);
      assert.match(status.why, /its firmware does not stop by itself: 5\d ms after/);
      assert.equal(far.mode, DeviceMode.stopped);
    },
    35: stage.ask(Request.reset),
    40: stage.ask(Request.arm),
  });
  assert.equal(status.count(Count.refusedRequests), 2);
  for (let at = 0; at < 60; at++) assert.equal(stage.modeAt(at), Mode.disarmed);
  assert.equal(far.accepted, 0);
});

test("loop: who ends or stops a run while its firmware is tried leaves it stopped", async () => {
  for (const request of [Request.stop, Request.end]) {
    const stage = untried();
    await stage.run(30, { 5: stage.ask(Request.arm), 6: stage.ask(request) });
    stage.far.turn(stage.nowUs);
    assert.equal(stage.far.mode, DeviceMode.stopped);
    assert.equal(nameOfDeviceReason(stage.far.reason), "host");
    assert.ok(stage.steps.every(({ mode }) => mode !== Mode.armed));
  }
});

test("loop: a device that started anew is not driven on", async () => {
  const stage = new LoopStage();
  await stage.run(60, {
    5: stage.ask(Request.arm),
    15: () => {
      stage.far.bootId++;
      stage.far.mode = DeviceMode.disarmed;
    },
  });
  assert.equal(stage.modeAt(59), Mode.stopped);
  assert.equal(stage.far.mode === DeviceMode.armed, false);
});

test("loop: after a fault it takes reset, then arm", async () => {
  const stage = new LoopStage();
  stage.act = (_, action) => void action.fill(Number.NaN);
  const arm = stage.ask(Request.arm);
  await stage.run(80, {
    5: arm,
    // A policy that would be refused cannot even be armed.
    35: () => {
      assert.equal(stage.status.mode, Mode.disarmed);
      assert.equal(stage.status.count(Count.refusedRequests), 1);
      stage.act = (_, action) => void action.fill(0.5);
      stage.status.ask(Request.arm);
    },
    40: () => {
      assert.equal(stage.status.mode, Mode.armed);
      stage.act = (_, action) => void action.fill(Number.NaN);
    },
    42: () => {
      assert.equal(stage.status.mode, Mode.stopped);
      assert.equal(nameOfDeviceReason(stage.far.reason), "gate");
      stage.act = (_, action) => void action.fill(0.5);
      stage.status.ask(Request.arm);
    },
    45: () => {
      assert.equal(stage.status.mode, Mode.stopped, "arming alone does not leave a stop");
      stage.status.ask(Request.reset);
    },
    50: () => {
      assert.equal(stage.status.mode, Mode.disarmed, "and reset alone does not arm");
      stage.status.ask(Request.arm);
    },
    55: () => assert.equal(stage.status.mode, Mode.armed),
  });
  assert.equal(stage.steps[41].verdict, Verdict.refused);
  assert.equal(stage.steps[41].reasons, Reason.nonFiniteAction);
});

test("loop: late cycles are skipped and counted, never caught up", async () => {
  const stage = new LoopStage();
  const slow = 3 * periodUs + 100;
  stage.act = (_, action) => {
    action.fill(0);
    if (stage.steps.length === 10) stage.nowUs += slow;
  };
  await stage.run(30, {});
  const seqs = stage.steps.map(({ seq }) => seq);
  assert.deepEqual(seqs.slice(8, 14), [8, 9, 10, 13, 14, 15]);
  assert.equal(stage.status.count(Count.missed), 2);
  assert.equal(stage.status.count(Count.late), 1);
  assert.equal(stage.steps[11].reasons, Reason.lateCycle);
  const [start] = stage.steps;
  for (const { seq, timeUs } of stage.steps.filter((_, at) => at !== 11)) {
    const lateUs = timeUs - start.timeUs - (seq - start.seq) * periodUs;
    assert.ok(Math.abs(lateUs) < 200, `cycle ${seq} is ${lateUs} us late`);
  }
});

test("loop: skipped cycles while driven: driven on, held for a cycle, or stopped", async () => {
  const held = Reason.lateCycle | Reason.missHeld;
  const stopped = Reason.lateCycle | Reason.missStopped;
  for (const [onMiss, reasons, asked, mode] of [
    ["coast", Reason.lateCycle, [0.4, 0.5, 0.5], Mode.armed],
    ["hold", held, [0.4, 0.4, 0.5], Mode.armed],
    ["stop", stopped, [0.4, 0.5, 0.5], Mode.stopped],
  ] as const) {
    // With the time that a command has by default the device would have stopped by itself.
    const stage = new LoopStage(pendulumSpec, undefined, {}, [], { onMiss, ttlUs: 4 * periodUs });
    stage.act = (_, action) => void action.fill(stage.steps.length > 20 ? 0.5 : 0.4);
    const stall = (): void => {
      stage.nowUs += 2 * periodUs;
    };
    await stage.run(40, { 3: stage.ask(Request.arm), 20: stall });
    assert.equal(stage.steps[21].seq, 22, "a cycle was skipped");
    assert.equal(stage.steps[21].reasons, reasons, onMiss);
    const proposed = stage.steps.slice(20, 23).map((step) => Math.fround(step.proposed[0]));
    assert.deepEqual(proposed, asked.map(Math.fround), onMiss);
    assert.equal(stage.modeAt(39), mode, onMiss);
    const faults = stage.status.transitions().filter((one) => one.happening === Happening.fault);
    assert.deepEqual(
      faults.map(({ reason }) => reason),
      onMiss === "stop" ? [stopped] : [],
    );
    if (onMiss === "stop") assert.equal(nameOfDeviceReason(stage.far.reason), "gate");
  }
});

test("loop: a device that somebody else armed is stopped", async () => {
  const stage = new LoopStage();
  await stage.run(20, {
    5: () => {
      stage.far.mode = DeviceMode.armed;
    },
  });
  assert.equal(stage.far.mode, DeviceMode.stopped);
  assert.equal(stage.supervisor.mode, Mode.disarmed);
});

test("loop: a stop wins over an arm that was asked for with it", async () => {
  const stage = new LoopStage();
  await stage.run(20, { 5: stage.ask(Request.arm | Request.stop) });
  assert.equal(stage.modeAt(19), Mode.stopped);
  assert.equal(stage.status.count(Count.refusedRequests), 1, "who waits for the arm learns it");
  assert.equal(stage.far.mode, DeviceMode.stopped);
});

test("loop: one that cannot keep its period rests at times, for others to run", async () => {
  const stage = new LoopStage();
  stage.act = (_, action) => {
    stage.nowUs += 1.5 * periodUs;
    action.fill(0);
  };
  let before = 0;
  await stage.run(200, {
    1: () => {
      before = stage.naps;
    },
  });
  // 100 cycles or so ran, every other one was skipped.
  const rests = stage.naps - before;
  assert.ok(rests >= 3 && rests <= 7, `${rests}`);
});
