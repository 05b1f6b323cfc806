import { monotonicClock } from "../../src/core/clock.ts";
import type { Channel, Spec } from "../../src/core/spec.ts";
import { type Target, targetsHere } from "../../src/hil/target.ts";
import type { Port } from "../../src/link/port.ts";
import { lockSerialLine, openSerialPort } from "../../src/link/serial.ts";
import { DeviceMode } from "../../src/wire/messages.ts";
import { Session } from "../../src/wire/session.ts";
import type { Bench, BenchOptions } from "./main.ts";
import type { BenchResult } from "./rounds/result.ts";
import { medianOf } from "./rounds/result.ts";

const target = "six-joints";
const periodUs = 4000;
const seconds = 8;
const patienceUs = 5e6;
const lifeUs = 100_000;
const napUs = 100;

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
    "how far the firmware's clock runs from the host's.",
  rounds: 3,
  run,
};

interface Drive {
  /** Share of commands that were answered in time, in per cent. */
  readonly inTime: number;
  readonly p50Us: number;
  readonly clockPpm: number;
}

async function* run({ rounds, note }: BenchOptions): AsyncGenerator<BenchResult> {
  const { here, missing } = targetsHere(target);
  for (const { name, needs } of missing) note(`without ${name}: it needs ${needs}`);
  for (const board of here) {
    const drives: Drive[] = [];
    for (let round = 0; round < rounds; round++) drives.push(await driveOn(board));
    const values = (value: (drive: Drive) => number): number[] => drives.map(value);
    const common = { peers: {}, higherIsBetter: true } as const;
    const inTime = values((drive) => drive.inTime);
    yield { case: `${board.name}, in time`, unit: "%", ours: inTime, ...common };
    const trips = values((drive) => drive.p50Us);
    yield { case: `${board.name}, round trip`, unit: "us", ours: trips, peers: {} };
    const clocks = values((drive) => drive.clockPpm);
    yield { case: `${board.name}, clock`, unit: "ppm", ours: clocks, peers: {} };
  }
}

async function driveOn(board: Target): Promise<Drive> {
  const running = await board.start();
  const line = await lockSerialLine(running.path, 1_000_000, true);
  const port = openSerialPort(running.path);
  try {
    return await drive(new Host(port));
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
  const cycles = (seconds * 1e6) / periodUs;
  const trips: number[] = [];
  let inTime = 0;
  let dueUs = clock.now() + periodUs;
  for (let cycle = 0; cycle < cycles; cycle++, dueUs += periodUs) {
    action.fill(Math.sin((cycle * periodUs) / 3e5));
    const sentUs = clock.now();
    host.command(action);
    // A late answer to the command before is none to this one: it took longer than from now on.
    let answered = false;
    while (!answered && clock.now() < dueUs) {
      const before = session.acknowledged;
      host.pump();
      answered = session.acknowledged !== before && session.roundTripUs <= clock.now() - sentUs + 1;
      if (!answered) host.nap();
    }
    if (answered) {
      inTime++;
      trips.push(session.roundTripUs);
    }
    clock.until(dueUs);
  }
  const driftUs = session.offsetUs - startOffsetUs;
  const clockPpm = (driftUs / (clock.now() - startUs)) * 1e6;
  return { inTime: (100 * inTime) / cycles, p50Us: medianOf(trips), clockPpm };
}
