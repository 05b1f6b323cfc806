import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { monotonicClock } from "../core/clock.ts";
import { SinewError } from "../core/errors.ts";
import type { Spec } from "../core/spec.ts";
import { Mode } from "../core/step.ts";
import { runPolicy } from "../edge/drive.ts";
import { parseRobot } from "../edge/robot.ts";
import type { RunReport } from "../edge/run.ts";
import { startEmulated } from "../hil/emulated-board.ts";
import type { Servo } from "../link/servo-joints.ts";
import { type LogFile, readLog } from "../log/reader.ts";
import { distanceOf, servoArmSpec } from "../sim/servo-arm.ts";
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
import { servoEntry } from "./servo-entry.ts";
import { type Terminal, table } from "./terminal.ts";

const task = "servo-arm";
/** Mean return on the selection starts at which the demo has trained enough: within a few cm. */
const nearEnough = -4;
const image = fileURLToPath(
  new URL("../../../firmware-bridge/images/rp2040-sts-bus.bin", import.meta.url),
);

/** Where the tip of the hand is to go, m; each for the same part of the drive. */
const targets: readonly (readonly [x: number, y: number, z: number])[] = [
  [0.24, 0.1, 0.16],
  [0.2, -0.14, 0.24],
  [0.26, 0, 0.1],
  [0.18, 0.12, 0.28],
];
/** The tip has come as near as it will by this last part of a target's time, s. */
const settledS = 0.5;
/** The virtual servos brake by more than this, rad/s^2. */
const deceleration = 15;

/** A reaching policy for six servos on a serial bus: home, soft start, four targets. */
export async function demoArm(options: DemoOptions, terminal: Terminal): Promise<void> {
  const { settingsOf } = await import("../learn/presets.ts");
  const { mean } = await import("../learn/statistics.ts");
  const { folder, seed, steps } = options;
  const settings = settingsOf("ours", task, { seed, steps, targetReturn: nearEnough });
  const trained = await trainPolicy(settings, options, terminal);
  const stage: Stage = { options, terminal, trained };
  const proofError = await prove(stage);
  const drive = await persistently(stage, "servos", driveServos);
  const log = readLog(drive.logPath);
  const { homeSeconds, strideMax, misses } = motionOf(log, options.seconds);
  if (misses.every(Number.isNaN)) {
    const why = reasonsOfStops(drive).join("; ");
    throw new SinewError("handshake", `the policy never drove the arm: ${why}; ${drive.logPath}`);
  }
  const replayed = await replay(stage, log);
  const gate = await retrainFrom(stage, log, task);
  const result = {
    train: { seconds: trained.seconds, return: trained.best.mean },
    proof: { maxAbsError: proofError },
    home: { seconds: homeSeconds, strideMaxRad: strideMax },
    reach: { missesM: misses, missMeanM: mean(misses) },
    servos: {
      steps: drive.cycles,
      missed: drive.missed,
      refused: drive.refused,
      failedReads: drive.failedReads,
      loopUs: pick(drive.times.total),
      roundTripUs: pick(drive.times.roundTrip),
    },
    log: { steps: replayed.steps },
    replay: { equal: replayed.equal },
    retrain: { verdict: gate.verdict, return: gate.candidateReturn },
  };
  for (const line of table(rowsOf(result))) terminal.line(line);
  for (const line of filesOf(folder, drive)) terminal.line(line);
  terminal.result(result);
  const whole = drive.deviceAtRest && reasonsOfStops(drive).length === 0;
  if (!whole || !replayed.equal) process.exitCode = 1;
}

/** Writes the robot's file, brings the arm home, lets the policy reach, and leaves the log. */
async function driveServos(stage: Stage): Promise<RunReport> {
  const { options, terminal, trained } = stage;
  const board = await startEmulated({ image, protocol: "feetech" });
  try {
    terminal.line(`board     RP2040 (emulated) runs ${image.split("/").at(-1)} on ${board.path}`);
    const zeros = await calibrate(board.path, terminal);
    const path = join(options.folder, "servos.yaml");
    const text = robotText(board.path, zeros, options);
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
        terminal.live(`servos    ${liveLine(run, startUs)}`);
      },
    });
    const { homeSeconds, misses } = motionOf(readLog(report.logPath), options.seconds);
    if (misses.every(Number.isNaN)) {
      terminal.line(`stopped   before the policy drove: ${reasonsOfStops(report).join("; ")}`);
      return report;
    }
    const reached = misses.map(centimetres).join(", ");
    terminal.line(`servos    contract accepted, ${report.cycles} cycles, missed ${report.missed}`);
    terminal.line(`home      in ${homeSeconds.toFixed(1)} s, then the policy over 1 s`);
    terminal.line(`reached   ${targets.length} targets, from each at its end: ${reached}`);
    return report;
  } finally {
    await board.close();
  }
}

/** The servos as they are mounted; their zeros are not known yet. */
const mounted = servoArmSpec.action.map(({ name }, at): Servo => {
  const joint = name.replace("_position", "");
  return { id: at + 1, joint, sign: at % 2 === 0 ? 1 : -1, zeroCounts: 0, maxSpeed: 2 };
});

