import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Clock, monotonicClock } from "../../src/core/clock.ts";
import { Rng } from "../../src/core/rng.ts";
import type { Spec } from "../../src/core/spec.ts";
import { Mode } from "../../src/core/step.ts";
import { parseRobot } from "../../src/edge/robot.ts";
import type { RunOptions } from "../../src/edge/run.ts";
import type { Board } from "../../src/hil/board.ts";
import { startEmulated } from "../../src/hil/emulated-board.ts";
import { lockSerialLine, openSerialPort } from "../../src/link/serial.ts";
import { ServoBus } from "../../src/link/servo-bus.ts";
import type { ServoFamily } from "../../src/link/servo-family.ts";
import type { ServoScale } from "../../src/link/servo-scale.ts";
import type { LogFile } from "../../src/log/reader.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import { randomPolicy } from "../policy/random-policy.ts";
import { armSpec, names } from "./servo-bench.ts";

export const clock: Clock = monotonicClock();
export const spec: Spec = { ...armSpec(), periodUs: 40_000 };
const maxSpeed = 2;
const ids = Uint8Array.from(names, (_, at) => at + 1);

/** What six servos say of themselves. */
export interface ServoReport {
  readonly torque: number[];
  readonly goal: number[];
  readonly position: number[];
  readonly speed: number[];
  readonly watchdog: number[];
}

/** A host as a process of its own, which drives. */
export interface Host {
  readonly process: ChildProcess;
  /** What it has printed. */
  told(): string;
  readonly ended: Promise<unknown>;
  /** When its loop began, or a moment later. */
  readonly startUs: number;
}

/** Six virtual servos on an emulated RP2040 behind a real serial port, for one file of tests. */
export class ServoArm {
  readonly #folder: string = mkdtempSync(join(tmpdir(), "sinew-servos-"));
  /** What the goal of a servo may move by in a cycle. */
  readonly stepCounts: number;
  readonly #family: ServoFamily;
  readonly #image: string;
  /** More lines of the link's section. */
  readonly #settings: readonly string[];
  #board: Promise<Board> | null = null;
  #runs = 0;

