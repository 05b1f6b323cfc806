import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runPolicy } from "../edge/drive.ts";
import { parseRobot } from "../edge/robot.ts";
import type { RunReport } from "../edge/run.ts";
import type { Board } from "../hil/board.ts";
import { startEmulated } from "../hil/emulated-board.ts";
import { type LogFile, readLog } from "../log/reader.ts";
import { startBridgeProcess } from "./bridge-process.ts";
import {
  type DemoOptions,
  persistently,
  pick,
  prove,
  replay,
  retrainFrom,
  type Spread,
  type Stage,
  spread,
  trainPolicy,
} from "./demo-stage.ts";
import { liveLine, reasonsOfStops } from "./drive.ts";
import { type Terminal, table } from "./terminal.ts";

const image = fileURLToPath(
  new URL("../../../firmware-bridge/images/rp2040-pendulum.bin", import.meta.url),
);

/** Mean return on the selection starts at which the demo has trained enough: it swings up. */
const solvedReturn = -148;

/** Swing-up, over serial and over MQTT. */
export async function demoPendulum(options: DemoOptions, terminal: Terminal): Promise<void> {
  const { defaultSettings } = await import("../learn/presets.ts");
  const { folder, seed, steps } = options;
  const settings = { ...defaultSettings, seed, steps, targetReturn: solvedReturn };
  const trained = await trainPolicy(settings, options, terminal);
  const stage: Stage = { options, terminal, trained };
  const proofError = await prove(stage);
  const serial = await persistently(stage, "serial", driveOverSerial);
  const log = readLog(serial.logPath);
  const replayed = await replay(stage, log);
  const gate = await retrainFrom(stage, log, "pendulum");
  const mqtt = await persistently(stage, "mqtt", driveOverMqtt);
  const result = {
    train: { seconds: trained.seconds, return: trained.best.mean },
    proof: { maxAbsError: proofError },
    serial: {
      steps: serial.cycles,
      missed: serial.missed,
      loopUs: pick(serial.times.total),
      roundTripUs: pick(serial.times.roundTrip),
    },
    mqtt: {
      steps: mqtt.cycles,
      missed: mqtt.missed,
      loopUs: pick(mqtt.times.total),
      roundTripUs: pick(mqtt.times.roundTrip),
      uprightFraction: uprightFraction(readLog(mqtt.logPath)),
    },
    swingUp: { uprightFraction: uprightFraction(log) },
    log: { steps: replayed.steps },
    replay: { equal: replayed.equal },
    retrain: { verdict: gate.verdict, return: gate.candidateReturn },
  };
  for (const line of table(rowsOf(result))) terminal.line(line);
  for (const line of filesOf(folder, serial, mqtt)) terminal.line(line);
  terminal.result(result);
  const drives = [serial, mqtt];
  const whole = drives.every(
    (report) => report.deviceAtRest && reasonsOfStops(report).length === 0,
  );
  const good = replayed.equal && whole;
  if (!good) process.exitCode = 1;
}

async function driveOverSerial(stage: Stage): Promise<RunReport> {
  const { terminal } = stage;
  const board = await startEmulated({ image });
  try {
    terminal.line(`board     RP2040 (emulated) runs ${image.split("/").at(-1)} on ${board.path}`);
    return await drive(stage, "serial", `serial: { path: ${board.path} }`);
  } finally {
    await board.close();
  }
}

async function driveOverMqtt(stage: Stage): Promise<RunReport> {
  const { terminal } = stage;
  const { startBroker } = await import("../link/broker.ts");
  const broker = await startBroker();
  let board: Board | null = null;
  try {
    board = await startEmulated({ image });
    const bridge = await startBridgeProcess(board.path, broker, "demo-mqtt");
    terminal.line(`bridge    process ${bridge.pid}: ${broker.url} <-> ${board.path}`);
    try {
      return await drive(
        stage,
        "mqtt",
        `mqtt: { url: "${broker.url}", protocolVersion: ${broker.protocolVersion} }`,
      );
    } finally {
      await bridge.close();
    }
  } finally {
    await board?.close();
    await broker.close();
  }
}

