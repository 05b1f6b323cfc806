// What Feetech's SCS servos do in their own way, in simulated time. The packets were computed from
// the protocol's definition and Feetech's table of the series, and their sums added up by hand.
import assert from "node:assert/strict";
import { test } from "node:test";
import { SinewError } from "../../src/core/errors.ts";
import { Rng } from "../../src/core/rng.ts";
import { scsFamily } from "../../src/link/feetech-family.ts";
import { Instruction } from "../../src/link/feetech-packet.ts";
import { Register, scs, wordAt } from "../../src/link/feetech-registers.ts";
import { openDevice } from "../../src/link/link.ts";
import type { Port } from "../../src/link/port.ts";
import { askServos } from "../../src/link/scan-servos.ts";
import type { ServoBus } from "../../src/link/servo-bus.ts";
import { calibrated, standingAt } from "../../src/link/servo-calibration.ts";
import { servoJoints } from "../../src/link/servo-joints.ts";
import { spanScale } from "../../src/link/servo-scale.ts";
import { answerUsOf, questionUsOf } from "../../src/link/servo-time.ts";
import { DeskBus } from "./desk-bus.ts";
import { deskFeetech, deskScs } from "./desk-servo.ts";
import { armServos, armSpec, periodUs, ServoBench, type Through } from "./servo-bench.ts";

const { family } = deskScs;
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** Keeps what passes, as hex: what is sent and, where it came in one piece, what is heard. */
function recorder(): { through: Through; sent: string[]; heard: string[] } {
  const [sent, heard]: string[][] = [[], []];
  const through = (port: Port): Port => ({
    read: (into) => {
      const length = port.read(into);
      if (length > 0) heard.push(hexOf(into.subarray(0, length)));
      return length;
    },
    write: (bytes, length) => {
      sent.push(hexOf(bytes.subarray(0, length)));
      return port.write(bytes, length);
    },
    wait: (timeoutUs) => port.wait(timeoutUs),
    close: () => port.close(),
  });
  return { through, sent, heard };
}

test("scs: what goes over the line, with the high byte of a word first", () => {
  const { through, sent, heard } = recorder();
  const bench = new ServoBench(deskScs, 2, {}, armSpec(2), through);
  bench.greet();
  // Model and delay, then the limits; the lock is open, the delay is 0, the lock is shut.
  assert.deepEqual(sent.slice(0, 5), [
    "ffff0104020305f0",
    "ffff0104020906e9",
    "ffff0104033000c7",
    "ffff0104030700f0",
    "ffff0104033001c6",
  ]);
  assert.equal(heard[0], "ffff01070005040100faf3");
  const [first, second] = bench.bus.servos;
  first.position = 600;
  first.speed = -300;
  first.registers.set([0x04, 0x64, 74, 30], Register.presentPosition + 4);
  second.position = 1;
  sent.length = 0;
  heard.length = 0;
  bench.device.read(bench.observation, bench.bus.nowUs);
  assert.deepEqual(sent, ["ffff0104023808b8", "ffff0204023808b7"]);
  assert.equal(heard[0], "ffff010a000258812c04644a1e1d");
  const turn = (300 * Math.PI) / 180 / 1024;
  assert.ok(Math.abs(bench.observation[0] - (600 - 512) * turn) < 1e-6);
  assert.ok(Math.abs(bench.observation[2] + 300 * turn) < 1e-6);
});

test("scs: goals go to all in one packet, and none asks all", () => {
  const { through, sent } = recorder();
  const bench = new ServoBench(deskScs, 2, {}, armSpec(2), through);
  bench.bus.servos[1].position = 600;
  bench.arm();
  assert.ok(sent.includes("fffffe0a832a02010200020258e9"));
  assert.ok(sent.includes("fffffe088328010101020148"));
  bench.cycles(20, 0.5);
  const asked = bench.bus.told.map((told) => Number(told.split(" ")[1]));
  assert.ok(!asked.includes(Instruction.syncRead));
  // A servo that hears one keeps silent, so a driver that sent it would have read nothing.
  assert.equal(bench.device.failedReads, 0);
});

test("scs: each servo is asked by itself, and only those without an answer again", () => {
  const bench = new ServoBench(deskScs, 3);
  bench.greet();
  bench.cycle();
  const told = bench.bus.told.length;
  let lost = 0;
  bench.bus.losesAnswer = (id) => id === 2 && lost++ === 0;
  bench.device.read(bench.observation, bench.bus.nowUs);
  const { address } = family.present;
  const asked = [1, 2, 3].map((id) => `${id} 2 ${address}`);
  assert.deepEqual(bench.bus.told.slice(told), [...asked, `2 2 ${address - 1}`]);
  assert.equal(bench.device.failedReads, 0);
});

