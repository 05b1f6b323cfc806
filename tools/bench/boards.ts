import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monotonicClock } from "../../src/core/clock.ts";
import type { Channel, Spec } from "../../src/core/spec.ts";
import type { Board } from "../../src/hil/board.ts";
import { targetsHere } from "../../src/hil/target.ts";
import type { Port } from "../../src/link/port.ts";
import { lockSerialLine, openSerialPort } from "../../src/link/serial.ts";
import { DeviceMode } from "../../src/wire/messages.ts";
import { Session } from "../../src/wire/session.ts";
import { startersOf } from "../board-starters.ts";
import type { Bench, BenchOptions } from "./main.ts";
import type { BenchResult } from "./rounds/result.ts";
import { medianOf } from "./rounds/result.ts";

const target = "six-joints";
const periodUs = 4000;
const seconds = 8;
const patienceUs = 5e6;
const lifeUs = 100_000;
const napUs = 100;
/** How far a firmware's clock may run from the host's. */
const clockPpmMost = 1000;
/** What is to be in time of all, in per cent; the netduinoplus2's line is slower than that. */
const inTimeLeast: Readonly<Record<string, number>> = {
  ...{ rp2040: 97, lm3s6965evb: 99, "mps2-an385": 99, "mps2-an386": 99 },
  ...{ "mps2-an500": 99, microbit: 99 },
};

const joints = [1, 2, 3, 4, 5, 6];
const channelsOf = (what: string, unit: string, size: number): Channel[] =>
  joints.map((at) => ({ name: `joint${at}_${what}`, unit, low: -size, high: size }));
/** What `firmware-bridge/targets/six-joints.c` states. */
const spec: Spec = {
  observation: [...channelsOf("angle", "rad", 3.2), ...channelsOf("velocity", "rad/s", 8)],
  action: channelsOf("target", "rad", 3),
  periodUs,
};

export const bench: Bench = {
  title:
    `Six actuators at ${1e6 / periodUs} Hz on every board that boots here, ${seconds} s a round: ` +
    "of all commands the share whose STATE is back before the next one goes, the round trip, and " +
    "how far the firmware's clock runs from the host's. Beside it an image that only answers as " +
    "many bytes with as many: what board, emulator and line take by themselves.",
  rounds: 3,
  run,
};

interface Trips {
  /** Share of commands that were answered in time, in per cent. */
  readonly inTime: number;
  readonly p50Us: number;
}

interface Drive extends Trips {
  readonly clockPpm: number;
}

