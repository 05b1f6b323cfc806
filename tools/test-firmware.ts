// Builds the firmware's core, targets and loop with the machine's C compiler under the address and
// undefined-behaviour sanitizers, and runs its tests.
//   node dist/tools/test-firmware.js
// Says of each test `ok N - name` or `not ok N - name`, and ends with a line "N passed, N failed";
// exit 1 on a failure.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Rng } from "../src/core/rng.ts";
import { encodePing as pingDynamixel } from "../src/link/dynamixel-packet.ts";
import { encodeRead, encodePing as pingFeetech } from "../src/link/feetech-packet.ts";
import { Register } from "../src/link/feetech-registers.ts";
import { pendulumSpec } from "../src/sim/pendulum.ts";
import { contractHeader } from "../src/wire/contract-header.ts";
import { hashContract, rampingToZero } from "../src/wire/device-contract.ts";
import { encodeFrame, FrameDecoder } from "../src/wire/frame.ts";
import { DeviceMode, Layout, MessageType, Result } from "../src/wire/messages.ts";
import { Requests } from "../src/wire/requests.ts";
import { axisSources, buses, coreSources } from "./firmware-sources.ts";

const flags: readonly string[] = [
  "-std=c11",
  "-O1",
  "-g",
  "-Wall",
  "-Wextra",
  "-Werror",
  "-fsanitize=address,undefined",
  "-fno-sanitize-recover=all",
  "-Icore",
  "-Itargets",
];
const core: readonly string[] = [
  ...coreSources,
  "targets/pendulum.c",
  "targets/pd-servo.c",
  "targets/torque-motor.c",
  "targets/heater.c",
];
const tests: readonly string[] = [
  "test/main.c",
  "test/groups.c",
  "test/device.c",
  "test/frame-test.c",
  "test/contract-test.c",
  "test/session-test.c",
  "test/command-test.c",
  "test/stop-test.c",
  "test/stop-line-test.c",
  "test/trial-test.c",
  "test/drive-test.c",
  "test/lockstep-test.c",
  "test/pendulum-test.c",
  "test/servo-test.c",
  "test/torque-motor-test.c",
  "test/heater-test.c",
  "test/sts-test.c",
  "test/dxl-test.c",
  "test/line-drive.c",
  "test/odrive-test.c",
  "test/moteus-test.c",
  ...new Set(Object.values(buses).flatMap(({ sources }) => sources)),
  ...axisSources,
];

/** The board's loop, with the indices of a core of 32 bits and of 8. */
const boardTests: readonly string[] = ["-Iports", "test/main.c", "test/board-test.c"];
const indices: readonly string[][] = [[], ["-DSINEW_BYTE_INDEX", "-DSINEW_FRAME_MAX=128u"]];

interface Vector {
  readonly type: number;
  readonly sequence: number;
  readonly payload: string;
  readonly wire: string;
}

/** Further ahead than any command may expire. */
const farUs = 3_000_000;