  constructor(family: ServoFamily, image: string, settings: readonly string[] = []) {
    this.#family = family;
    this.stepCounts = Math.floor((maxSpeed * spec.periodUs) / 1e6 / family.scale.radPerCount);
    this.#image = `firmware-bridge/images/${image}.bin`;
    this.#settings = settings.map((line) => `    ${line}`);
    process.on("exit", () => rmSync(this.#folder, { recursive: true, force: true }));
  }

  get scale(): ServoScale {
    return this.#family.scale;
  }

  /** Where its servos are as they get power. */
  get middle(): number {
    return this.scale.counts / 2;
  }

  /** One board for all tests of a file. The last one ends it. */
  board(): Promise<Board> {
    const { name, series } = this.#family;
    const protocol = series === "scs" ? series : name;
    this.#board ??= startEmulated({ image: this.#image, protocol });
    return this.#board;
  }

  #robotText(
    board: Board,
    { action }: Spec,
    speed: number = maxSpeed,
    logs: string = this.#folder,
  ): string {
    const servos = names.map((joint, at) => {
      const sign = at % 2 === 0 ? 1 : -1;
      const how = `sign: ${sign}, zeroCounts: ${this.middle}, maxSpeed: ${speed}`;
      return `      - { id: ${at + 1}, joint: ${joint}, ${how} }`;
    });
    return [
      ...["robot: arm", "link:", `  ${this.#family.name}:`, `    path: ${board.path}`],
      ...[...this.#settings, "    servos:", ...servos],
      ...["observationAgeMs: 900", "commandTtlMs: 900", "joints:"],
      // What the driver alone does with its servos is seen here.
      ...action.map(({ name }) => `  ${name}: { unlimited: true }`),
      `log: { directory: ${JSON.stringify(logs)} }\n`,
    ].join("\n");
  }

  async optionsFor(board: Board, contract: Spec = spec, seed: number = 3): Promise<RunOptions> {
    const bytes = await exportPolicy(randomPolicy(seed, contract));
    const startedAt = `2026-01-01T00:00:00.${String(this.#runs++).padStart(3, "0")}Z`;
    const robot = parseRobot(this.#robotText(board, contract), "robot.yaml");
    return { policy: { bytes, path: "policy.onnx" }, robot, startedAt };
  }

  /** Starts a host that drives at `speed` rad/s, and waits until its loop runs. */
  async startHost(board: Board, speed: number, seconds: number): Promise<Host> {
    const robot = join(this.#folder, "robot.yaml");
    const policy = join(this.#folder, "policy.onnx");
    const logs = join(this.#folder, `host-${this.#runs}`);
    writeFileSync(robot, this.#robotText(board, spec, speed, logs));
    // Another policy than that of the drives before, so that there is a way to go.
    writeFileSync(policy, (await this.optionsFor(board, spec, 4)).policy.bytes);
    const main = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
    const words = ["run", robot, "--policy", policy, "--arm", "--reset"];
    const host = spawn(process.execPath, [main, ...words, "--seconds", String(seconds)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let told = "";
    host.stdout.on("data", (bytes: Buffer) => {
      told += bytes.toString();
    });
    const ended = new Promise((resolve) => host.once("exit", resolve));
    // The port is locked, so nobody can ask the arm: its log says that the loop begins.
    await until(() => existsSync(logs) && readdirSync(logs).length > 0);
    return { process: host, told: () => told, ended, startUs: clock.now() };
  }

  /** Opens a bus of its own to the servos, while no host has it. */
  async ask<T>(board: Board, question: (bus: ServoBus) => T): Promise<T> {
    const line = await lockSerialLine(board.path, 1_000_000, true);
    const { packets } = this.#family;
    const bus = new ServoBus(packets, openSerialPort(board.path), clock, ids, 200_000);
    try {
      return question(bus);
    } finally {
      bus.close();
      await line.close();
    }
  }

  /** Asks the servos themselves. */
  servos(board: Board): Promise<ServoReport> {
    const { orders, present } = this.#family;
    const family = this.#family;
    return this.ask(board, (bus) => {
      const told = new Uint8Array(ids.length * orders.count);
      const seen = new Uint8Array(ids.length * present.count);
      assert.ok(bus.readEach(orders.address, orders.count, told), "the servos answer");
      assert.ok(bus.readEach(present.address, present.count, seen), "the servos answer");
      const each = (what: (at: number) => number): number[] => [...ids].map((_, at) => what(at));
      return {
        torque: each((at) => family.torqueOf(told, at * orders.count)),
        goal: each((at) => family.goalOf(told, at * orders.count)),
        watchdog: each((at) => family.watchdogOf(told, at * orders.count)),
        position: each((at) => family.placeOf(seen, at * present.count)),
        speed: each((at) => family.speedOf(seen, at * present.count)),
      };
    });
  }
}

/** Every servo holds still under torque; `slack` counts from its goal, if that is what it holds. */
export function assertAtRest(servos: ServoReport, slack: number): void {
  const { torque, goal, position, speed, watchdog } = servos;
  assert.deepEqual(
    torque,
    names.map(() => 1),
  );
  assert.deepEqual(
    speed,
    names.map(() => 0),
  );
  goal.forEach((counts, at) => {
    if (watchdog[at] === 255) return;
    // Friction holds a servo some counts from its goal.
    assert.ok(Math.abs(position[at] - counts) <= slack, `${position[at]} of ${counts}`);
  });
}

export async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 2000; turn++) {
    if (condition()) return;
    await delay(5);
  }
  assert.fail("waited in vain");
}

export function armedCyclesOf(log: LogFile): number {
  let armed = 0;
  for (const { mode } of log.steps()) if (mode === Mode.armed) armed++;
  return armed;
}

/** Puts noise on the line for some 1.5 s, and takes what the host should have heard; how much. */
export async function disturb(board: Board, seed: number): Promise<number> {
  const port = openSerialPort(board.path);
  const rng = new Rng(seed);
  const stolen = new Uint8Array(40);
  let lost = 0;
  for (let turn = 0; turn < 60; turn++) {
    const noise = Uint8Array.from({ length: 1 + rng.below(6) }, () => rng.below(255));
    port.write(noise, noise.length);
    // Every third time it takes what the host should have got, as soon as there is something.
    for (let tries = 0, taken = 0; turn % 3 === 0 && taken === 0 && tries < 1000; tries++) {
      taken = Math.max(0, port.read(stolen.subarray(0, 1 + rng.below(40))));
      lost += taken;
      port.wait(50);
    }
    await delay(20 + rng.below(10));
  }
  port.close();
  return lost;
}
