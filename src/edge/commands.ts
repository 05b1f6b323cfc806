import { SinewError } from "../core/errors.ts";
import { Mode } from "../core/step.ts";
import { Happening, modeTable } from "../safety/supervisor.ts";
import { Second } from "./lineup.ts";
import type { Run } from "./run.ts";
import { statusLine, statusOf } from "./run-status.ts";
import type { Status } from "./status.ts";

/** What decides of which commands are permitted. */
export type Standing = Pick<Status, "mode" | "secondAs" | "canGoBack">;

/** One thing that a person may ask of a run, whatever the way: a key, `sinew ctl`, a flag. */
export interface Command {
  readonly name: string;
  /** The key for it in a terminal; empty: it has none. */
  readonly key: string;
  /** What it needs to be told, for people; undefined: nothing. */
  readonly argument?: string;
  readonly help: string;
  /** It takes its time, and no other of these is begun meanwhile. The others never wait. */
  readonly takesTime: boolean;
  /** Whether it can change something as the run stands. */
  permits(status: Standing): boolean;
  /** Asks it of `run` at once, then awaits the answer. Throws `SinewError` where that is a no. */
  act(run: Run, argument: string): Promise<string>;
}

/** Every command. A new one is a new row: keys, `sinew ctl` and its help come from here. */
export const commands: readonly Command[] = [
  {
    name: "arm",
    key: "a",
    help: "let the policy drive, from home where the robot has one",
    takesTime: true,
    permits: ({ mode }) => inTable(mode, Happening.arm),
    act: async (run) => {
      await run.arm();
      return run.status.mode === Mode.homing ? "on the way home; then the policy drives" : "armed";
    },
  },
  {
    name: "stop",
    key: " ",
    help: "stop at once; it latches",
    takesTime: false,
    permits: ({ mode }) => inTable(mode, Happening.stop),
    act: async (run) => {
      if (await run.stop()) return "stopped";
      throw new SinewError("handshake", "asked to stop, and the device has not said that it did");
    },
  },
  {
    name: "reset",
    key: "r",
    help: "leave a latched stop; nothing moves before it is armed again",
    takesTime: true,
    // When this side is disarmed, the device may still be stopped from an earlier run.
    permits: ({ mode }) => mode === Mode.disarmed || inTable(mode, Happening.reset),
    act: async (run) => {
      await run.reset();
      return "disarmed";
    },
  },
  {
    name: "hold",
    key: "h",
    help: "keep the robot where it is, under torque, until it is resumed",
    takesTime: false,
    permits: ({ mode }) => inTable(mode, Happening.hold),
    act: async (run) => {
      await run.holds.hold();
      return "holding";
    },
  },
  {
    name: "resume",
    key: "g",
    help: "go on after a hold: let the policy drive again",
    takesTime: false,
    permits: ({ mode }) => inTable(mode, Happening.resume),
    act: async (run) => {
      await run.holds.resume();
      return "armed";
    },
  },
  {
    name: "shadow",
    key: "",
    argument: "policy.onnx",
    help: "ask another policy beside the one that drives, and compare",
    takesTime: true,
    permits: ({ secondAs }) => secondAs !== Second.standby,
    act: (run, path) => run.members.shadow(path),
  },
  {
    name: "swap",
    key: "w",
    help: "let the policy in the shadow drive; the other stands by for a while",
    takesTime: true,
    permits: ({ secondAs }) => secondAs === Second.shadow,
    act: (run) => run.members.swap(),
  },
  {
    name: "back",
    key: "b",
    help: "let the policy drive that drove before",
    takesTime: true,
    permits: ({ canGoBack }) => canGoBack,
    act: (run) => run.members.back(),
  },
  {
    name: "status",
    key: "s",
    help: "say how it stands",
    takesTime: false,
    permits: () => true,
    act: async (run) => statusLine(statusOf(run)),
  },
];

/** The command of that name. Throws `SinewError("usage")` that tells which there are. */
export function commandNamed(name: string): Command {
  const found = commands.find((command) => command.name === name);
  if (found !== undefined) return found;
  const known = commands.map((command) => command.name).join(", ");
  throw new SinewError("usage", `there is no such command: give one of ${known}`);
}

/** The names of those that are permitted as a run stands. */
export function permittedIn(status: Standing): string[] {
  return commands.filter((command) => command.permits(status)).map(({ name }) => name);
}

/** The word for a command's key. */
export function nameOfKey({ key }: Command): string {
  return key === " " ? "space" : key;
}

function inTable(mode: Mode, happening: Happening): boolean {
  return modeTable[mode]![happening]! >= 0;
}
