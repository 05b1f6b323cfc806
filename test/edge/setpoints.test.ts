import assert from "node:assert/strict";
import { test } from "node:test";
import { SinewError } from "../../src/core/errors.ts";
import type { Spec } from "../../src/core/spec.ts";
import { Mode, makeStep } from "../../src/core/step.ts";
import { Setpoints, specOfDevice } from "../../src/edge/setpoints.ts";

const spec: Spec = {
  observation: [
    { name: "pan_position", unit: "rad", low: -3, high: 3 },
    { name: "target_x", unit: "m", low: -1, high: 1 },
    { name: "target_y", unit: "m", low: -1, high: 1 },
  ],
  action: [{ name: "pan_position", unit: "rad", low: -2, high: 2 }],
  periodUs: 100_000,
};

function at(seconds: number, target_x: number, target_y: number) {
  return { seconds, values: { target_y, target_x } };
}

test("setpoints: each holds until the next, from when the policy began to drive", () => {
  const setpoints = new Setpoints(spec, [at(0, 0.1, 0.2), at(0.5, 0.3, 0.4), at(0.75, 0.5, 0.6)]);
  const step = makeStep(spec);
  const targetAt = (seq: number, mode: Mode): number => {
    step.seq = seq;
    step.mode = mode;
    step.observation.set([7, 9, 9]);
    setpoints.fill(step);
    assert.equal(step.observation[0], 7, "what the device told is left alone");
    assert.ok(Math.abs(step.observation[2] - step.observation[1] - 0.1) < 1e-6);
    return Number(step.observation[1].toFixed(3));
  };
  for (const [seq, mode, x] of [
    [0, Mode.disarmed, 0.1],
    [10, Mode.homing, 0.1],
    [11, Mode.armed, 0.1],
    [15, Mode.armed, 0.1],
    [16, Mode.armed, 0.3],
    [18, Mode.armed, 0.3],
    [19, Mode.armed, 0.5],
    [99, Mode.armed, 0.5],
    [100, Mode.stopped, 0.1],
    // Skipped cycles count: a setpoint may be over before it was ever seen.
    [101, Mode.armed, 0.1],
    [109, Mode.armed, 0.5],
  ] as const) {
    assert.equal(targetAt(seq, mode), x, `cycle ${seq}`);
  }
});

test("setpoints: a time that is no whole microsecond in floating point is not a cycle late", () => {
  // 0.57 * 1e6 is 570000.0000000001 or so for a quarter of all hundredths.
  const late = Array.from({ length: 2000 }, (_, hundredth) => hundredth / 100).filter(
    (seconds) => seconds * 1e6 > Math.round(seconds * 1e6),
  );
  assert.ok(late.length > 10);
  for (const seconds of late) {
    const setpoints = new Setpoints({ ...spec, periodUs: 10_000 }, [
      at(0, 0.1, 0.2),
      at(seconds, 0.3, 0.4),
    ]);
    const step = makeStep(spec);
    step.mode = Mode.armed;
    for (const seq of [0, Math.round(seconds * 100)]) {
      step.seq = seq;
      setpoints.fill(step);
    }
    assert.equal(step.observation[1], Math.fround(0.3), `${seconds} s`);
  }
});

test("setpoints: their time stands still while the robot is held", () => {
  const setpoints = new Setpoints(spec, [at(0, 0.1, 0), at(0.5, 0.3, 0), at(1, 0.5, 0)]);
  const step = makeStep(spec);
  const rows: [number, Mode, number][] = [
    // Nothing has begun that could stand still.
    [3, Mode.holding, 0.1],
    [10, Mode.armed, 0.1],
    [14, Mode.armed, 0.1],
    [15, Mode.holding, 0.1],
    [60, Mode.holding, 0.1],
    [61, Mode.armed, 0.3],
    [65, Mode.armed, 0.3],
    [66, Mode.armed, 0.5],
    [67, Mode.holding, 0.5],
    [68, Mode.stopped, 0.1],
    [69, Mode.armed, 0.1],
  ];
  for (const [seq, mode, wanted] of rows) {
    Object.assign(step, { seq, mode });
    setpoints.fill(step);
    assert.equal(step.observation[1], Math.fround(wanted), `${seq}`);
  }
});

test("setpoints: the device tells the rest, and without any it tells all", () => {
  assert.deepEqual(
    specOfDevice(spec, [at(0, 0, 0)]).observation.map(({ name }) => name),
    ["pan_position"],
  );
  assert.deepEqual(specOfDevice(spec, []), spec);
  const step = makeStep(spec);
  step.observation.set([1, 2, 3]);
  new Setpoints(spec, []).fill(step);
  assert.deepEqual([...step.observation], [1, 2, 3]);
});

test("setpoints: each mistake names its channel or its place", () => {
  const only = (values: Record<string, number>) => [{ seconds: 0, values }];
  for (const [setpoints, line] of [
    [only({ target_x: 0 }), /"target_x" is not the last channel.* ends with target_x, target_y: /],
    [only({ target_y: 0, q: 0 }), /"q" is not one of the last 2.* ends with target_x, target_y: /],
    [only({ pan_position: 0, target_x: 0, target_y: 0 }), /leave the device nothing/],
    [[at(0, 0, 1.5)], /"target_y" is 1.5: give -1 to 1 m/],
    [[at(0, Number.NaN, 0)], /"target_x" is NaN/],
    [[at(1, 0, 0)], /number 1 is at 1 s: begin at 0/],
    [[at(0, 0, 0), at(2, 0, 0), at(2, 0, 0)], /number 3 is at 2 s/],
    [[at(0, 0, 0), { seconds: 1, values: { target_x: 0 } }], /number 2 gives other channels/],
    [[at(0, 0, 0), { seconds: 1, values: { target_x: 0, z: 0 } }], /"target_y" is undefined/],
  ] as const) {
    assert.throws(
      () => specOfDevice(spec, setpoints),
      (error: unknown) => {
        assert.ok(error instanceof SinewError && error.code === "robot-file");
        assert.match(error.message, line);
        return true;
      },
    );
  }
});