/** Servos that were just powered stand at 0 rad, as if somebody had put them there by hand. */
async function calibrate(path: string, terminal: Terminal): Promise<readonly Servo[]> {
  const { calibrated, readCounts } = await import("../link/servo-calibration.ts");
  const { feetech } = await import("../link/feetech-family.ts");
  const line = { path, baud: 1_000_000, servos: mounted };
  const counts = await readCounts({ feetech: line }, monotonicClock());
  const pose = Object.fromEntries(servoArmSpec.action.map(({ name }) => [name, 0]));
  const joints = calibrated(servoArmSpec, mounted, feetech.scale, counts, pose);
  const zeros = joints.map(({ servo }) => servo.zeroCounts).join(", ");
  terminal.line(`zeros     ${zeros} counts, from where the servos stand`);
  return joints.map(({ servo }) => servo);
}

function robotText(
  port: string,
  calibrated: readonly Servo[],
  { folder, seconds }: DemoOptions,
): string {
  const servos = calibrated.map((servo) => servoEntry(servo));
  const setpoints = targets.map(([x, y, z], at) => {
    const from = (at * seconds) / targets.length;
    return `  - { seconds: ${from}, target_x: ${x}, target_y: ${y}, target_z: ${z} } # m`;
  });
  const home = "pan_position: 0.4, lift_position: -0.3, elbow_position: 0.4";
  const hand = "wrist_position: 0.3, roll_position: 0, grip_position: 0.4";
  return `robot: demo-arm
link:
  feetech:
    path: ${port}
    servos:
${servos.join("\n")}
joints: # where the policy may send them is where they end
${endsOf(servoArmSpec).join("\n")}
setpoints:
${setpoints.join("\n")}
start:
  home: { ${home},
          ${hand} } # rad
  speed: 0.5 # rad/s
  softSeconds: 1
observationAgeMs: 200
commandTtlMs: 200
log: { directory: ${join(folder, "logs")} }
`;
}

/** The joints of an arm whose ends are the range of its actions. */
function endsOf({ action }: Spec): string[] {
  return action.map(({ name, low, high }) => {
    const seen = `position: ${name}, velocity: ${name.replace("_position", "_velocity")}`;
    return `  ${name}: { ${seen}, low: ${low}, high: ${high}, deceleration: ${deceleration} }`;
  });
}

/** What the log says of the way: by what the servos told, m and rad. */
function motionOf(log: LogFile, seconds: number): Motion {
  const periodS = log.spec.periodUs / 1e6;
  const eachS = seconds / targets.length;
  const settled = targets.map(() => ({ sum: 0, count: 0 }));
  let homing = 0;
  let strideMax = 0;
  let before: Float32Array | null = null;
  let firstSeq = -1;
  for (const { seq, mode, observation, action } of log.steps()) {
    if (mode === Mode.homing) {
      homing++;
      // The first step is from where the servos are seen, which tell their places first.
      const from = before ?? observation;
      action.forEach((goal, at) => {
        strideMax = Math.max(strideMax, Math.abs(goal - from[at]));
      });
      before = action.slice();
    }
    if (mode !== Mode.armed) continue;
    if (firstSeq < 0) firstSeq = seq;
    const droveS = (seq - firstSeq) * periodS;
    const target = settled[Math.floor(droveS / eachS)];
    if (target === undefined || eachS - (droveS % eachS) > settledS) continue;
    target.sum += distanceOf(observation);
    target.count++;
  }
  const misses = settled.map(({ sum, count }) => sum / count);
  return { homeSeconds: homing * periodS, strideMax, misses };
}

interface Motion {
  readonly homeSeconds: number;
  /** The widest step of a goal on the way home, rad. */
  readonly strideMax: number;
  /** From each target at the end of its time, m. */
  readonly misses: readonly number[];
}

function centimetres(metres: number): string {
  if (Number.isNaN(metres)) return "not gone to";
  return `${(100 * metres).toFixed(1)} cm`;
}

interface Result {
  readonly train: { readonly seconds: number; readonly return: number };
  readonly proof: { readonly maxAbsError: number };
  readonly home: { readonly seconds: number };
  readonly reach: { readonly missesM: readonly number[] };
  readonly servos: {
    readonly steps: number;
    readonly missed: number;
    readonly loopUs: Spread;
    readonly roundTripUs: Spread;
  };
  readonly log: { readonly steps: number };
  readonly replay: { readonly equal: boolean };
  readonly retrain: { readonly verdict: string };
}

function rowsOf({ train, proof, home, reach, servos, log, replay, retrain }: Result): string[][] {
  return [
    [],
    ["training", `${train.seconds.toFixed(1)} s, mean return ${train.return.toFixed(2)}`],
    ["proof", `max error ${proof.maxAbsError.toExponential(1)}`],
    ["home", `${home.seconds.toFixed(1)} s`],
    ["from the targets", reach.missesM.map(centimetres).join(", ")],
    ["steps", String(servos.steps)],
    ["missed", String(servos.missed)],
    ["loop p50 / p99 / max", spread(servos.loopUs)],
    ["round trip p50 / p99 / max", spread(servos.roundTripUs)],
    ["steps logged", String(log.steps)],
    ["replay equal", replay.equal ? "yes" : "no"],
    ["gate", retrain.verdict],
  ];
}

function filesOf(folder: string, drive: RunReport): string[] {
  return [
    "",
    `policy      ${join(folder, "policy.onnx")}`,
    `candidate   ${join(folder, "candidate.onnx")}`,
    `checkpoint  ${join(folder, "checkpoint")}, and TensorBoard events beside it`,
    `robot       ${join(folder, "servos.yaml")}`,
    `log         ${drive.logPath}`,
    `next        npx sinew inspect ${join(folder, "policy.onnx")}`,
  ];
}
