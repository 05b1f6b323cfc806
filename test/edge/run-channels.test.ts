// A policy whose channels have other names and another order than the firmware's, on the emulated
// board: six joints, each of which goes where it is told and says where it is.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { monotonicClock } from "../../src/core/clock.ts";
import { SinewError } from "../../src/core/errors.ts";
import type { Channel, Spec } from "../../src/core/spec.ts";
import { Mode } from "../../src/core/step.ts";
import { runPolicy } from "../../src/edge/drive.ts";
import { checkLink } from "../../src/edge/link-checkup.ts";
import { replayLog } from "../../src/edge/replay.ts";
import { parseRobot } from "../../src/edge/robot.ts";
import { channelsOfRobot } from "../../src/edge/robot-channels.ts";
import { type Run, type RunOptions, startRun } from "../../src/edge/run.ts";
import type { Board } from "../../src/hil/board.ts";
import { startEmulated } from "../../src/hil/emulated-board.ts";
import { scanPort } from "../../src/link/scan.ts";
import { readLog } from "../../src/log/reader.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import {
  contractBehind,
  type DeviceContract,
  hashContract,
} from "../../src/wire/device-contract.ts";
import { stopRulesOf } from "../../src/wire/stop-choice.ts";
import { randomPolicy } from "../policy/random-policy.ts";
import { ownFolder, patientRobot } from "./board-run.ts";

const folder = ownFolder("run-channels");
const image = "firmware-bridge/images/rp2040-six-joints.bin";

let shared: Promise<Board> | null = null;
function theBoard(): Promise<Board> {
  shared ??= startEmulated({ image });
  return shared;
}
after(async () => (await shared)?.close());

/** What the firmware calls the channels that the policy's have these names and this order for. */
const policyNames = {
  observation: [
    ...["rate_d", "rate_a", "rate_f", "rate_c", "rate_b", "rate_e"],
    ...["at_f", "at_b", "at_a", "at_e", "at_d", "at_c"],
  ],
  action: ["c", "a", "f", "b", "e", "d"],
};
const joints = ["a", "b", "c", "d", "e", "f"];

function deviceNameOf(name: string): string {
  const joint = joints.indexOf(name.at(-1)!) + 1;
  const what = name.startsWith("rate_") ? "velocity" : name.startsWith("at_") ? "angle" : "target";
  return `joint${joint}_${what}`;
}

/** The firmware's, by the policy's names and in its order. */
function policySpecOf(device: Spec): Spec {
  const channels = (group: "observation" | "action"): Channel[] =>
    policyNames[group].map((name) => {
      return { ...device[group].find((one) => one.name === deviceNameOf(name))!, name };
    });
  return { ...device, observation: channels("observation"), action: channels("action") };
}

/** A policy that tells each joint the same place all the time. */
function constantPolicy(spec: Spec, targetOf: (joint: number) => number): Promise<Uint8Array> {
  const parts = randomPolicy(1, spec, [8]);
  const last = parts.layers.at(-1)!;
  const bias = Float32Array.from(spec.action, ({ name, high }) => {
    const joint = /^joint/.test(name) ? Number(name[5]) : joints.indexOf(name) + 1;
    return Math.atanh(targetOf(joint) / high);
  });
  const constant = { ...last, weights: new Float32Array(last.weights.length), bias };
  return exportPolicy({ ...parts, layers: [...parts.layers.slice(0, -1), constant] });
}

/** Each joint another way. */
const target = (joint: number): number => (joint % 2 === 0 ? -0.15 : 0.15) * joint;

/** An emulated board on a busy machine takes its time: one look is 50 ms. */
const stillLooksEnough = 25;
let runs = 0;

async function optionsOf(
  spec: Spec,
  targetOf: (joint: number) => number,
  lines: readonly string[],
): Promise<RunOptions> {
  const joints = spec.action.map(({ name }) => `${name}: { unlimited: true }`);
  const text = [
    patientRobot(await theBoard(), folder),
    `joints: { ${joints.join(", ")} }`,
    ...lines,
  ];
  const robot = parseRobot(`${text.join("\n")}\n`, "robot.yaml");
  const startedAt = `2026-01-01T00:00:00.${String(runs++).padStart(3, "0")}Z`;
  const bytes = await constantPolicy(spec, targetOf);
  return { policy: { bytes, path: "policy.onnx" }, robot, startedAt };
}

/** The lines of a robot file by which the firmware's channels are the policy's. */
function mapLines(device: Spec, order: (names: string[]) => string[] = (names) => names): string[] {
  const pairs = (group: "observation" | "action"): string => {
    const own = device[group].map(({ name }) => name);
    const names = group === "action" ? order(own) : own;
    const given = names.map((name) => {
      return `${name}: ${policyNames[group].find((one) => deviceNameOf(one) === name)}`;
    });
    return `  ${group}: { ${given.join(", ")} }`;
  };
  const stops = policyNames.action.map((name) => `${name}: { hold: at_${name} }`);
  return [
    ...["channels:", pairs("observation"), pairs("action")],
    `stops: { ${stops.join(", ")} }`,
  ];
}