/** Writes the robot's file, shakes hands, arms, drives, and leaves the log. */
async function drive(stage: Stage, name: string, link: string): Promise<RunReport> {
  const { options, terminal, trained } = stage;
  const path = join(options.folder, `${name}.yaml`);
  const text = `robot: demo-${name}
link:
  ${link}
limits:
  pole_torque: { low: -2, high: 2, rateMax: 80 } # N*m, N*m/s
joints:
  pole_torque: { unlimited: true } # it may turn for ever
log: { directory: ${join(options.folder, "logs")} }
`;
  writeFileSync(path, text);
  let startUs = Number.NaN;
  const report = await runPolicy({
    policy: { bytes: trained.policy, path: trained.path },
    robot: parseRobot(text, path),
    startedAt: new Date().toISOString(),
    seconds: options.seconds,
    arm: true,
    onLook: (run) => {
      if (Number.isNaN(startUs)) startUs = run.status.live().timeUs;
      terminal.live(`${name.padEnd(8)}  ${liveLine(run, startUs)}`);
    },
  });
  const upright = (100 * uprightFraction(readLog(report.logPath))).toFixed(0);
  const { cycles, missed } = report;
  const told = `contract accepted, ${cycles} cycles, missed ${missed}`;
  terminal.line(`${name.padEnd(8)}  ${told}, upright ${upright} % of the last 5 s`);
  return report;
}

/** The share of the last 5 s within 0.2 rad of upright, from what the firmware reported. */
function uprightFraction(log: LogFile): number {
  const { observation, periodUs } = log.spec;
  const names = observation.map(({ name }) => name);
  const [cos, sin] = [names.indexOf("pole_cos"), names.indexOf("pole_sin")];
  const angles: number[] = [];
  for (const step of log.steps()) {
    angles.push(Math.atan2(step.observation[sin], step.observation[cos]));
  }
  const last = angles.slice(-Math.round(5e6 / periodUs));
  return last.filter((angle) => Math.abs(angle) < 0.2).length / Math.max(1, last.length);
}

interface Result {
  readonly train: { readonly seconds: number; readonly return: number };
  readonly proof: { readonly maxAbsError: number };
  readonly serial: Drive;
  readonly mqtt: Drive;
  readonly swingUp: { readonly uprightFraction: number };
  readonly log: { readonly steps: number };
  readonly replay: { readonly equal: boolean };
  readonly retrain: { readonly verdict: string; readonly return: number };
}

interface Drive {
  readonly steps: number;
  readonly missed: number;
  readonly loopUs: Spread;
  readonly roundTripUs: Spread;
}

function rowsOf(result: Result): string[][] {
  const { train, proof, serial, mqtt, swingUp, log, replay, retrain } = result;
  return [
    [],
    ["training", `${train.seconds.toFixed(1)} s, mean return ${train.return.toFixed(1)}`],
    ["proof", `max error ${proof.maxAbsError.toExponential(1)}`],
    ["upright", `${(100 * swingUp.uprightFraction).toFixed(0)} % of the last 5 s`],
    ["", "serial", "mqtt"],
    ["steps", String(serial.steps), String(mqtt.steps)],
    ["missed", String(serial.missed), String(mqtt.missed)],
    ["loop p50 / p99 / max", spread(serial.loopUs), spread(mqtt.loopUs)],
    ["round trip p50 / p99 / max", spread(serial.roundTripUs), spread(mqtt.roundTripUs)],
    ["steps logged", String(log.steps)],
    ["replay equal", replay.equal ? "yes" : "no"],
    ["gate", retrain.verdict],
  ];
}

function filesOf(folder: string, serial: RunReport, mqtt: RunReport): string[] {
  return [
    "",
    `policy      ${join(folder, "policy.onnx")}`,
    `candidate   ${join(folder, "candidate.onnx")}`,
    `checkpoint  ${join(folder, "checkpoint")}, and TensorBoard events beside it`,
    `robots      ${join(folder, "serial.yaml")}, ${join(folder, "mqtt.yaml")}`,
    `logs        ${serial.logPath}`,
    `            ${mqtt.logPath}`,
    `next        npx sinew inspect ${join(folder, "policy.onnx")}`,
  ];
}
