// What tests of the page share: a run in simulated time, its page, and who looks at it.
import { once } from "node:events";
import type { TestContext } from "node:test";
import { WebSocket } from "ws";
import { type Dash, openDash } from "../../src/dash/dash.ts";
import { type Message, pageProtocol, type State } from "../../src/dash/message.ts";
import { Controls } from "../../src/edge/controls.ts";
import { limitsOfRobot, parseRobot, type Robot } from "../../src/edge/robot.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { type defaultTerms, StagedRun } from "../edge/staged-run.ts";

export const token = "token-of-the-test";
export const robot: Robot = parseRobot(
  "robot: bench\nlink: { serial: { path: /dev/null } }\nlimits: { pole_torque: { high: 1.5 } }\n" +
    "joints: { pole_torque: { unlimited: true, velocity: pole_velocity, velocityMax: 7 } }\n",
  "robot.yaml",
);

export interface BenchPage {
  readonly dash: Dash;
  readonly controls: Controls;
  readonly staged: StagedRun;
  /** Lines of trouble. */
  readonly trouble: string[];
}

/** A run's page. It ends with its test. */
export async function openBench(
  t: TestContext,
  terms: Partial<typeof defaultTerms> = {},
): Promise<BenchPage> {
  const controls = new Controls();
  const staged = new StagedRun(t, limitsOfRobot(robot, pendulumSpec), pendulumSpec, terms);
  const trouble: string[] = [];
  const onTrouble = (line: string): void => void trouble.push(line);
  const options = { port: 0, token, robot, policyPath: "policy.onnx", controls, onTrouble };
  const dash = await openDash(options);
  t.after(() => dash.close());
  return { dash, controls, staged, trouble };
}

/** One who has the page open. */
export class Watcher {
  readonly socket: WebSocket;
  readonly texts: Message[] = [];
  readonly batches: Uint8Array[] = [];

  constructor({ url }: Dash, protocol: string = pageProtocol, origin?: string) {
    const options = origin === undefined ? {} : { origin };
    this.socket = new WebSocket(`${url.replace("http", "ws")}stream`, [protocol], options);
    this.socket.on("error", () => {});
    this.socket.on("message", (data: Buffer, binary: boolean) => {
      if (binary) this.batches.push(data);
      else this.texts.push(JSON.parse(data.toString()));
    });
  }

  get states(): State[] {
    return this.texts.filter((message) => message.kind === "state");
  }

  /** The code with which it is closed, and why. */
  async closed(): Promise<[code: number, reason: string]> {
    const [code, reason] = await once(this.socket, "close");
    return [code, String(reason)];
  }
}
