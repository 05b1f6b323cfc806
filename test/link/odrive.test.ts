// What is an ODrive's own of its driver, in simulated time.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import { type BenchOptions, OdriveBench, watchdogMs } from "./motor-bench.ts";

function refusalOf(change: (bench: OdriveBench) => void, options: BenchOptions = {}): string {
  const bench = new OdriveBench(options);
  change(bench);
  bench.greet();
  bench.device.arm(bench.desk.nowUs);
  assert.ok(bench.desk.motors.every(({ driven }) => !driven));
  assert.equal(bench.device.phase, "refused", bench.device.silence);
  return bench.device.refusal!;
}

test("odrive: firmware that tells properties otherwise is refused", () => {
  for (const [minor, revision] of [
    [5, 3],
    [6, 10],
    [4, 12],
  ]) {
    const refusal = refusalOf(({ desk }) => {
      desk.version["fw_version_minor"] = minor;
      desk.version["fw_version_revision"] = revision;
    });
    assert.match(refusal, new RegExp(`firmware 0\\.${minor}\\.${revision}: it needs 0\\.5\\.4`));
  }
  const silent = refusalOf(({ desk }) => desk.unknown.add("axis0.controller.config.input_mode"));
  assert.match(silent, /does not tell axis 0's controller.config.input_mode as a number/);
});

test("odrive: an axis that is ill, or is set otherwise, is refused by its number", () => {
  const ill = refusalOf(
    ({ desk }) => {
      desk.axes[1].error = 0x140;
    },
    { kinds: ["torque", "torque"] },
  );
  assert.match(ill, /^axis 1 reports the error 0x140: clear it/);
  const board = refusalOf(({ desk }) => {
    desk.error = 2;
  });
  assert.match(board, /^the ODrive reports the error 0x2: clear it/);
  for (const [path, value] of [
    ["controller.config.input_mode", 5],
    ["config.startup_closed_loop_control", 1],
    ["config.enable_step_dir", 1],
    ["config.enable_sensorless_mode", 1],
    ["controller.config.circular_setpoints", 1],
    ["controller.config.load_encoder_axis", 0],
  ] as const) {
    const other = refusalOf(
      ({ desk }) => {
        desk.axes[1].properties[path] = value;
      },
      { kinds: ["position", "position"] },
    );
    assert.match(other, new RegExp(`^axis 1 has ${path.split(".").at(-1)} ${value}: give it `));
  }
  const watched = refusalOf(
    ({ desk }) => {
      desk.axes[0].properties["config.enable_watchdog"] = 1;
    },
    { watchdogMs: null },
  );
  assert.match(watched, /^axis 0 has its watchdog enabled: give watchdogMs, or reboot it$/);
});

test("odrive: the watchdog is set, read back, and seen to expire before it is relied on", () => {
  const bench = new OdriveBench({ kinds: ["torque", "torque"] });
  const startUs = bench.desk.nowUs;
  bench.greet();
  assert.equal(bench.device.phase, "ready", bench.device.silence);
  assert.ok(bench.desk.nowUs - startUs > watchdogMs * 1000);
  for (const { properties } of bench.desk.axes) {
    assert.equal(properties["config.watchdog_timeout"], watchdogMs / 1000);
    assert.equal(properties["config.enable_watchdog"], 1);
  }
});

test("odrive: a watchdog that is not as it was set, or does not expire, is refused", () => {
  const kept = refusalOf(({ desk }) => {
    Object.defineProperty(desk.axes[0].properties, "config.watchdog_timeout", {
      get: () => 2,
      set: () => {},
    });
  });
  assert.match(kept, /^the watchdog of axis 0 is 2 s, and was set to 0.1 s$/);
  const off = refusalOf(({ desk }) => {
    Object.defineProperty(desk.axes[0].properties, "config.enable_watchdog", {
      get: () => 0,
      set: () => {},
    });
  });
  assert.match(off, /^the watchdog of axis 0 is not enabled, and was set/);
  const asleep = refusalOf(
    ({ desk }) => {
      desk.axes[1].counts = false;
    },
    { kinds: ["position", "torque"] },
  );
  assert.match(asleep, /^the watchdog of axis 1 has not expired after 30\d ms$/);
});

test("odrive: a line that is lost in the greeting does not refuse it", () => {
  for (const words of [
    "w axis0.config.enable_watchdog",
    "w axis0.config.watchdog_t",
    "u 0",
    "w ",
  ]) {
    const bench = new OdriveBench();
    let lost = 0;
    bench.desk.losesLine = (line) => line.startsWith(words) && lost++ === 0;
    bench.arm();
    assert.ok(lost > 0, words);
  }
});

test("odrive: nothing is cleared but what a watchdog reported of its own axis", () => {
  const bench = new OdriveBench();
  bench.arm();
  // It would clear what the other axis and the board report, too.
  assert.ok(!bench.desk.told.includes("sc"));
  bench.cycles(3, 0.2);
  bench.fail(0);
  bench.cycles(3, 0.2);
  bench.device.reset();
  bench.cycle();
  bench.desk.told.length = 0;
  bench.device.arm(bench.desk.nowUs);
  assert.equal(bench.device.why, "axis 0 reports the error 0x40");
  assert.ok(!bench.desk.told.some((line) => line.startsWith("w axis0.error")));
});

test("odrive: without a watchdog positions are driven, and held for good", () => {
  const bench = new OdriveBench({ watchdogMs: null });
  bench.arm();
  bench.cycles(5, 1);
  bench.desk.until(bench.desk.nowUs + 500_000);
  assert.ok(bench.desk.motors[0].driven);
  bench.cycles(2, 1);
  assert.ok(bench.device.armed);
});

test("odrive: an axis that is not idle is waited for, and told", () => {
  const bench = new OdriveBench();
  bench.driveFromElsewhere(0);
  bench.greet();
  assert.equal(bench.device.phase, "greeting");
  assert.equal(bench.device.silence, "axis 0 is in state 8: bring it to idle, 1");
  bench.desk.axes[0].request(1);
  bench.greet();
  assert.equal(bench.device.phase, "ready");
});

test("odrive: what was fed forward before does not add to an order", () => {
  const bench = new OdriveBench({ kinds: ["position", "velocity"] });
  bench.greet();
  for (const { properties } of bench.desk.axes) {
    properties["controller.input_vel"] = 3;
    properties["controller.input_torque"] = 2;
  }
  bench.cycle();
  bench.device.arm(bench.desk.nowUs);
  assert.ok(bench.device.armed);
  const [a, b] = bench.desk.axes.map(({ properties }) => properties);
  assert.deepEqual([a["controller.input_vel"], a["controller.input_torque"]], [0, 0]);
  assert.deepEqual([b["controller.input_vel"], b["controller.input_torque"]], [0, 0]);
});

test("odrive: power comes only once each axis says that it has its order", () => {
  for (const lost of ["p 0", "w axis0.error 0"]) {
    const bench = new OdriveBench();
    bench.greet();
    bench.desk.axes[0].properties["controller.input_pos"] = 9;
    bench.desk.motors[0].turns = 4;
    bench.cycle();
    bench.desk.losesLine = (line) => line.startsWith(lost);
    bench.device.arm(bench.desk.nowUs);
    assert.ok(!bench.device.armed, lost);
    assert.ok(!bench.desk.told.includes("w axis0.requested_state 8"), lost);
  }
  const other = new OdriveBench({ kinds: ["torque"] });
  other.greet();
  other.cycle();
  other.desk.losesLine = (line) => line.startsWith("c 0");
  other.desk.axes[0].properties["controller.input_torque"] = 1;
  other.device.arm(other.desk.nowUs);
  assert.ok(!other.device.armed && !other.desk.told.includes("w axis0.requested_state 8"));
});

test("odrive: an arm that does not have power everywhere is let go", () => {
  const bench = new OdriveBench({ kinds: ["position", "position"] });
  bench.greet();
  bench.cycle();
  bench.desk.losesLine = (line) => line.startsWith("w axis1.requested_state 8");
  bench.device.arm(bench.desk.nowUs);
  assert.ok(bench.device.disarmed);
  bench.desk.wait(2000);
  assert.ok(bench.desk.motors.every(({ driven }) => !driven));
  bench.desk.losesLine = () => false;
  bench.device.arm(bench.desk.nowUs);
  assert.ok(bench.device.armed);
});

test("odrive: an order has its sum apart, so that a lost star adds nothing to it", () => {
  const bench = new OdriveBench();
  bench.arm();
  const { write } = bench.desk;
  bench.desk.write = function (bytes, length) {
    const kept = bytes.slice(0, length).filter((byte) => byte !== 42);
    return write.call(this, kept, kept.length);
  };
  bench.device.write(Float32Array.of(1), bench.desk.nowUs + 100_000);
  const { properties } = bench.desk.axes[0];
  assert.equal(properties["controller.input_pos"], 0.02);
  assert.equal(properties["controller.input_torque"], 0);
});

test("odrive: one wrong or lost byte never makes another order (seeds 0 to 499)", () => {
  for (let seed = 0; seed < 500; seed++) {
    const rng = new Rng(seed);
    const bench = new OdriveBench({ kinds: [rng.below(2) === 0 ? "torque" : "velocity"] });
    const { desk } = bench;
    bench.arm();
    const told = desk.axes[0].properties;
    const before = { ...told };
    const wanted = rng.uniform(-1.5, 1.5);
    const { write } = desk;
    let order = "";
    desk.write = function (bytes, length) {
      const sent = [...bytes.subarray(0, length)];
      order = String.fromCharCode(...sent);
      const at = rng.below(length);
      if (rng.below(2) === 0) sent.splice(at, 1);
      else sent[at] ^= 1 << rng.below(8);
      // What comes next ends a line whose own end was lost.
      return write.call(this, Uint8Array.of(...sent, 10), sent.length + 1);
    };
    bench.device.write(Float32Array.of(wanted), desk.nowUs + 100_000);
    const right = Number(order.split(" ")[2]);
    for (const input of ["input_torque", "input_vel", "input_pos"]) {
      const now = told[`controller.${input}`];
      const same = now === before[`controller.${input}`] || now === right;
      assert.ok(same, `seed ${seed}: ${input} ${now} of ${order}`);
    }
  }
});