async function* run({ rounds, note }: BenchOptions): AsyncGenerator<BenchResult> {
  const { here, missing } = targetsHere(target);
  for (const { name, needs } of missing) note(`without ${name}: it needs ${needs}`);
  const folder = mkdtempSync(join(tmpdir(), "sinew-echo-"));
  try {
    const echoes = startersOf("echo", folder);
    for (const board of here) yield* casesOf(board.name, rounds, board.start, echoes);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function* casesOf(
  name: string,
  rounds: number,
  start: () => Promise<Board>,
  echoes: ReadonlyMap<string, () => Promise<Board>>,
): AsyncGenerator<BenchResult> {
  const echo = echoes.get(name);
  const drives: Drive[] = [];
  const floors: Trips[] = [];
  for (let round = 0; round < rounds; round++) {
    drives.push(await onBoard(start, (port) => drive(new Host(port))));
    if (echo !== undefined) floors.push(await onBoard(echo, echoed));
  }
  const both = (value: (trips: Trips) => number) => ({
    ours: drives.map(value),
    peers: floors.length === 0 ? {} : { "echo image": floors.map(value) },
  });
  const inTime = both((trips) => trips.inTime);
  const bar = inTimeLeast[name];
  const least = bar === undefined ? {} : { bar };
  yield { case: `${name}, in time`, unit: "%", ...inTime, higherIsBetter: true, ...least };
  yield { case: `${name}, round trip`, unit: "us", ...both((trips) => trips.p50Us) };
  const ours = drives.map(({ clockPpm }) => clockPpm);
  // Either way: a clock that is slow is no better than a fast one.
  yield { case: `${name}, clock`, unit: "ppm", ours, peers: {}, bar: clockPpmMost };
}

async function onBoard<T>(start: () => Promise<Board>, use: (port: Port) => T): Promise<T> {
  const running = await start();
  const line = await lockSerialLine(running.path, 1_000_000, true);
  const port = openSerialPort(running.path);
  try {
    return use(port);
  } finally {
    port.close();
    await line.close();
    await running.close();
  }
}

const clock = monotonicClock();

/** The host's end, as the control thread has it: it polls, with naps. */
class Host {
  readonly session = new Session(spec);
  readonly #port: Port;
  readonly #in = new Uint8Array(4096);
  readonly #out = new Uint8Array(Session.outBytesMin);

  constructor(port: Port) {
    this.#port = port;
  }

  pump(): void {
    for (;;) {
      const length = this.#port.read(this.#in);
      if (length < 0) throw new Error("the board is gone");
      if (length === 0) break;
      this.session.receive(this.#in, length, clock.now());
    }
    this.#send(this.session.poll(clock.now(), this.#out));
  }

  /** Leaves the core to an emulator that needs more than one. */
  nap(): void {
    this.#port.wait(napUs);
  }

  until(what: string, holds: () => boolean): void {
    const endUs = clock.now() + patienceUs;
    for (this.pump(); !holds(); this.pump()) {
      if (clock.now() > endUs) throw new Error(`waited ${patienceUs / 1e6} s for ${what}`);
      this.nap();
    }
  }

  arm(): void {
    this.#send(this.session.encodeArm(clock.now(), this.#out));
  }

  /** STATE comes after commands alone: what is measured is their answers. */
  silence(): void {
    this.#send(this.session.encodeConfigure(0, this.#out));
  }

  command(action: Float32Array): void {
    const nowUs = clock.now();
    this.#send(this.session.encodeCommand(action, nowUs + lifeUs, this.#out, nowUs));
  }

  #send(length: number): void {
    if (length > 0) this.#port.write(this.#out, length);
  }
}

/** Drives at the full rate; counts the commands that are acknowledged before the next one goes. */
function drive(host: Host): Drive {
  const { session } = host;
  host.until("a session", () => session.phase === "ready");
  const startUs = clock.now();
  const startOffsetUs = session.offsetUs;
  host.arm();
  host.until("permission to move", () => session.deviceMode === DeviceMode.armed);
  host.silence();
  const action = new Float32Array(joints.length);
  let sentUs = 0;
  let before = 0;
  const trips = cyclesOf(
    (cycle) => {
      action.fill(Math.sin((cycle * periodUs) / 3e5));
      before = session.acknowledged;
      sentUs = clock.now();
      host.command(action);
    },
    () => {
      host.pump();
      // A late answer to the command before is none to this one: it took longer than from now on.
      const told = session.acknowledged !== before;
      before = session.acknowledged;
      return told && session.roundTripUs <= clock.now() - sentUs + 1 ? session.roundTripUs : null;
    },
    () => host.nap(),
  );
  const driftUs = session.offsetUs - startOffsetUs;
  return { ...trips, clockPpm: (driftUs / (clock.now() - startUs)) * 1e6 };
}

const commandBytes = 34;
const stateBytes = 90;

/** The same with an image that counts bytes. */
function echoed(port: Port): Trips {
  const bytes = new Uint8Array(4096);
  port.wait(100_000);
  while (port.read(bytes) > 0);
  let sentUs = 0;
  let owed = 0;
  return cyclesOf(
    () => {
      sentUs = clock.now();
      if (port.write(bytes, commandBytes)) owed += stateBytes;
    },
    () => {
      owed -= Math.max(0, port.read(bytes));
      return owed <= 0 ? clock.now() - sentUs : null;
    },
    () => port.wait(napUs),
  );
}

/** One command a period: `ask` sends it, `answer` tells its time once it is there. */
function cyclesOf(
  ask: (cycle: number) => void,
  answer: () => number | null,
  nap: () => void,
): Trips {
  const cycles = (seconds * 1e6) / periodUs;
  const trips: number[] = [];
  let dueUs = clock.now() + periodUs;
  for (let cycle = 0; cycle < cycles; cycle++, dueUs += periodUs) {
    ask(cycle);
    let tripUs = answer();
    while (tripUs === null && clock.now() < dueUs) {
      nap();
      tripUs = answer();
    }
    if (tripUs !== null) trips.push(tripUs);
    clock.until(dueUs);
  }
  return { inTime: (100 * trips.length) / cycles, p50Us: medianOf(trips) };
}