function compile(folder: string, sources: readonly string[], output: string): void {
  const command = [...flags, `-I${folder}`, ...core, ...sources, "-lm", "-o", output];
  const result = spawnSync("cc", command, { cwd: "firmware-bridge", encoding: "utf8" });
  if (result.error !== undefined) throw new Error("cc does not start: install a C compiler");
  if (result.status !== 0) throw new Error(`cc failed:\n${result.stderr.trim()}`);
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const listOf = (hex: string): string => hex.replace(/../g, "0x$&,");

/** The committed vectors and 200 random frames of ours, as a C table. */
function vectorsHeader(): string {
  const committed = JSON.parse(readFileSync("test/vectors/frames.json", "utf8")) as Vector[];
  const rows = committed.map(({ type, sequence, payload, wire }) => {
    const header = hexOf(Uint8Array.of(type, sequence & 0xff, sequence >> 8));
    return { frame: header + payload, wire };
  });
  const rng = new Rng(1);
  for (let at = 0; at < 200; at++) {
    const frame = new Uint8Array(600);
    const length = 3 + rng.below(500);
    for (let i = 0; i < length; i++) frame[i] = rng.below(3) === 0 ? 0 : rng.below(256);
    const plain = hexOf(frame.subarray(0, length));
    const wire = new Uint8Array(700);
    rows.push({ frame: plain, wire: hexOf(wire.subarray(0, encodeFrame(frame, length, wire))) });
  }
  const lines = rows.map(({ frame, wire }) => {
    const [length, wireLength] = [frame.length / 2, wire.length / 2];
    return `{${length}, ${wireLength}, {${listOf(frame)}}, {${listOf(wire)}}},`;
  });
  return [
    "#include <stddef.h>",
    "#include <stdint.h>",
    `#define CONTRACT_HASH 0x${hashContract(rampingToZero(pendulumSpec)).toString(16)}u`,
    "__attribute__((unused)) static const struct {",
    "  size_t length, wire_length;",
    "  uint8_t frame[600], wire[700];",
    "} vectors[] = {",
    ...lines,
    "};",
    "",
  ].join("\n");
}

interface Count {
  passed: number;
  failed: number;
}

/** All of them take a few seconds. */
const patienceMs = 40_000;

/** Runs the C tests and adds what they counted; a sanitizer's abort, or a hang, is one failure. */
function runCoreTests(program: string, count: Count): void {
  const result = spawnSync(program, { encoding: "utf8", timeout: patienceMs });
  process.stderr.write(result.stderr);
  const line = /^(\d+) passed, (\d+) failed$/m.exec(result.stdout);
  const last = [...result.stdout.matchAll(/^# (.*)$/gm)].at(-1)?.[1] ?? program;
  const told = result.stdout.replaceAll(/^(# .*|\d+ passed, \d+ failed)\n/gm, "");
  // At once: who waits for the first that fails ends this program then.
  writeSync(1, line === null ? `${told}not ok 0 - ${last}\n` : told);
  count.passed += Number(line?.[1] ?? 0);
  count.failed += Number(line?.[2] ?? 1);
}

/** Runs the native port on script lines; the frames that it sent, each from its first byte. */
function runScript(program: string, lines: readonly string[]): DataView[] {
  const arguments_ = ["--script", String(2 ** 32 - 100_000)];
  const result = spawnSync(program, arguments_, { input: lines.join(""), encoding: "utf8" });
  if (result.status !== 0) throw new Error(`the native port failed: ${result.stderr}`);
  const decoder = new FrameDecoder();
  const frames: DataView[] = [];
  for (const line of result.stdout.split("\n")) {
    for (const byte of Buffer.from(line.split(" ")[1] ?? "", "hex")) {
      if (decoder.push(byte)) frames.push(new DataView(decoder.frame.slice(0).buffer));
    }
  }
  if (decoder.bad > 0) throw new Error(`${decoder.bad} frames from the device are broken`);
  return frames;
}

/** Our host's frames against the device over the end of its clock: armed, driven, stopped. */
function driveNatively(program: string): void {
  const requests = new Requests();
  const wire = new Uint8Array(1024);
  const startUs = 2 ** 32 - 100_000;
  const send = (length: number): string => hexOf(wire.subarray(0, length));
  const at = (us: number): number => (startUs + us) % 2 ** 32;
  const lines = [
    `run 1000 ${send(requests.hello(wire, 0))}\n`,
    `run 0 ${send(requests.arm(hashContract(rampingToZero(pendulumSpec)), at(401_000), wire))}\n`,
    `run 0 ${send(requests.command(Float32Array.of(1.5), at(201_000), wire))}\n`,
    `run 100000 ${send(requests.command(Float32Array.of(-1.5), at(201_000), wire))}\n`,
    `run 99000 ${send(requests.command(Float32Array.of(1), at(200_000 + farUs), wire))}\n`,
    "run 201000 -\n",
  ];
  const frames = runScript(program, lines);
  const ofType = (type: number): DataView[] => frames.filter((f) => f.getUint8(0) === type);
  const [info] = ofType(MessageType.info);
  const [answer] = ofType(MessageType.answer);
  const states = ofType(MessageType.state);
  const applied = states.map((f) => f.getFloat32(Layout.state.observation + 12, true));
  const modes = states.map((f) => f.getUint8(Layout.state.mode));
  const holds =
    info?.getUint32(Layout.info.contractHash, true) === hashContract(rampingToZero(pendulumSpec)) &&
    answer?.getUint8(Layout.answer.result) === Result.accepted &&
    applied.includes(1.5) &&
    applied.includes(-1.5) &&
    !applied.includes(1) &&
    applied.at(-1) === 0 &&
    modes.includes(DeviceMode.stopping) &&
    modes.at(-1) === DeviceMode.stopped;
  if (!holds) throw new Error(`a scripted drive went wrong: applied ${applied}, modes ${modes}`);
}

/** Any bytes at all, stalls included, under the sanitizers. */
function fuzzNatively(program: string): void {
  const rng = new Rng(2);
  const lines: string[] = [];
  for (let round = 0; round < 2000; round++) {
    const bytes = Uint8Array.from({ length: 1 + rng.below(300) }, () =>
      rng.below(20) === 0 ? 0 : rng.below(256),
    );
    lines.push(`${rng.below(5) === 0 ? "stall" : "run"} ${rng.below(20_000)} ${hexOf(bytes)}\n`);
  }
  const applied = runScript(program, lines)
    .filter((frame) => frame.getUint8(0) === MessageType.state)
    .map((frame) => frame.getFloat32(Layout.state.observation + 12, true));
  if (applied.length < 1000 || applied.some((value) => value !== 0)) {
    throw new Error("garbage moved the device or silenced it (seed 2)");
  }
}

function readScsModel(id: number, out: Uint8Array): number {
  return encodeRead(id, Register.model, 2, out);
}

/** What servo 3 of each bus is asked, and what it answers. */
const pings: Readonly<Record<string, { ping: typeof pingFeetech; answer: RegExp }>> = {
  "sts-bus": { ping: pingFeetech, answer: /^ffff030200fa$/ },
  "scs-bus": { ping: readScsModel, answer: /^ffff0304000504ef$/ },
  "dxl-bus": { ping: pingDynamixel, answer: /^fffffd000307005500b00435....$/ },
};

/** A bus as a process: a servo answers a ping, and it ends with its input. */
function pingLively(program: string, name: string): void {
  const wire = new Uint8Array(64);
  const { ping, answer } = pings[name];
  const input = wire.subarray(0, ping(3, wire));
  const result = spawnSync("sh", ["-c", `(cat; sleep 0.2) | "${program}"`], { input });
  if (!answer.test(hexOf(result.stdout)) || result.status !== 0) {
    throw new Error(`the bus answered ${hexOf(result.stdout)}: ${result.stderr}`);
  }
}

/** The live port says who it is and ends with its input. */
function speakLively(program: string): void {
  const wire = new Uint8Array(64);
  const hello = wire.subarray(0, new Requests().hello(wire, 0));
  const result = spawnSync("sh", ["-c", `(cat; sleep 0.2) | "${program}"`], { input: hello });
  const decoder = new FrameDecoder();
  let infos = 0;
  for (const byte of result.stdout) {
    if (decoder.push(byte) && decoder.frame[0] === MessageType.info) infos++;
  }
  if (infos !== 1 || decoder.bad > 0 || result.status !== 0) {
    throw new Error(`the live port sent ${infos} INFO: ${result.stderr}`);
  }
}

/** Every file of the core says no to floats that are not IEEE 754's. */
function refusesFastMath(): void {
  for (const flag of ["-ffast-math", "-Ofast", "-ffinite-math-only", "-O2"]) {
    for (const source of coreSources) {
      const words = [flag, "-std=c11", "-fsyntax-only", "-Icore", source];
      const { status, stderr } = spawnSync("cc", words, {
        cwd: "firmware-bridge",
        encoding: "utf8",
      });
      const refused = status !== 0 && stderr.includes("Sinew needs IEEE 754 floats");
      if (refused === (flag === "-O2")) throw new Error(`${source} with ${flag}: ${stderr}`);
    }
  }
}

/** The loop of docs/your-board.md, with what it leaves to a board. */
function buildsOurLoop(): void {
  const page = readFileSync("docs/your-board.md", "utf8");
  const [, loop] = /```c\n([\s\S]*?)```/.exec(page) ?? [];
  const source = `#include "session.h"
bool uart_has_byte(void);
uint8_t uart_take(void);
void run(struct sinew_hal hal, struct sinew_target target, uint32_t boot_id);
static struct sinew_session session;
void run(struct sinew_hal hal, struct sinew_target target, uint32_t boot_id) {
${loop}}
`;
  const words = [...flags, "-fsyntax-only", "-x", "c", "-"];
  const { status, stderr } = spawnSync("cc", words, {
    cwd: "firmware-bridge",
    input: source,
    encoding: "utf8",
  });
  if (loop === undefined || status !== 0) throw new Error(`its loop does not compile: ${stderr}`);
}

function tally(name: string, check: () => void, count: Count): void {
  try {
    check();
    count.passed++;
    process.stdout.write(`ok ${count.passed + count.failed} - ${name}\n`);
  } catch (error) {
    process.stderr.write(`${name}: ${String(error)}\n`);
    count.failed++;
    process.stdout.write(`not ok ${count.passed + count.failed} - ${name}\n`);
  }
}

function main(): void {
  const folder = mkdtempSync(join(tmpdir(), "sinew-firmware-"));
  const count: Count = { passed: 0, failed: 0 };
  try {
    writeFileSync(join(folder, "vectors.h"), vectorsHeader());
    writeFileSync(join(folder, "contract.h"), contractHeader(rampingToZero(pendulumSpec)));
    const program = join(folder, "tests");
    const native = join(folder, "native");
    compile(folder, tests, program);
    runCoreTests(program, count);
    compile(folder, ["ports/native.c"], native);
    for (const [at, defines] of indices.entries()) {
      const board = join(folder, `board-${at}`);
      compile(folder, [...boardTests, ...defines], board);
      runCoreTests(board, count);
    }
    tally("fast-math", refusesFastMath, count);
    tally("docs/your-board.md", buildsOurLoop, count);
    for (const check of [driveNatively, fuzzNatively, speakLively]) {
      tally(check.name, () => check(native), count);
    }
    for (const [name, { sources, line, defines }] of Object.entries(buses)) {
      const bus = join(folder, name);
      const named = [`SINEW_BUS=${line}`, ...defines].map((one) => `-D${one}`);
      compile(folder, [...named, ...sources, "ports/bus-native.c"], bus);
      tally(name, () => pingLively(bus, name), count);
    }
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    count.failed++;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  process.stdout.write(`${count.passed} passed, ${count.failed} failed\n`);
  process.exitCode = count.failed > 0 ? 1 : 0;
}

main();