async function firmwareOf(board: Board): Promise<DeviceContract> {
  const { answer } = await scanPort(board.path, { family: "firmware" }, monotonicClock());
  assert.ok(answer?.family === "firmware" && answer.spec !== null);
  return { spec: answer.spec, stops: answer.stops };
}

/** What each joint was told and was seen to do at the end, by the firmware's names. */
async function driven(options: RunOptions): Promise<Map<string, number>> {
  const settled = new AbortController();
  let stillLooks = 0;
  const onLook = ({ spec, status }: Run): void => {
    const seen = status.live().observation;
    const moves = spec.observation.some(
      ({ unit }, at) => unit === "rad/s" && Math.abs(seen[at]) > 0.02,
    );
    stillLooks = moves ? 0 : stillLooks + 1;
    if (stillLooks === stillLooksEnough) settled.abort("test");
  };
  const { signal } = settled;
  const report = await runPolicy({
    ...options,
    seconds: 15,
    arm: true,
    reset: true,
    onLook,
    signal,
  });
  assert.ok(report.deviceAtRest, JSON.stringify(report.transitions));
  const log = readLog(report.logPath);
  const values = new Map<string, number>();
  for (const { mode, observation, action } of log.steps()) {
    if (mode !== Mode.armed) continue;
    const note = ({ name }: Channel, value: number): void => {
      values.set(/^joint/.test(name) ? name : deviceNameOf(name), value);
    };
    for (const [at, channel] of log.spec.observation.entries()) note(channel, observation[at]);
    for (const [at, channel] of log.spec.action.entries()) note(channel, action[at]);
  }
  const replay = await replayLog(log, options.policy.bytes);
  assert.deepEqual([replay.equal, replay.differing], [true, 0]);
  return values;
}

test("run: behind other names, in another order, each channel is itself", async () => {
  const board = await theBoard();
  const firmware = await firmwareOf(board);
  const spec = policySpecOf(firmware.spec);
  const plain = await driven(await optionsOf(firmware.spec, target, []));
  const options = await optionsOf(spec, (joint) => -target(joint), mapLines(firmware.spec));
  const mapped = await driven(options);
  for (let joint = 1; joint <= 6; joint++) {
    const [told, seen] = [`joint${joint}_target`, `joint${joint}_angle`];
    assert.ok(Math.abs(plain.get(told)! - target(joint)) < 1e-3, told);
    assert.ok(Math.abs(mapped.get(told)! + plain.get(told)!) < 1e-6, told);
    assert.ok(Math.abs(plain.get(seen)! - target(joint)) < 0.02, `${seen}: ${plain.get(seen)}`);
    assert.ok(
      Math.abs(mapped.get(seen)! + plain.get(seen)!) < 0.02,
      `${seen}: ${mapped.get(seen)}`,
    );
  }
  const { robot } = options;
  const contract = contractBehind(channelsOfRobot(robot, spec), stopRulesOf(spec, robot.stops!));
  assert.equal(hashContract(contract), hashContract(firmware));
  const startedAt = "2026-01-02T00:00:00.000Z";
  const found = await checkLink({ ...options, startedAt });
  const watchdog = found.find(({ name }) => name === "watchdog");
  // The board holds its latched stop: what counts is that it was greeted as what it is.
  assert.match(watchdog!.line, /the device is stopped/, JSON.stringify(found));
});

test("run: two joints that are swapped in the map are refused by name", async () => {
  const { spec } = await firmwareOf(await theBoard());
  const swap = (names: string[]): string[] => {
    const [first, second, ...others] = names;
    return [second, first, ...others];
  };
  const options = await optionsOf(policySpecOf(spec), target, mapLines(spec, swap));
  await assert.rejects(startRun(options), (error: unknown) => {
    assert.ok(error instanceof SinewError && error.code === "contract-mismatch", String(error));
    const place = /action\[0\] \(the policy's b\): expected "joint2_target", got "joint1_target"/;
    assert.match(error.message, place);
    return true;
  });
  const without = await optionsOf(policySpecOf(spec), target, []);
  await assert.rejects(
    startRun(without),
    /observation\[0\]: expected "rate_d", got "joint1_angle"/,
  );
});

test("run: a map that does not fit the policy is told before a port opens", async () => {
  const { spec } = await firmwareOf(await theBoard());
  const lines = ["channels: { action: { m1: a } }"];
  const options = await optionsOf(policySpecOf(spec), target, lines);
  await assert.rejects(startRun(options), (error: unknown) => {
    assert.ok(error instanceof SinewError && error.code === "robot-file", String(error));
    assert.match(error.message, /^robot\.yaml: channels\.action: "c" of the policy is missing/);
    return true;
  });
});
