// Everything that opens a serial port, through a port that is opened once only, as on Windows.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { closeSync, readSync } from "node:fs";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { messageOf, SinewError } from "../../src/core/errors.ts";
import type { Board } from "../../src/hil/board.ts";
import { startEmulated } from "../../src/hil/emulated-board.ts";
import { openPty } from "../../src/hil/pty.ts";
import { startBridge } from "../../src/link/bridge.ts";
import { openEventLine } from "../../src/link/event-line.ts";
import { scsFamily } from "../../src/link/feetech-family.ts";
import { Register, scs } from "../../src/link/feetech-registers.ts";
import { openLink, openPort } from "../../src/link/link.ts";
import { scanPort } from "../../src/link/scan.ts";
import { portErrorOf } from "../../src/link/serial.ts";
import { serialPorts, usbOf } from "../../src/link/serial-ports.ts";
import { readCounts } from "../../src/link/servo-calibration.ts";
import { clock, Host } from "./host.ts";
import { keepsTheContract } from "./link-contract.ts";
import { brokerHere, closeAfter, refuses } from "./mqtt-stage.ts";
import { ServoArm } from "./servo-arm.ts";
import { armServos, names } from "./servo-bench.ts";

const baud = 1_000_000;
const plain = true;
const image = "firmware-bridge/images/rp2040-pendulum.bin";

/** One board for the tests of the bridge and the scan. */
let board: Board | null = null;
after(() => board?.close());

/** It starts with the first test that asks for it, and takes no time from those before. */
async function booted(): Promise<Board> {
  board ??= await startEmulated({ image });
  return board;
}

test("plain: a bridge carries every frame", async () => {
  const board = await booted();
  const place = { ...(await brokerHere()), prefix: "sinew", robot: "bench" };
  const bridge = await startBridge(board.path, baud, place, undefined, { plain });
  closeAfter(() => bridge.close());
  const link = await openLink({ mqtt: place });
  closeAfter(() => link.close());
  await keepsTheContract(openPort(link.door), 5);
  assert.equal(bridge.device?.name, "rp2040-pendulum");
  assert.equal(bridge.counts.droppedToDevice, 0);
  await refuses(scanPort(board.path, { plain }, clock), /another program holds it/, "port");
  await bridge.close();
  assert.equal(await bridge.ended, null);
});

test("plain: a scan hears the same, and frees the port", async () => {
  const board = await booted();
  const choice = { baud, family: "firmware" } as const;
  const parts: number[] = [];
  const tell = (_: unknown, part: number): void => void parts.push(part);
  const heard = await scanPort(board.path, { ...choice, plain }, clock, tell);
  assert.deepEqual(heard, await scanPort(board.path, choice, clock));
  assert.ok(heard.answer?.family === "firmware" && heard.answer.spec !== null);
  assert.ok(parts.length > 1 && parts[0] === 0, `${parts}`);
  const slow = await scanPort(board.path, { baud: 300, family: "odrive", plain }, clock);
  assert.deepEqual([slow.answer, slow.probes], [null, [{ family: "odrive", baud: 300 }]]);
  await refuses(scanPort("/dev/no-such-port", { plain }, clock), /there is no such port/, "port");
});

test("plain: the command line scans and bridges so, too", async () => {
  const board = await booted();
  const main = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
  const start = (...words: string[]) => spawn(process.execPath, [main, ...words]);
  const rate = ["--baud", `${baud}`];
  const scan = start("scan", board.path, "--plain", ...rate, "--family", "firmware", "--json");
  let told = "";
  for await (const bytes of scan.stdout) told += bytes;
  assert.equal(JSON.parse(told).answer.name, "rp2040-pendulum");
  const { url } = await brokerHere();
  const where = ["--port", board.path, "--url", url, "--protocol-version", "4"];
  const bridge = start("bridge", "--plain", ...where, "--robot", "bench");
  closeAfter(async () => bridge.kill("SIGKILL"));
  for await (const bytes of bridge.stdout) if (/bridge ready/.test(`${bytes}`)) break;
  const place = { url, prefix: "sinew", robot: "bench", protocolVersion: 4 } as const;
  const link = await openLink({ mqtt: place });
  closeAfter(() => link.close());
  await new Host(openPort(link.door)).ready();
});

test("plain: a line that is lost is told by a bridge and by a scan", async () => {
  const second = await startEmulated({ image });
  closeAfter(() => second.close());
  const place = { ...(await brokerHere()), prefix: "sinew", robot: "bench" };
  const bridge = await startBridge(second.path, baud, place, undefined, { plain });
  closeAfter(() => bridge.close());
  second.kill();
  assert.match((await bridge.ended)!, /^the serial port .* was lost/);
  const third = await startEmulated({ image });
  closeAfter(() => third.close());
  const scanned = scanPort(third.path, { baud, family: "dynamixel", plain }, clock, (_, part) => {
    if (part > 0.1) third.kill();
  });
  await refuses(scanned, /the serial port .* was lost: was it unplugged/, "port");
});

