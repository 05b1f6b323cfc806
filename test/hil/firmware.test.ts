// The shipped firmware image on an emulated RP2040, seen through its serial port. One board serves
// all tests of this file; each brings it to rest first.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import type { Spec } from "../../src/core/spec.ts";
import { startEmulated } from "../../src/hil/emulated-board.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { hashContract, rampingToZero } from "../../src/wire/device-contract.ts";
import {
  DeviceMode,
  DeviceReason,
  expiryAheadMaxUs,
  protocolHash,
  Result,
  stopRampUs,
} from "../../src/wire/messages.ts";
import { Session } from "../../src/wire/session.ts";
import { Bench, image, type State } from "./bench.ts";

let shared: Promise<Bench> | null = null;

async function settled(): Promise<Bench> {
  shared ??= startEmulated({ image }).then((board) => Bench.open(board));
  const bench = await shared;
  await bench.settle();
  return bench;
}

/** Microseconds from `early` to `late`, both raw stamps. */
function since(late: number, early: number): number {
  return (late - early) | 0;
}

async function armed(bench: Bench): Promise<void> {
  assert.equal((await bench.arm()).result, Result.accepted);
  await bench.until("armed", () => bench.state.mode === DeviceMode.armed);
}

/** Sends `torque` and waits until it is applied. Returns the expiry. */
async function drive(bench: Bench, torque: number, forUs: number): Promise<number> {
  const expiresUs = (bench.deviceUs() + forUs) >>> 0;
  bench.send(bench.command([torque], expiresUs));
  await bench.until("the torque", () => bench.state.applied === Math.fround(torque));
  return expiresUs;
}

test("the handshake reads the image's whole contract", async () => {
  const { session } = await settled();
  assert.equal(session.phase, "ready");
  assert.equal(session.deviceName, "rp2040-pendulum");
  assert.deepEqual(session.deviceContract?.spec, pendulumSpec);
});

function specWith(name: string, unit: string, high: number): Spec {
  const action = [{ name, unit, low: -2, high }];
  return { ...pendulumSpec, action };
}

const [cos, sin, velocity] = pendulumSpec.observation;
const different: readonly [refusal: RegExp, spec: Spec][] = [
  [
    /observation\[0\]: expected "pole_sin", got "pole_cos"/,
    { ...pendulumSpec, observation: [sin, cos, velocity] },
  ],
  [/action\[0\]: expected "arm_torque", got "pole_torque"/, specWith("arm_torque", "N*m", 2)],
  [/action\[0\] "pole_torque": .*unit mN\*m, got N\*m/, specWith("pole_torque", "mN*m", 2)],
  [/action\[0\] "pole_torque": .*\[-2, 3\], got \[-2, 2\]/, specWith("pole_torque", "N*m", 3)],
  [/period: expected 20000 us, got 50000 us/, { ...pendulumSpec, periodUs: 20_000 }],
];

for (const [refusal, spec] of different) {
  test(`a contract that differs is refused: ${refusal.source}`, async () => {
    const { board } = await settled();
    const stranger = new Bench(board, spec);
    try {
      await stranger.until("a refusal", () => stranger.session.phase === "refused");
      assert.match(stranger.session.refusal!, refusal);
      const out = new Uint8Array(Session.outBytesMin);
      assert.equal(stranger.session.encodeArm(stranger.now(), out), 0);
      assert.equal(stranger.session.encodeCommand(Float32Array.of(1), stranger.now(), out), 0);
    } finally {
      stranger.port.close();
    }
  });
}

test("two joints of six that are swapped are refused by name", async () => {
  const board = await startEmulated({ image: "firmware-bridge/images/rp2040-six-joints.bin" });
  const nobody = new Bench(board, { observation: [], action: [], periodUs: 0 });
  await nobody.until("its contract", () => nobody.session.deviceContract !== null);
  const { spec } = nobody.session.deviceContract!;
  const action = [...spec.action];
  [action[1], action[4]] = [action[4], action[1]];
  const swapped = new Bench(board, { ...spec, action });
  await swapped.until("a refusal", () => swapped.session.phase === "refused");
  assert.match(
    swapped.session.refusal!,
    /action\[1\]: expected "joint5_target", got "joint2_target"/,
  );
  for (const bench of [nobody, swapped]) bench.port.close();
  await board.close();
});