test("scs: radians by the span that the owner says", () => {
  for (const spanDegrees of [200, 300, 360]) {
    const { radPerCount, marginCounts } = spanScale(1024, spanDegrees);
    assert.ok(Math.abs(1024 * radPerCount - (spanDegrees * Math.PI) / 180) < 1e-12);
    // 0.1 rad, and what a servo's own limits leave free.
    assert.ok(marginCounts >= 20 && marginCounts * radPerCount >= 0.098, `${marginCounts}`);
  }
  assert.equal(family.scale.marginCounts, 20);
  assert.equal(Math.round(1 / family.scale.radPerCount), 196);
});

test("scs: every servo answers at once, and keeps it, by the lock of its own series", () => {
  const bench = new ServoBench(deskScs);
  const sets: number[] = [];
  for (const servo of bench.bus.servos) {
    const set = servo.set.bind(servo);
    servo.set = (address, data) => {
      sets.push(address);
      return set(address, data);
    };
  }
  bench.greet();
  assert.equal(bench.device.phase, "ready");
  for (const { registers } of bench.bus.servos) {
    assert.equal(registers[Register.returnDelay], 0);
    assert.equal(registers[scs.lock], 1);
  }
  // 48 is the torque limit of an STS and 55 nothing of an SCS.
  assert.deepEqual([...new Set(sets)].sort(), [48, 7].sort());
});

test("scs: a servo of the other series is refused with both named, and nothing is set", () => {
  for (const [desk, guest, refusal] of [
    [
      deskScs,
      deskFeetech,
      /^servo 2 \(lift\) is an STS3215 \(777\), not an SCS0009 \(1284\): .*scs/,
    ],
    [
      deskFeetech,
      deskScs,
      /^servo 2 \(lift\) is an SCS0009 \(1284\), not an STS3215 \(777\): .*sts/,
    ],
  ] as const) {
    const bench = new ServoBench(desk);
    bench.bus.servos[1] = guest.makeServo(2);
    const set = bench.bus.servos[1].set;
    bench.bus.servos[1].set = () => assert.fail("a servo of another series is written to");
    bench.greet();
    assert.equal(bench.device.phase, "refused");
    assert.match(bench.device.refusal!, refusal);
    bench.bus.servos[1].set = set;
    bench.device.arm(bench.bus.nowUs);
    assert.deepEqual(bench.bus.goals, []);
  }
});

test("scs: a motor, and a servo whose limits keep it from its goals, is told by name", () => {
  const at = Register.positionLimits;
  const set: readonly [registers: readonly number[], refusal: RegExp | null][] = [
    [[0, 0, 0, 0], /servo 3 \(elbow\) is in motor mode, .*give it 0 and 1023/],
    [
      [0, 100, 3, 0xeb],
      /servo 3 \(elbow\) keeps its goals within 100 to 1003 counts: .*20 to 1003/,
    ],
    [[0, 20, 3, 0xea], /servo 3 \(elbow\) keeps its goals within 20 to 1002 counts/],
    [[0, 21, 3, 0xeb], /servo 3 \(elbow\) keeps its goals within 21 to 1003 counts/],
    [[0, 20, 3, 0xeb], null],
    [[0, 0, 3, 0xff], null],
  ];
  for (const [limits, refusal] of set) {
    const bench = new ServoBench(deskScs);
    bench.bus.servos[2].registers.set(limits, at);
    bench.greet();
    if (refusal === null) assert.equal(bench.device.phase, "ready");
    else assert.match(bench.device.refusal!, refusal);
  }
  const other = new ServoBench(deskScs);
  other.bus.servos[2].registers[Register.model] = 1;
  other.greet();
  assert.match(other.device.refusal!, /servo 3 \(elbow\) is model 260, not an SCS0009 \(1284\)/);
});

