import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { monotonicClock } from "../core/clock.ts";
import { parseRobot } from "../edge/robot.ts";
import { type RunReport, runPolicy } from "../edge/run.ts";
import type { Board } from "../hil/board.ts";
import { startEmulated } from "../hil/emulated-board.ts";
import type { TrainResult } from "../learn/train.ts";
import { type LogFile, readLog } from "../log/reader.ts";
import { startBridgeProcess } from "./bridge-process.ts";
import { liveLine, reasonsOfStops } from "./drive.ts";
import { numberWithin, wholeNumber } from "./option.ts";
import { bar, Terminal, table } from "./terminal.ts";
import { progressLine } from "./train.ts";

interface Options {
  readonly seed: number;
  readonly steps: number;
  readonly seconds: number;
  readonly folder: string;
  readonly json: boolean;
}

const image = fileURLToPath(
  new URL("../../../firmware-bridge/images/rp2040-pendulum.bin", import.meta.url),
);

/** `sinew demo`. */
export function demoCommand(): Command {
  return new Command("demo")
    .description("The whole loop on an emulated RP2040: train, prove, drive, log, replay, retrain.")
    .option("--seed <number>", "seed of everything random", wholeNumber(0, 2 ** 32), 0)
    .option(
      "--steps <count>",
      "environment steps of training, at most",
      wholeNumber(1_000, 1e7),
      8_000,
    )
    .option("--seconds <s>", "length of each drive, in seconds", numberWithin(6, 3600), 13)
    .option("--folder <path>", "where everything is left; emptied first", "runs/demo")
    .option("--json", "print the table as one JSON object on stdout, and nothing else there", false)
    .addHelpText("after", "\nExample:\n  npm run demo")
    .action(act);
}

/** Mean return on the selection starts at which the demo has trained enough: it swings up. */
const solvedReturn = -148;

/** What the parts of the demo share. */
interface Stage {
  readonly options: Options;
  readonly terminal: Terminal;
  readonly trained: TrainResult;
}

async function act(options: Options): Promise<void> {
  const terminal = new Terminal(options);
  const { folder } = options;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const trained = await trainPolicy(options, terminal);
  const stage: Stage = { options, terminal, trained };
  const proofError = await prove(stage);
  const serial = await persistently(stage, "serial", driveOverSerial);
  const log = readLog(serial.logPath);
  const replayed = await replay(stage, log);
  const gate = await retrainFrom(stage, log);
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

async function trainPolicy(options: Options, terminal: Terminal): Promise<TrainResult> {
  const { train } = await import("../learn/train.ts");
  const { defaultSettings } = await import("../learn/presets.ts");
  const { openTask } = await import("../sim/tasks.ts");
  const { seed, steps } = options;
  const result = await train(
    { ...defaultSettings, seed, steps, targetReturn: solvedReturn },
    {
      task: await openTask("pendulum"),
      folder: options.folder,
      clock: monotonicClock(),
      wallSeconds: () => Date.now() / 1000,
      listener: {
        progress: (progress) => terminal.live(`training  ${progressLine(progress)}`),
      },
      resume: false,
    },
  );
  const { best, bestStep, final, finalStep, seconds } = result;
  const returns = `best ${best.mean.toFixed(1)} (step ${bestStep}), last ${final.mean.toFixed(1)}`;
  terminal.line(`trained   ${finalStep} steps in ${seconds.toFixed(1)} s: ${returns}`);
  return result;
}

async function prove({ terminal, trained }: Stage): Promise<number> {
  const { loadPolicy } = await import("../policy/policy.ts");
  const policy = await loadPolicy(trained.policy);
  await policy.close();
  const { length } = trained.policy;
  const error = policy.proofError.toExponential(1);
  terminal.line(`exported  ${trained.path}: ${length} bytes, proof holds, max error ${error}`);
  return policy.proofError;
}

const attempts = 3;

/**
 * Drives again, on a fresh board, where a stop ended the drive early: on a machine that is busy
 * with other things the gate and the firmware stop for late data, as they should.
 */
async function persistently(
  stage: Stage,
  name: string,
  driveOnce: (stage: Stage) => Promise<RunReport>,
): Promise<RunReport> {
  for (let attempt = 1; ; attempt++) {
    const report = await driveOnce(stage);
    const why = reasonsOfStops(report);
    if (why.length === 0 || attempt === attempts) return report;
    const told = `stopped after ${report.cycles} cycles: ${why.join("; ")}`;
    stage.terminal.line(`${name.padEnd(8)}  ${told}. Again, ${attempt + 1} of ${attempts}`);
  }
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
    const bridge = await startBridgeProcess(board.path, broker.url, "demo-mqtt");
    terminal.line(`bridge    process ${bridge.pid}: ${broker.url} <-> ${board.path}`);
    try {
      return await drive(stage, "mqtt", `mqtt: { url: "${broker.url}" }`);
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

async function replay({ terminal, trained }: Stage, log: LogFile) {
  const { replayLog } = await import("../edge/replay.ts");
  const report = await replayLog(log, trained.policy);
  const equal = report.equal ? "equal, byte for byte" : `${report.differing} steps differ`;
  terminal.line(`replayed  ${report.steps} steps through the same code: ${equal}`);
  return report;
}

async function retrainFrom({ options, terminal, trained }: Stage, log: LogFile) {
  const { segmentsOf } = await import("../log/transitions.ts");
  const { retrain } = await import("../learn/retrain.ts");
  const { openTask } = await import("../sim/tasks.ts");
  const { candidate, decision, transitions } = await retrain({
    folder: options.folder,
    task: await openTask("pendulum"),
    deployed: trained.policy,
    segments: [...segmentsOf(log)],
    gradientSteps: 1_000,
    onProgress: ({ step, steps }) => terminal.live(`retrain   ${bar(step / steps)}`),
  });
  writeFileSync(join(options.folder, "candidate.onnx"), candidate);
  const { verdict, reasons, gain, gainError } = decision;
  const change = `${gain >= 0 ? "+" : ""}${gain.toFixed(2)} +- ${gainError.toFixed(2)}`;
  terminal.line(`retrained ${transitions} logged transitions: return ${change}`);
  terminal.line(`gate      ${verdict}: ${reasons.join("; ")}`);
  return decision;
}

function pick({ p50, p99, max }: { p50: number; p99: number; max: number }) {
  return { p50, p99, max };
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
  readonly loopUs: ReturnType<typeof pick>;
  readonly roundTripUs: ReturnType<typeof pick>;
}

function rowsOf(result: Result): string[][] {
  const { train, proof, serial, mqtt, swingUp, log, replay, retrain } = result;
  const spread = ({ p50, p99, max }: ReturnType<typeof pick>): string =>
    `${p50.toFixed(0)} / ${p99.toFixed(0)} / ${max.toFixed(0)} us`;
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