test("ARM is refused on a wrong hash, and when it comes late or too early", async () => {
  const bench = await settled();
  const before = await bench.stats();
  const soonUs = bench.deviceUs() + 900_000;
  const contract = hashContract(rampingToZero(specWith("pole_torque", "N*m", 3)));
  assert.equal((await bench.arm(soonUs, contract)).result, Result.wrongContract);
  const protocol = protocolHash ^ 1;
  const asked = await bench.arm(soonUs, hashContract(rampingToZero(pendulumSpec)), protocol);
  assert.equal(asked.result, Result.wrongProtocol);
  assert.equal((await bench.arm(bench.deviceUs() - 100_000)).result, Result.expired);
  const farUs = bench.deviceUs() + expiryAheadMaxUs + 500_000;
  assert.equal((await bench.arm(farUs)).result, Result.tooFarAhead);
  bench.send(bench.command([1], bench.deviceUs() + 500_000));
  const after = await bench.stats();
  assert.equal(after.armsRefused - before.armsRefused, 4);
  assert.equal(after.notArmed - before.notArmed, 1);
  const state = await bench.fresh();
  assert.equal(state.mode, DeviceMode.disarmed);
  assert.equal(state.applied, 0);
});

test("commands are applied as they were sent, and move the pendulum", async () => {
  const bench = await settled();
  const { session, port } = bench;
  const out = new Uint8Array(Session.outBytesMin);
  port.write(out, session.encodeArm(bench.now(), out));
  await bench.until("armed", () => session.deviceMode === DeviceMode.armed);
  const observation = new Float32Array(3);
  session.readObservation(observation);
  const from = Math.atan2(observation[1], observation[0]);
  for (const torque of [2, 1.7, 0.1, -0.3, 2]) {
    const length = session.encodeCommand(Float32Array.of(torque), bench.now() + 500_000, out);
    port.write(out, length);
    await bench.until("its torque", () => session.deviceApplied[0] === Math.fround(torque));
    await bench.pass(30);
  }
  session.readObservation(observation);
  const moved = Math.atan2(observation[1], observation[0]) - from;
  assert.ok(Math.abs(Math.sin(moved)) > 0.01, `it moved ${moved} rad`);
  assert.ok(observation[2] !== 0);
  assert.ok(Math.abs(Math.hypot(observation[0], observation[1]) - 1) < 1e-5);
  assert.ok(session.roundTripUs > 0);
});

/** The share of its torque that a stop which began at `expiresUs` leaves. */
function shareOf(state: State, expiresUs: number): number {
  return 1 - Math.min(Math.max(since(state.txUs, expiresUs) / stopRampUs, 0), 1);
}

test("when commands end, the torque ramps to zero from the expiry and stays there", async () => {
  const bench = await settled();
  await armed(bench);
  const before = await bench.stats();
  const expiresUs = await drive(bench, 2, 300_000);
  bench.forget();
  // Nothing is sent any more but clock exchanges, as after the end of the host's control process.
  await bench.until("the stop", () => bench.state.mode === DeviceMode.stopped);
  for (const state of bench.states) {
    // One turn of the firmware may pass between the ramp and the stamp.
    const error = Math.abs(state.applied - 2 * shareOf(state, expiresUs));
    assert.ok(error < 0.05, `${since(state.txUs, expiresUs)} us after it: ${state.applied}`);
    const late = since(state.txUs, expiresUs) > stopRampUs;
    if (late) assert.equal(state.applied, 0);
    assert.equal(state.mode === DeviceMode.stopped, late);
  }
  assert.ok(bench.states.some(({ mode }) => mode === DeviceMode.stopping));
  assert.equal(bench.state.reason, DeviceReason.expired);
  assert.equal((await bench.stats()).trips - before.trips, 1);
});