test("plain: what was given to a line that is closed is still sent", async () => {
  const { master, slave, pty } = openPty();
  const line = await openEventLine(pty, baud, { plain });
  const piece = new Uint8Array(300).fill(7);
  for (let turn = 0; turn < 3; turn++) assert.ok(line.write(piece, piece.length));
  await line.close();
  assert.equal(line.write(piece, piece.length), false);
  let came = 0;
  const into = new Uint8Array(1024);
  while (came < 900) came += readSync(master, into);
  assert.deepEqual([came, into[0]], [900, 7]);
  closeSync(master);
  closeSync(slave);
});

test("plain: a line that is hung up while nobody reads is told lost, and again", async () => {
  const { master, slave, pty } = openPty();
  const line = await openEventLine(pty, baud, { plain });
  closeAfter(() => line.close());
  closeSync(slave);
  closeSync(master);
  const deaf = (): void => {};
  const lost = /^the serial port .* was lost/;
  assert.match(await new Promise<string>((resolve) => line.listen(deaf, resolve)), lost);
  assert.match(await new Promise<string>((resolve) => line.listen(deaf, resolve)), lost);
});

test("plain: servos are calibrated", async () => {
  const bus = await startEmulated({
    image: "firmware-bridge/images/rp2040-sts-bus.bin",
    protocol: "feetech",
  });
  closeAfter(() => bus.close());
  const line = { path: bus.path, baud, servos: armServos(), plain };
  const middle = names.map(() => 2048);
  assert.deepEqual(await readCounts({ feetech: line }, clock), middle);
  const none = { feetech: { ...line, servos: [{ ...line.servos[0], id: 77 }] } };
  await refuses(readCounts(none, clock), /servo 77 .*does not answer/, "handshake");
  assert.deepEqual(await readCounts({ feetech: { ...line, plain: false } }, clock), middle);
});

test("plain: an SCS is judged by what its owner says that its counts span", async () => {
  const arm = new ServoArm(scsFamily(300), "rp2040-scs-bus");
  const board = await arm.board();
  closeAfter(() => board.close());
  await arm.ask(board, (bus) => {
    for (let at = 0; at < names.length; at++) {
      assert.ok(bus.writeOne(at, scs.lock, Uint8Array.of(0)));
      // 25 to 998: 27 counts are 0.1 rad of 215 degrees, and 20 of 300.
      assert.ok(bus.writeOne(at, Register.positionLimits, Uint8Array.of(0, 25, 0x03, 0xe6)));
    }
  });
  const servos = armServos(names.length, scs);
  const calibrated = (spanDegrees: number, plain: boolean): Promise<unknown> => {
    const line = { path: board.path, baud, servos, plain };
    const feetech = { ...line, series: "scs", spanDegrees } as const;
    return readCounts({ feetech }, clock).catch(messageOf);
  };
  const narrow = /servo 1 \(pan\) keeps its goals within 25 to 998 counts: give it 20 to 1003/;
  for (const [spanDegrees, told] of [
    [215, /^512(,512){5}$/],
    [300, narrow],
  ] as const) {
    const straight = await calibrated(spanDegrees, false);
    assert.match(String(straight), told);
    assert.deepEqual(await calibrated(spanDegrees, true), straight);
  }
});

test("plain: ports of Windows are listed as its registry shows them", async () => {
  const ofPackage = async () => [
    {
      path: "COM10",
      friendlyName: "USB-SERIAL CH340 (COM10)",
      vendorId: "1A86",
      productId: "7523",
    },
    { path: "COM3", friendlyName: "Communications Port (COM3)" },
    { path: "COM4", vendorId: "1FFB", productId: "0089" },
  ];
  assert.deepEqual(await serialPorts("win32", ofPackage), [
    { path: "COM3", lasting: null, product: "Communications Port (COM3)", usb: "" },
    { path: "COM4", lasting: null, product: "", usb: "1ffb:0089" },
    { path: "COM10", lasting: null, product: "USB-SERIAL CH340 (COM10)", usb: "1a86:7523" },
  ]);
  for (const path of ["COM4", "com4", "\\\\.\\COM4"]) {
    assert.equal(await usbOf(path, "win32", ofPackage), "1ffb:0089");
  }
  assert.equal(await usbOf("COM9", "win32", ofPackage), "");
  assert.equal(await usbOf("COM3", "win32", ofPackage), "");
});

test("plain: what Windows says of a port that does not open is put in words", () => {
  const said = (text: string): string => {
    const error = portErrorOf("COM3", new Error(text));
    assert.ok(error instanceof SinewError && error.code === "port");
    return error.message;
  };
  assert.match(said("Opening COM3: File not found"), /there is no such port/);
  assert.match(said("Opening COM3: Access denied"), /another program holds it/);
  assert.match(said("Opening COM3: Unknown error code 31"), /Unknown error code 31$/);
});
