import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import { DeviceClock } from "../../src/wire/device-clock.ts";

const u32 = 2 ** 32;
const wrap = (us: number): number => Math.floor(us) - Math.floor(us / u32) * u32;

/** One exchange with a device whose clock reads `deviceAt(hostUs)`. */
function exchange(
  clock: DeviceClock,
  sentUs: number,
  trip: { outUs: number; heldUs: number; backUs: number },
  deviceAt: (hostUs: number) => number,
): number {
  const rxUs = sentUs + trip.outUs;
  const txUs = rxUs + trip.heldUs;
  const receivedUs = txUs + trip.backUs;
  clock.add(sentUs, wrap(deviceAt(rxUs)), wrap(deviceAt(txUs)), receivedUs);
  return receivedUs;
}

test("the stated error covers the true offset, with uneven trips and 150 ppm of drift", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const rng = new Rng(seed);
    const clock = new DeviceClock();
    const rate = 1 + rng.uniform(-150e-6, 150e-6);
    const startUs = rng.uniform(1e9, 1e12);
    // Starts at once before the wrap, so that half of the runs cross it.
    const deviceAt = (hostUs: number): number => u32 - 5e6 * rng0 + (hostUs - startUs) * rate;
    const rng0 = rng.uniform();
    let nowUs = startUs;
    for (let turn = 0; turn < 100; turn++) {
      const trip = {
        outUs: rng.uniform(20, 30_000),
        heldUs: rng.uniform(1, 500),
        backUs: rng.uniform(20, 30_000),
      };
      nowUs = exchange(clock, nowUs, trip, deviceAt);
      const trueUs = deviceAt(nowUs) - nowUs;
      const error = Math.abs(wrapSigned(clock.offsetUs - trueUs));
      assert.ok(error <= clock.offsetErrorUs + 5, `seed ${seed} turn ${turn}: off by ${error} us`);
      nowUs += 250_000;
    }
    assert.equal(clock.steps, 0, `seed ${seed}`);
  }
});

/** The clock starts from a raw stamp, so whole turns of 2^32 do not count. */
function wrapSigned(us: number): number {
  return us - Math.round(us / u32) * u32;
}

test("the shortest trip decides, and its bound widens with time", () => {
  const clock = new DeviceClock();
  const deviceAt = (hostUs: number): number => hostUs - 1_000_000;
  exchange(clock, 2_000_000, { outUs: 100, heldUs: 10, backUs: 100 }, deviceAt);
  const tightUs = clock.offsetErrorUs;
  assert.ok(tightUs <= 101);
  exchange(clock, 3_000_000, { outUs: 40_000, heldUs: 10, backUs: 1000 }, deviceAt);
  assert.ok(clock.offsetErrorUs > tightUs && clock.offsetErrorUs < tightUs + 250);
  assert.equal(clock.roundTripUs, 41_000);
});

test("a device clock that stepped is taken as it is now", () => {
  const clock = new DeviceClock();
  const trip = { outUs: 200, heldUs: 10, backUs: 200 };
  exchange(clock, 1_000_000, trip, (hostUs) => hostUs);
  exchange(clock, 2_000_000, trip, (hostUs) => hostUs - 450_000);
  assert.equal(clock.steps, 1);
  assert.ok(Math.abs(clock.offsetUs + 450_000) <= clock.offsetErrorUs);
});

test("stamps go to the device's clock and back across the wrap", () => {
  const clock = new DeviceClock();
  const deviceAt = (hostUs: number): number => hostUs + u32 - 1_500_000;
  exchange(clock, 1_000_000, { outUs: 50, heldUs: 2, backUs: 50 }, deviceAt);
  for (const hostUs of [1_000_500, 1_499_999, 1_500_100, 9_000_000]) {
    const raw = clock.toDevice(hostUs);
    assert.ok(Number.isInteger(raw) && raw >= 0 && raw < u32);
    assert.ok(Math.abs(wrapSigned(raw - deviceAt(hostUs))) <= clock.offsetErrorUs + 1);
    assert.ok(Math.abs(clock.toHost(raw, 1_200_000) - hostUs) <= 1);
  }
});

test("stamps that cannot be are left out", () => {
  const clock = new DeviceClock();
  clock.add(1_000_000, 500, 400, 1_000_300);
  assert.ok(Number.isNaN(clock.offsetUs));
  assert.equal(clock.offsetErrorUs, Number.POSITIVE_INFINITY);
});