test("a stop stays until RESET; then ARM works again", async () => {
  const bench = await settled();
  await armed(bench);
  await drive(bench, 1, 400_000);
  assert.equal((await bench.stop(DeviceReason.gate)).result, Result.accepted);
  assert.equal((await bench.reset()).result, Result.notStopped);
  await bench.until("the stop", () => bench.state.mode === DeviceMode.stopped);
  assert.equal(bench.state.reason, DeviceReason.gate);
  const before = await bench.stats();
  bench.send(bench.command([1], bench.deviceUs() + 400_000));
  assert.equal((await bench.stats()).notArmed - before.notArmed, 1);
  assert.equal((await bench.arm()).result, Result.mustReset);
  assert.equal((await bench.fresh()).applied, 0);
  assert.equal((await bench.reset()).result, Result.accepted);
  assert.equal((await bench.fresh()).mode, DeviceMode.disarmed);
  bench.send(bench.command([1], bench.deviceUs() + 400_000));
  assert.equal((await bench.fresh()).applied, 0);
  await armed(bench);
  await drive(bench, -1, 400_000);
});

const huge = 3.4e38;
const wrong: readonly [counter: "nonFinite" | "outOfRange" | "wrongCount", values: number[]][] = [
  ["nonFinite", [Number.NaN]],
  ["nonFinite", [Number.POSITIVE_INFINITY]],
  ["nonFinite", [Number.NEGATIVE_INFINITY]],
  ["outOfRange", [2 + 2 ** -22]],
  ["outOfRange", [-2 - 2 ** -22]],
  ["outOfRange", [huge]],
  ["outOfRange", [-huge]],
  ["wrongCount", []],
  ["wrongCount", [0, 0]],
];

test("a command that is not finite, beyond a limit or of another size is not applied", async () => {
  const bench = await settled();
  await armed(bench);
  await drive(bench, 0.5, 900_000);
  for (const [counter, values] of wrong) {
    const before = await bench.stats();
    const aheadUs = bench.deviceUs() + 900_000;
    bench.send(bench.command(values, aheadUs));
    const after = await bench.stats();
    assert.equal(after[counter] - before[counter], 1, `${counter} of ${values}`);
    assert.equal(after.commands, before.commands, `${values} was accepted`);
    assert.equal((await bench.fresh()).applied, 0.5, `after ${values}`);
    await drive(bench, 0.5, 900_000);
  }
  await drive(bench, 2, 900_000);
  await drive(bench, -2, 900_000);
});

test("a command that expires over 1 s ahead is not applied", async () => {
  const bench = await settled();
  await armed(bench);
  const before = await bench.stats();
  bench.send(bench.command([1], bench.deviceUs() + expiryAheadMaxUs + 500_000));
  bench.send(bench.command([1], (bench.deviceUs() + 2 ** 31 - 1) >>> 0));
  const after = await bench.stats();
  assert.equal(after.tooFarAhead - before.tooFarAhead, 2);
  assert.equal((await bench.fresh()).applied, 0);
});

test("50 commands that something held back for 2 s are all refused", async () => {
  const bench = await settled();
  const first = 20_000;
  const held = Array.from({ length: 50 }, (_, at) =>
    bench.command([2], bench.deviceUs() + 200_000 + 1000 * at, first + at),
  );
  await bench.pass(2000);
  await armed(bench);
  const before = await bench.stats();
  await drive(bench, 0.25, 900_000);
  bench.forget();
  // Their sequences are ahead of it; that must not outdate a good one behind them.
  const good = bench.command([0.5], bench.deviceUs() + 900_000);
  bench.send(Buffer.concat([...held, good]));
  await bench.until("the good one", () => bench.state.applied === 0.5);
  const seen = bench.states.map(({ applied }) => applied);
  assert.ok(seen.every((applied) => applied === 0.25 || applied === 0.5));
  const after = await bench.stats();
  assert.equal(after.expired - before.expired, 50);
  assert.equal(after.commands - before.commands, 2);
});

test("a command that comes twice, or after a newer one, is refused", async () => {
  const bench = await settled();
  await armed(bench);
  bench.sequence += 2;
  await drive(bench, 0.5, 900_000);
  const sequence = bench.sequence - 1;
  const before = await bench.stats();
  for (const old of [sequence, sequence - 1, sequence - 2, (sequence + 0x8000) & 0xffff]) {
    bench.send(bench.command([1], bench.deviceUs() + 900_000, old));
  }
  const after = await bench.stats();
  assert.equal(after.oldSequence - before.oldSequence, 4);
  assert.equal(after.commands, before.commands);
  assert.equal((await bench.fresh()).applied, 0.5);
});

