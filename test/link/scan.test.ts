// Who answers on a port: on emulated boards, on a desk, and on a port that somebody holds.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { monotonicClock } from "../../src/core/clock.ts";
import { SinewError } from "../../src/core/errors.ts";
import type { Board } from "../../src/hil/board.ts";
import type { Protocol } from "../../src/hil/emulated.ts";
import { startEmulated } from "../../src/hil/emulated-board.ts";
import { Instruction } from "../../src/link/feetech-packet.ts";
import type { Port } from "../../src/link/port.ts";
import { holderOfPort } from "../../src/link/port-holder.ts";
import {
  type Asking,
  families,
  probesOf,
  type ScanDoors,
  type ScanReport,
  scanPort,
} from "../../src/link/scan.ts";
import { askFirmware } from "../../src/link/scan-firmware.ts";
import { askMoteus, askOdrive } from "../../src/link/scan-motors.ts";
import { askServos } from "../../src/link/scan-servos.ts";
import { lockSerialLine } from "../../src/link/serial.ts";
import { listSerialPorts, usbOfPort } from "../../src/link/serial-ports.ts";
import { FrameDecoder } from "../../src/wire/frame.ts";
import { MessageType } from "../../src/wire/messages.ts";
import { spec } from "../wire/pendulum-line.ts";
import { ScriptedDevice } from "../wire/scripted-device.ts";
import { DeskBus } from "./desk-bus.ts";
import { servoTest } from "./servo-bench.ts";

