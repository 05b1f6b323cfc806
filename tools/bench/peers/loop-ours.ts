// Our loop with its page and somebody who looks at it, or the same schedule with nothing in it:
//   node loop-ours.js <run|empty> <auto|off> <period, us> <seconds> <pty> <policy> <folder>
// Prints the `Turns` of it. With "auto" it ends in an error where SCHED_FIFO is not granted.
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { WebSocket } from "ws";
import { type Dash, openDash } from "../../../src/dash/dash.ts";
import { pageProtocol } from "../../../src/dash/message.ts";
import { Controls } from "../../../src/edge/controls.ts";
import { beat } from "../../../src/edge/pulse.ts";
import { parseRobot } from "../../../src/edge/robot.ts";
import { startRun } from "../../../src/edge/run.ts";

/** How a loop kept its times. */
export interface Turns {
  /** Cycles not begun before the next one was due, per cent of those that were due. */
  readonly missed: number;
  /** Cycles that had begun, and were not over when the next one was due, per cent. */
  readonly late: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
}

const [, , what, realTime, period, duration, path, policy, folder] = process.argv;
const periodUs = Number(period);
const seconds = Number(duration);

async function run(): Promise<Turns> {
  const actions = [1, 2, 3, 4, 5, 6].map((at) => `joint${at}_target`);
  const lines = [
    "robot: bench",
    `link: { serial: { path: ${path} } }`,
    "commandTtlMs: 1000",
    "observationAgeMs: 1000",
    // A policy of random weights would come to every end.
    `joints: { ${actions.map((name) => `${name}: { unlimited: true }`).join(", ")} }`,
    `realTime: ${realTime === "off" ? "off" : "required"}`,
    `log: { directory: ${JSON.stringify(folder)} }`,
  ];
  const robot = parseRobot(lines.join("\n"), "robot.yaml");
  const run = await startRun({
    policy: { bytes: readFileSync(policy), path: policy },
    robot,
    startedAt: new Date().toISOString(),
  });
  const controls = new Controls();
  controls.attach(run);
  const onTrouble = (line: string): never => {
    throw new Error(line);
  };
  const dash = await openDash({
    ...{ port: 0, token: "bench", robot, policyPath: policy, controls, onTrouble },
  });
  const seen = look(dash);
  await run.arm();
  await delay(seconds * 1000);
  if (seen() < 10 * seconds) throw new Error(`the page was told ${seen()} times in ${seconds} s`);
  dash.close();
  const { cycles, late, missed, times, droppedSteps, transitions } = await run.close();
  if (droppedSteps > 0) throw new Error(`the log lost ${droppedSteps} steps`);
  if (transitions.length > 2) throw new Error("it stopped by itself");
  const { p50, p99, p999 } = times.lateness;
  const due = cycles + missed;
  return {
    missed: (100 * missed) / due,
    late: (100 * late) / due,
    ...{ p50Us: p50, p99Us: p99, p999Us: p999 },
  };
}

/** Looks at the page as a browser does; gives how often it was told something. */
function look({ url }: Dash): () => number {
  let told = 0;
  const socket = new WebSocket(`${url.replace("http", "ws")}stream`, [pageProtocol]);
  socket.on("message", () => told++);
  return () => told;
}

async function empty(): Promise<Turns> {
  const choice = realTime === "off" ? "off" : "required";
  const pulse = await beat({ periodUs, seconds, realTime: choice });
  if (choice !== "off" && !pulse.realTime.granted) throw new Error(pulse.realTime.line);
  const { p50, p99, p999 } = pulse.lateness;
  const missed = (100 * pulse.missed) / pulse.due;
  return { missed, late: 0, p50Us: p50, p99Us: p99, p999Us: p999 };
}

if (what !== undefined) {
  const turns = await (what === "run" ? run() : empty());
  process.stdout.write(`${JSON.stringify(turns)}\n`);
}