test("sequences wrap", async () => {
  const bench = await settled();
  bench.sequence = 0xfffd;
  await armed(bench);
  for (const torque of [0.1, 0.2, 0.3, 0.4]) {
    bench.send(bench.command([torque], bench.deviceUs() + 900_000, bench.sequence++ & 0xffff));
    await bench.until("it", () => bench.state.applied === Math.fround(torque));
  }
  bench.sequence &= 0xffff;
});

test("noise on the line moves nothing and is counted", async () => {
  const bench = await settled();
  await armed(bench);
  await drive(bench, 0.5, 900_000);
  const before = await bench.stats();
  const rng = new Rng(7);
  const noise = Uint8Array.from({ length: 900 }, () => Math.floor(rng.uniform() * 256));
  const good = bench.command([1], bench.deviceUs() + 900_000);
  for (let at = 1; at < good.length - 1; at++) {
    const bad = good.slice();
    bad[at] ^= 1 + Math.floor(rng.uniform() * 254);
    bench.send(bad);
  }
  bench.send(noise);
  bench.send(Uint8Array.of(0));
  const after = await bench.stats();
  assert.equal(after.commands, before.commands);
  assert.ok(after.badCrc + after.badFrame > before.badCrc + before.badFrame);
  assert.equal((await bench.fresh()).applied, 0.5);
});

test("a board that hangs comes back late and stopped, and obeys no command of before", async () => {
  const bench = await settled();
  await armed(bench);
  await drive(bench, 0.5, 200_000);
  const before = await bench.stats();
  bench.board.pause();
  await bench.pass(20);
  bench.forget();
  for (let at = 0; at < 5; at++) bench.send(bench.command([2], bench.deviceUs() + 100_000));
  const hungUs = bench.deviceUs();
  await bench.pass(400);
  bench.board.resume();
  await bench.until("the stop", () => bench.state.mode === DeviceMode.stopped);
  assert.equal(bench.state.reason, DeviceReason.expired);
  // Its clock ran on.
  assert.ok(since(bench.state.txUs, hungUs) > 300_000);
  const after = await bench.stats();
  assert.equal(after.commands, before.commands);
  assert.ok(bench.states.every(({ applied }) => applied <= 0.5));
});

/** How far the two clocks part in 2 s, and how well that is known, ppm. */
async function clockError(bench: Bench): Promise<{ ppm: number; boundPpm: number }> {
  const { session } = bench;
  const from = { offsetUs: session.offsetUs, errorUs: session.offsetErrorUs, nowUs: bench.now() };
  await bench.pass(2000);
  const spanUs = bench.now() - from.nowUs;
  const ppm = ((session.offsetUs - from.offsetUs) / spanUs) * 1e6;
  return { ppm, boundPpm: ((session.offsetErrorUs + from.errorUs) / spanUs) * 1e6 };
}

test("the firmware's clock follows the host's within 1,000 ppm", async (t) => {
  const bench = await settled();
  // A board that others hold up for more than 20 ms loses time, which silicon does not. A clock
  // that runs wrong is wrong each time.
  for (let turn = 1; ; turn++) {
    const { ppm, boundPpm } = await clockError(bench);
    t.diagnostic(`clock error ${ppm.toFixed(0)} ppm, known to ${boundPpm.toFixed(0)} ppm`);
    if (Math.abs(ppm) <= 1000 && boundPpm <= 1000) break;
    assert.ok(turn < 12, `${ppm} ppm, known to ${boundPpm} ppm`);
  }
});

test("a board that is unplugged is gone from the port", async () => {
  const bench = await settled();
  bench.board.kill();
  const exit = await bench.board.exited;
  assert.equal(exit.signal, "SIGKILL");
  await bench.until("the loss", () => !bench.pump());
  assert.equal(bench.port.read(new Uint8Array(1)), -1);
  bench.port.close();
  await bench.board.close();
});