const clock = monotonicClock();
const folder = mkdtempSync(join(tmpdir(), "sinew-scan-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

function askingOn(port: Port, time: Pick<typeof clock, "now">): Asking {
  const baud = 1_000_000;
  return { port, baud, clock: time, spareUs: 3000, isFirst: false, onPart: () => {} };
}

/** Scans an emulated board at the rate at which it speaks. */
async function scanned(
  name: string,
  protocol: Protocol,
  use: (report: ScanReport, board: Board) => void | Promise<void>,
): Promise<void> {
  const board = await startEmulated({ image: `firmware-bridge/images/${name}.bin`, protocol });
  try {
    await use(await scanPort(board.path, { baud: 1_000_000 }, clock), board);
  } finally {
    await board.close();
  }
}

test("scan: firmware of ours tells its name and its whole contract", async () => {
  await scanned("rp2040-pendulum", "bridge", ({ answer, probes }) => {
    assert.deepEqual(probes, [{ family: "firmware", baud: 1_000_000 }]);
    assert.ok(answer?.family === "firmware");
    assert.deepEqual([answer.name, answer.why], ["rp2040-pendulum", ""]);
    const { observation, action, periodUs } = answer.spec!;
    assert.deepEqual(
      observation.map(({ name }) => name),
      ["pole_cos", "pole_sin", "pole_velocity"],
    );
    assert.deepEqual(action, [{ name: "pole_torque", unit: "N*m", low: -2, high: 2 }]);
    assert.equal(periodUs, 50_000);
    assert.deepEqual(answer.stops, [{ category: 0, position: 255 }]);
  });
});

for (const [family, image] of [
  ["feetech", "rp2040-sts-bus"],
  ["dynamixel", "rp2040-dxl-bus"],
] as const) {
  test(`scan: six ${family} servos tell their ids, their state and their places`, async () => {
    await scanned(image, family, ({ answer, noiseAt }) => {
      assert.ok(answer?.family === family);
      assert.deepEqual(
        answer.servos.map(({ id, counts }) => [id, counts]),
        [1, 2, 3, 4, 5, 6].map((id) => [id, 2048]),
      );
      for (const { state } of answer.servos) assert.match(state, /^well/);
      assert.deepEqual(noiseAt, []);
    });
  });
}

test("scan: an ODrive tells its firmware", async () => {
  await scanned("rp2040-odrive-axis", "odrive", ({ answer }) => {
    assert.ok(answer?.family === "odrive");
    assert.match(answer.firmware, /^0\.5\.\d+$/);
  });
});

test("scan: a moteus tells its id, and what lies before it", async () => {
  await scanned("rp2040-moteus-axis", "moteus", ({ answer }) => {
    assert.ok(answer?.family === "moteus");
    assert.deepEqual([answer.adapter, answer.ids], ["uart", [1]]);
  });
});

servoTest("scan: it pings and reads, and writes nothing", (desk) => {
  const bus = new DeskBus(desk, 3);
  const found = askServos(desk.family.name, askingOn(bus, bus));
  assert.deepEqual(
    found?.servos.map(({ id }) => id),
    [1, 2, 3],
  );
  const asked = new Set(bus.told.map((told) => Number(told.split(" ")[1])));
  assert.deepEqual([...asked].sort(), [Instruction.ping, Instruction.read]);
});

servoTest("scan: an adapter that hears itself is no servo", (desk) => {
  const bus = new DeskBus(desk, 0);
  bus.echoes = true;
  assert.equal(askServos(desk.family.name, askingOn(bus, bus)), null);
  const some = new DeskBus(desk, 2);
  some.echoes = true;
  const ids = askServos(desk.family.name, askingOn(some, some))?.servos.map(({ id }) => id);
  assert.deepEqual(ids, [1, 2]);
});

servoTest("scan: a servo whose answer was lost is asked again", (desk) => {
  const bus = new DeskBus(desk, 3);
  let lost = 0;
  bus.losesAnswer = (id) => id === 2 && lost++ === 0;
  const ids = askServos(desk.family.name, askingOn(bus, bus))?.servos.map(({ id }) => id);
  assert.deepEqual([ids, lost > 1], [[1, 2, 3], true]);
});

servoTest("scan: a servo that answers no read is told, and what may be wrong with it", (desk) => {
  const bus = new DeskBus(desk, 2);
  bus.losesPacket = (instruction, id) => instruction === Instruction.read && id === 2;
  const servos = askServos(desk.family.name, askingOn(bus, bus))?.servos;
  assert.match(servos![0].state, /^well/);
  const state = "answers a ping and no read: have two servos this id?";
  assert.deepEqual(servos![1], { id: 2, state, counts: null });
});

servoTest("scan: an answer that comes late is still heard", (desk) => {
  const bus = new DeskBus(desk, 2);
  bus.answerUs = 15_000;
  const ids = askServos(desk.family.name, askingOn(bus, bus))?.servos.map(({ id }) => id);
  assert.deepEqual(ids, [1, 2]);
});

/** A line on which nobody answers, in simulated time. */
class Deaf implements Port {
  nowUs = 0;
  readonly sent: number[] = [];

  now(): number {
    return this.nowUs;
  }

  read(): number {
    return 0;
  }

  write(bytes: Uint8Array, length: number): boolean {
    this.sent.push(...bytes.subarray(0, length));
    return true;
  }

  wait(timeoutUs: number): void {
    this.nowUs += timeoutUs;
  }

  close(): void {}
}

test("scan: firmware is sent HELLO, and drives are sent questions, and nothing else", () => {
  const line = new Deaf();
  assert.equal(askFirmware(askingOn(line, line)), null);
  const decoder = new FrameDecoder();
  const types = line.sent.flatMap((byte) => (decoder.push(byte) ? [decoder.frame[0]] : []));
  assert.ok(types.length > 10 && types.every((type) => type === MessageType.hello));
  const text = new Deaf();
  assert.equal(askOdrive(askingOn(text, text)), null);
  const lines = String.fromCharCode(...text.sent)
    .trim()
    .split("\n");
  for (const one of lines) assert.match(one, /^(f \d{6}|r fw_version_[a-z]+) \*\d+$/);
  const bus = new Deaf();
  assert.equal(askMoteus(askingOn(bus, bus)), null);
  const frames = String.fromCharCode(...bus.sent)
    .trim()
    .split("\n");
  // 0x19: a read of one register of 32 bits; 0x8202 is register 0x102.
  for (const one of frames)
    assert.match(one, /^can send [8-f][0-9a-f]{3} 198202( \*[0-9a-f]{2})?$/);
  assert.ok(frames.length >= 4 * 126);
});

/** A line with a device of the bridge protocol at its end, in simulated time. */
class Scripted extends Deaf {
  readonly device = new ScriptedDevice(spec);
  #coming: number[] = [];

  override read(into?: Uint8Array): number {
    const bytes = this.#coming.splice(0, into?.length ?? 0);
    into?.set(bytes);
    return bytes.length;
  }

  override write(bytes: Uint8Array, length: number): boolean {
    const answers = this.device.receive(bytes.subarray(0, length), this.nowUs);
    for (const answer of answers) this.#coming.push(...answer);
    return true;
  }
}

test("scan: firmware is asked who it is, and of another protocol how that differs", () => {
  const line = new Scripted();
  const found = askFirmware(askingOn(line, line));
  assert.deepEqual([found?.name, found?.spec, found?.why], ["scripted", spec, ""]);
  const other = new Scripted();
  other.device.speakOtherwise('"mode":"u8"', '"mode":"u16"');
  const refused = askFirmware(askingOn(other, other));
  assert.deepEqual([refused?.name, refused?.spec], ["scripted", null]);
  assert.match(refused!.why, /state\.2\.mode is "u8" here and "u16" there/);
  const silent = new Scripted();
  silent.device.protocolHash = 1;
  silent.device.dictionary = null;
  assert.match(askFirmware(askingOn(silent, silent))!.why, /does not tell its dictionary/);
  const asks: readonly number[] = [MessageType.hello, MessageType.query, MessageType.askDictionary];
  for (const { device } of [line, other, silent]) {
    assert.ok(device.heard.length > 0 && device.heard.every((type) => asks.includes(type)));
  }
});

test("scan: where nobody answers it ends within a minute, also behind a slow adapter", () => {
  let usedUs = 0;
  for (const { family, baud } of probesOf({})) {
    const line = new Deaf();
    const asking = { ...askingOn(line, line), baud, spareUs: 20_000 };
    if (family === "firmware") askFirmware({ ...asking, isFirst: true });
    else if (family === "odrive") askOdrive(asking);
    else if (family === "moteus") askMoteus(asking);
    else askServos(family, asking);
    usedUs += line.nowUs;
  }
  assert.ok(usedUs > 5e6 && usedUs < 60e6, `${usedUs} us`);
});

/** A port that is not there, with what was done to it. */
function imagined(change: Partial<ScanDoors>, has: (baud: number) => boolean = () => true) {
  const line = new Deaf();
  const done: string[] = [];
  const doors: ScanDoors = {
    lock: async (path) => ({
      path,
      setBaud: async (baud) => {
        if (!has(baud)) throw new SinewError("port", `cannot set ${baud} bits/s on ${path}: no`);
        done.push(`${baud}`);
      },
      close: async () => {
        done.push("unlocked");
      },
    }),
    open: () => line,
    usbOf: () => "",
    ...change,
  };
  return { line, done, doors };
}

test("scan: a rate that the port does not have ends nothing", async () => {
  const { line, done, doors } = imagined({}, (baud) => baud === 115_200);
  const report = await scanPort("p", {}, line, undefined, doors);
  assert.deepEqual(
    report.probes.map(({ baud }) => baud),
    [115_200, 115_200, 115_200, 115_200],
  );
  assert.equal(report.refusals.length, 7);
  assert.equal(report.refusals[0], "cannot set 1000000 bits/s on p: no");
  assert.deepEqual(done, ["115200", "unlocked"]);
  const none = imagined({}, () => false);
  const { probes, answer } = await scanPort("p", {}, none.line, undefined, none.doors);
  assert.deepEqual([probes, answer, none.line.sent], [[], null, []]);
});

test("scan: a port that cannot be opened twice is left unlocked", async () => {
  const open = () => {
    throw new Error("no more files");
  };
  const { line, done, doors } = imagined({ open });
  await assert.rejects(scanPort("p", {}, line, undefined, doors), /no more files/);
  assert.deepEqual(done, ["unlocked"]);
});

test("scan: what questions would move is not asked, unless somebody says what it is", async () => {
  const { line, done, doors } = imagined({ usbOf: () => "1ffb:0089" });
  await assert.rejects(scanPort("p", {}, line, undefined, doors), (error: unknown) => {
    assert.ok(error instanceof SinewError && error.code === "port");
    assert.match(error.message, /p is Pololu's, .*for orders: .*scan --family/);
    return true;
  });
  assert.deepEqual([done, line.sent], [[], []]);
  const one = { family: "odrive", baud: 115_200 } as const;
  const report = await scanPort("p", one, line, undefined, doors);
  assert.deepEqual([report.probes, report.answer], [[one], null]);
  assert.ok(String.fromCharCode(...line.sent).startsWith("f "));
  for (const family of families) {
    assert.ok(probesOf({ family }).every((probe) => probe.family === family));
    assert.ok(probesOf({ family }).length > 0);
  }
});

test("scan: who holds a port is said", async () => {
  const board = await startEmulated({ image: "firmware-bridge/images/rp2040-pendulum.bin" });
  const line = await lockSerialLine(board.path, 1_000_000, true);
  try {
    await assert.rejects(scanPort(board.path, {}, clock), (error: unknown) => {
      assert.ok(error instanceof SinewError && error.code === "port");
      assert.match(error.message, /another program holds it/);
      if (process.platform !== "linux") return true;
      assert.match(error.message, new RegExp(`\\(pid ${process.pid}: .*node`));
      return true;
    });
  } finally {
    await line.close();
    await board.close();
  }
  assert.equal(holderOfPort(join(folder, "none")), "");
});

test("scan: a holder that the system does not tell is nobody", () => {
  const port = join(folder, "port");
  writeFileSync(port, "");
  const { dev, ino } = statSync(port);
  const hex = (value: number): string => value.toString(16).padStart(2, "0");
  const place = `${hex(dev >> 8)}:${hex(dev & 0xff)}:${ino}`;
  const tell = (row: string): string => {
    writeFileSync(join(folder, "locks"), row);
    return holderOfPort(port, folder);
  };
  assert.equal(tell(`1: FLOCK  ADVISORY  WRITE 0 ${place} 0 EOF\n`), "");
  assert.equal(tell(`1: POSIX  ADVISORY  WRITE 7 ${place} 0 EOF\n`), "");
  assert.equal(tell(`1: FLOCK  ADVISORY  WRITE 7 00:00:${ino + 1} 0 EOF\n`), "");
  if (dev < 2 ** 16) assert.equal(tell(`1: FLOCK  ADVISORY  WRITE 7 ${place} 0 EOF\n`), " (pid 7)");
});

test("scan: ports are listed from what the kernel shows, without udev", () => {
  const root = join(folder, "root");
  const device = join(root, "sys/devices/usb1/1-2");
  for (const path of ["dev/serial/by-id", "sys/class/tty/ttyACM0", "sys/class/tty/ttyS0"]) {
    mkdirSync(join(root, path), { recursive: true });
  }
  mkdirSync(join(device, "1-2:1.0"), { recursive: true });
  const facts = { idVendor: "1a86", idProduct: "55d3", product: "USB Single Serial" };
  for (const [file, text] of Object.entries(facts)) writeFileSync(join(device, file), `${text}\n`);
  symlinkSync(join(device, "1-2:1.0"), join(root, "sys/class/tty/ttyACM0/device"));
  for (const name of ["ttyACM10", "ttyACM0", "ttyS0", "tty1", "null"]) {
    writeFileSync(join(root, "dev", name), "");
  }
  const lasting = join(root, "dev/serial/by-id/usb-1a86_USB_Single_Serial-if00");
  symlinkSync("../../ttyACM0", lasting);
  assert.deepEqual(listSerialPorts(root), [
    { path: join(root, "dev/ttyACM0"), lasting, product: facts.product, usb: "1a86:55d3" },
    { path: join(root, "dev/ttyACM10"), lasting: null, product: "", usb: "" },
  ]);
  assert.equal(usbOfPort(lasting, root), "1a86:55d3");
  assert.equal(usbOfPort(join(root, "dev/ttyACM10"), root), "");
  assert.equal(usbOfPort("/dev/none", root), "");
  assert.deepEqual(listSerialPorts(join(folder, "nowhere")), []);
});