test("scs: over the end there is no way round, let go or driven", () => {
  const spec = armSpec(1, 0.5);
  const free = new ServoBench(deskScs, 1, { zeroCounts: 880 }, spec);
  free.greet();
  for (const [position, told] of [
    [1015, /is at the end of its encoder's range/],
    [8, /is at the end of its encoder's range/],
    [1003, null],
  ] as const) {
    free.bus.servos[0].position = position;
    free.cycle();
    const rad = (position - 880) * free.radPerCount;
    // A whole turn would tell 8 as 1032.
    assert.ok(Math.abs(free.observation[0] - rad) < 1e-5, `${position}: ${free.observation[0]}`);
    free.device.arm(free.bus.nowUs);
    assert.equal(free.device.armed, told === null);
    if (told !== null) assert.match(free.device.why, told);
  }
  free.cycle(0);
  free.bus.servos[0].move = () => {};
  free.bus.servos[0].position = 5;
  free.cycle(0);
  assert.equal(free.ageUs, periodUs, "a jump over the gap is no place");
  free.cycles(5, 0);
  assert.equal(free.ageUs, Number.POSITIVE_INFINITY);
  for (const [goal] of free.bus.goals) assert.ok(goal >= 20 && goal <= 1003, `${goal}`);
});

test("scs: all questions of a cycle have half of its period, whoever is silent", () => {
  for (let seed = 0; seed < 40; seed++) {
    const rng = new Rng(seed);
    const count = 1 + rng.below(6);
    const bench = new ServoBench(deskScs, count);
    bench.greet();
    bench.cycle();
    for (const servo of bench.bus.servos) servo.plugged = rng.below(2) === 0;
    bench.bus.answerUs = rng.below(2) === 0 ? 200 : rng.below(periodUs);
    const startUs = bench.bus.nowUs;
    bench.device.read(bench.observation, startUs);
    const tookUs = bench.bus.nowUs - startUs;
    assert.ok(tookUs <= periodUs / 2 + 1, `seed ${seed}: ${tookUs} us for ${count}`);
  }
});

/** A servo whose place tells when it was asked, in ms, from 60 on. */
const clockTurn = 900;

test("scs: no servo's place is older than it is said to be, however late answers are", () => {
  let fresh = 0;
  let said = 0;
  for (let seed = 0; seed < 60; seed++) {
    const rng = new Rng(seed);
    const spec = { ...armSpec(3), observation: armSpec(3).observation.slice(0, 3) };
    const bench = new ServoBench(deskScs, 3, { sign: 1 }, spec);
    bench.greet();
    const { bus } = bench;
    for (const servo of bus.servos) {
      servo.move = () => {};
      const get = (): number => 60 + (Math.floor(bus.nowUs / 1000) % clockTurn);
      Object.defineProperty(servo, "position", { get });
    }
    bus.losesAnswer = () => rng.below(12) === 0;
    for (let cycle = 0; cycle < 200; cycle++) {
      // Up to 4 periods, where several cycles' answers are on their way at once.
      if (cycle % 40 === 0) bus.answerUs = [200, 1000, 3000, 20_000, 80_000][rng.below(5)];
      const nowMs = Math.floor(bus.nowUs / 1000) % clockTurn;
      bench.cycle();
      if (bench.ageUs === Number.POSITIVE_INFINITY) continue;
      said++;
      if (bench.ageUs === 0) fresh++;
      for (const rad of bench.observation) {
        const told = Math.round(rad / bench.radPerCount) + bench.middle - 60;
        const oldMs = ((nowMs - told + 1.5 * clockTurn) % clockTurn) - clockTurn / 2;
        const line = `seed ${seed} cycle ${cycle}: ${oldMs} ms old, said ${bench.ageUs / 1000}`;
        assert.ok(oldMs * 1000 <= bench.ageUs + 1000, line);
      }
    }
  }
  assert.ok(fresh > 3000 && said > fresh, `${fresh} ${said}`);
});

test("scs: six servos fit 50 Hz and not 100 Hz at 1 Mbaud, and are refused unopened", () => {
  // 8 bytes ask and at most 6 + 23 answer, 10 bits each; and 500 us for the computers.
  assert.equal(questionUsOf(family, 6, 1_000_000), 370);
  assert.ok(Math.abs(answerUsOf(family, 6, 20_000) - 20_000 / 14) < 1e-9);
  const servos = armServos(6, family.scale);
  const line = { path: "/dev/no-such-port", baud: 1_000_000, servos };
  const door = { feetech: { ...line, series: "scs", spanDegrees: 300 } } as const;
  const opened = (rateHz: number): unknown => {
    const spec = { ...armSpec(6), periodUs: 1e6 / rateHz };
    const port = { read: () => 0, write: () => true, wait: () => {}, close: () => {} };
    return openDevice(spec, door, { now: () => 0 }, undefined, {}, () => port);
  };
  assert.ok(opened(50));
  assert.ok(opened(80));
  assert.throws(
    () => opened(100),
    (error: unknown) => {
      assert.ok(error instanceof SinewError && error.code === "contract-mismatch");
      const line = /6 servos at 1000000 bits\/s, asked one by one, need a period of 12180 us/;
      assert.match(error.message, line);
      return true;
    },
  );
});

const spec = armSpec(2, 1);
const servos = armServos(2, family.scale);

test("scs calibration: the zero follows from the pose, and none is counted round", () => {
  const { scale } = family;
  const pose = { pan_position: 1, lift_position: 0 };
  const [pan, lift] = calibrated(spec, servos, scale, [708, 512], pose);
  assert.deepEqual([pan.servo.zeroCounts, pan.fit, lift.servo.zeroCounts], [512, "fits", 512]);
  servoJoints(spec, [pan.servo, lift.servo], family);
  // 1 rad more than 100 counts is 0 rad at -96: in the gap, where no count is.
  const [gap] = calibrated(spec, servos, scale, [100, 512], pose);
  assert.deepEqual([gap.servo.zeroCounts, gap.fit], [0, "turn"]);
  assert.ok(Math.abs(gap.turn / scale.radPerCount - (512 + 96)) <= 1, `${gap.turn}`);
  // Half a radian nearer it has a count, and its range has not.
  const [near] = calibrated(spec, servos, scale, [300, 512], pose);
  assert.deepEqual([near.servo.zeroCounts, near.fit], [104, "turn"]);
  assert.throws(() => servoJoints(spec, [near.servo, servos[1]], family), /stay within 20 to 1003/);
  // A range that has counts, while its zero has none, can not be told in a robot file.
  const away = { ...spec, action: spec.action.map((one) => ({ ...one, low: 0.5, high: 1 })) };
  const [nowhere] = calibrated(away, servos, scale, [180, 512], pose);
  assert.ok(nowhere.low >= 20 && nowhere.servo.zeroCounts === 0 && nowhere.fit === "turn");
  const [wide] = calibrated(armSpec(2, 2.6), servos, scale, [512, 512], pose);
  assert.equal(wide.fit, "tooWide");
});

test("scs calibration: looks on both sides of the gap are a servo that moves", () => {
  const looks = (...places: readonly number[]): number[] => {
    let look = 0;
    const bus: Pick<ServoBus, "errors" | "readOne"> = {
      errors: new Uint8Array(2),
      readOne: (_, address, count, into) => {
        const servo = deskScs.makeServo(1);
        if (address === family.present.address) servo.position = places[look++ % places.length];
        servo.tell();
        into.set(servo.registers.subarray(address, address + count));
        return true;
      },
    };
    return standingAt(family, bus as ServoBus, servos.slice(0, 1));
  };
  assert.deepEqual(looks(600, 602), [601]);
  assert.throws(() => looks(1022, 1), /servo 1 \(pan\) moves/);
});

test("scs: a scan tells the series, and who of the other one is beside it", () => {
  const bus = new DeskBus(deskScs, 3);
  bus.servos[1] = deskFeetech.makeServo(2);
  const asking = { port: bus, baud: 1_000_000, clock: bus, spareUs: 3000, isFirst: false };
  const found = askServos("feetech", { ...asking, onPart: () => {} })!;
  assert.deepEqual([found.family, found.series], ["feetech", "scs"]);
  assert.deepEqual(
    found.servos.map(({ id, counts }) => [id, counts === null ? null : counts > 0]),
    [
      [1, true],
      [2, true],
      [3, true],
    ],
  );
  assert.match(found.servos[0].state, /^well/);
  assert.match(found.servos[1].state, /^is an STS3215 \(777\), not an SCS0009 \(1284\)/);
  assert.equal(found.servos[2].counts, 512);
  const sts = new DeskBus(deskFeetech, 1);
  const other = askServos("feetech", { ...asking, port: sts, clock: sts, onPart: () => {} });
  assert.equal(other?.series, "sts");
});

test("scs: words have their high byte first, and an STS's model is another number there", () => {
  const scsServo = deskScs.makeServo(1).registers;
  assert.deepEqual([...scsServo.subarray(3, 5)], [5, 4]);
  assert.equal(wordAt(scsServo, 3, scs), 1284);
  assert.equal(scsFamily(300).packets.encodeSyncRead, null);
});
