import { existsSync, writeFileSync } from "node:fs";
import { Command, Option } from "commander";
import { ChannelMap } from "../core/channel-map.ts";
import { SinewError } from "../core/errors.ts";
import { differenceOfSpecs, type Spec } from "../core/spec.ts";
import { readYaml } from "../core/yaml.ts";
import { type Mistake, unknown } from "../edge/robot-mistakes.ts";
import { shortOf } from "../edge/wiggle.ts";
import type { ScanAnswer, ScanFamily } from "../link/scan.ts";
import { draftChannels, hasUnknown } from "./channel-draft.ts";
import { ofPolicyFile, readPolicyFile } from "./policy-file.ts";
import { ask, canAsk, choose } from "./question.ts";
import {
  type DraftLink,
  draftLinks,
  draftText,
  type RobotDraft,
  suppliedOf,
  toldSpecOf,
} from "./robot-draft.ts";
import { answerLines, familyNames, scanned } from "./scan.ts";
import { Terminal } from "./terminal.ts";

interface Options {
  readonly policy?: string;
  readonly link?: DraftLink;
  readonly port?: string;
  readonly robot?: string;
  readonly offline: boolean;
  readonly yes: boolean;
  readonly out: string;
}

const usualName = "robot-1";
const robotName = /^[a-z0-9][a-z0-9_-]{0,62}$/;
/** What a link has where nobody was asked, bits/s. */
const usualBauds: Readonly<Record<DraftLink, number>> = {
  serial: 1_000_000,
  feetech: 1_000_000,
  dynamixel: 57_600,
  odrive: 115_200,
  moteus: 921_600,
};

/** `sinew init`. */
export function initCommand(): Command {
  return new Command("init")
    .description("Write a robot.yaml, from a policy and from what answers on a port.")
    .option("--policy <path>", "the policy's ONNX file: joints, limits and period come from it")
    .addOption(
      new Option("--link <kind>", "what is behind the port (default: what answers)").choices(
        draftLinks,
      ),
    )
    .option("--port <path>", "the serial port, such as /dev/ttyACM0")
    .option("--robot <name>", "what the robot is called: a-z 0-9 _ - (default: robot-1)")
    .option("--offline", "open no port; what it would have told stays unknown", false)
    .option("--yes", "ask nothing, and take what is usual", false)
    .option(
      "-o, --out <path>",
      "the file to write; one that is there is never changed",
      "robot.yaml",
    )
    .addHelpText(
      "after",
      `
At a terminal it asks for what no option says. What it cannot know, as zeroCounts and sign of a
servo, stands in the file as unknown: no run takes the file before all of that is filled in. It says
where, and with which command to go on. The port is asked as npx sinew scan does, so name no port
but the robot's. Over MQTT, write the link by hand: docs/robot.md.

Example:
  npx sinew init --policy policy.onnx --port /dev/ttyACM0`,
    )
    .action(act);
}

async function act(options: Options): Promise<void> {
  const terminal = new Terminal({ json: false });
  const { out } = options;
  if (existsSync(out)) {
    throw new SinewError("usage", `${out} is there already: move it away, or give another --out`);
  }
  const asks = !options.yes && canAsk(terminal);
  const policy = await policyPath(options, asks);
  const spec = await specOf(policy);
  const port = await portPath(options, asks);
  const found = await foundOn(port, options, terminal);
  const { link } = found;
  checkActions(spec, link);
  const { firmware } = found;
  const told = firmware === null ? toldBy(spec, link) : toldByFirmware(spec, firmware);
  const channels = firmware === null ? null : draftChannels(toldSpecOf({ spec, told }), firmware);
  const draft: RobotDraft = {
    ...{ policy, spec, port, link, told, channels },
    ...{ series: found.series, baud: found.baud, adapter: found.adapter },
    robot: await nameOf(options, asks),
    ids: await idsOf(spec, found.ids, link, asks),
    goesHome: asks && (await goesHome(spec)),
  };
  const text = draftText(draft);
  const mistakes = await mistakesIn(text, out, spec);
  write(out, text);
  terminal.line(`wrote ${out}`);
  for (const { line, message } of mistakes) terminal.line(`${out}:${line}: ${message}`);
  const difference = differenceOf(draft, firmware);
  if (difference !== null) terminal.line(difference);
  for (const line of nextLines(draft, out)) terminal.line(line);
}

/** What a person at a terminal would have been asked for. */
function missing(flag: string, what: string): SinewError {
  return new SinewError("usage", `nobody is to be asked: give --${flag} <${what}>`);
}

async function policyPath({ policy }: Options, asks: boolean): Promise<string> {
  if (policy !== undefined) return policy;
  if (!asks) throw missing("policy", "path");
  return ask("The policy's ONNX file", null, (line) => {
    return existsSync(line) ? { value: line } : { refusal: `there is no file "${line}"` };
  });
}

async function specOf(path: string): Promise<Spec> {
  const { readPolicyFile: parsePolicy } = await import("../policy/file.ts");
  const { deviceSpecOf } = await import("../policy/history-policy.ts");
  const stated = await ofPolicyFile(path, () => parsePolicy(readPolicyFile(path)));
  return deviceSpecOf(stated.contract);
}

async function portPath({ port, offline }: Options, asks: boolean): Promise<string> {
  if (port !== undefined) return port;
  const { serialPorts } = await import("../link/serial-ports.ts");
  const ports = (await serialPorts()).map(({ path, lasting }) => lasting ?? path);
  if (!asks) {
    // What is not named is not asked.
    if (offline && ports.length === 1) return ports[0];
    throw missing("port", "path");
  }
  for (const path of ports) process.stderr.write(`  ${path}\n`);
  return ask("The serial port", ports[0] ?? null, (line) => {
    if (line === "") return { refusal: "give a path, such as /dev/ttyACM0" };
    return { value: line };
  });
}

interface Found extends Pick<RobotDraft, "link" | "series" | "baud" | "adapter"> {
  readonly ids: readonly number[];
  /** The contract that firmware told; null where there is none. */
  readonly firmware: Spec | null;
}

/** What is behind the port. Throws `SinewError` "port", or "handshake" where nothing answers. */
async function foundOn(port: string, options: Options, terminal: Terminal): Promise<Found> {
  const { link, offline } = options;
  if (offline) {
    if (link === undefined) throw missing("link", "kind");
    const none = { series: null, adapter: null, ids: [], firmware: null };
    return { ...none, link, baud: usualBauds[link] };
  }
  const family: ScanFamily | undefined = link === "serial" ? "firmware" : link;
  const { answer, advice } = await scanned(port, { family }, terminal);
  if (answer === null) {
    const who = family === undefined ? "nothing" : `no answer of ${familyNames[family]}`;
    const line = `${who} on ${port}: is it powered? --offline writes the file all the same`;
    throw new SinewError("handshake", advice === "" ? line : `${line}; ${advice}`);
  }
  for (const line of answerLines(answer)) terminal.line(line);
  return foundOf(answer);
}

function foundOf(answer: ScanAnswer): Found {
  const { baud } = answer;
  const none = { baud, series: null, adapter: null, ids: [], firmware: null };
  if (answer.family === "firmware") return { ...none, link: "serial", firmware: answer.spec };
  if (answer.family === "odrive") return { ...none, link: "odrive", ids: [0, 1] };
  if (answer.family === "moteus") {
    return { ...none, link: "moteus", adapter: answer.adapter, ids: answer.ids };
  }
  const { family: link, series, servos } = answer;
  return { ...none, link, series, ids: servos.map(({ id }) => id) };
}

/** Throws `SinewError("contract-mismatch")` for an action that nothing behind such a link does. */
function checkActions({ action }: Spec, link: DraftLink): void {
  if (link === "serial") return;
  const servos = link === "feetech" || link === "dynamixel";
  const known = servos ? /_position$/ : /_(position|velocity|torque)$/;
  const wrong = action.find(({ name }) => !known.test(name));
  if (wrong === undefined) return;
  const what = servos ? "<joint>_position" : "<joint>_position, _velocity or _torque";
  const line = `action "${wrong.name}": behind link.${link} an action is ${what}`;
  throw new SinewError("contract-mismatch", line);
}

/** What is observed behind a link whose device was not asked. */
function toldBy({ action, observation }: Spec, link: DraftLink): string[] {
  if (link === "serial") return observation.map(({ name }) => name);
  return action.flatMap(({ name }) =>
    ["position", "velocity"].map((what) => `${shortOf(name)}_${what}`),
  );
}

/** What firmware observes, by the policy's names: where its own are others, the first ones. */
function toldByFirmware({ observation }: Spec, firmware: Spec): string[] {
  const known = observation.map(({ name }) => name);
  const own = firmware.observation.map(({ name }) => name);
  return own.every((name) => known.includes(name)) ? own : known.slice(0, own.length);
}

/** What makes the firmware that answered another than the policy's; null where nothing does. */
function differenceOf(draft: RobotDraft, firmware: Spec | null): string | null {
  if (firmware === null) return null;
  const { channels } = draft;
  if (channels !== null && hasUnknown(channels)) {
    return "this firmware has channels of other names: say under channels which of the policy's";
  }
  const { device } = new ChannelMap(toldSpecOf(draft), channels ?? {});
  const difference = differenceOfSpecs(device, firmware);
  if (difference === null) return null;
  return `this firmware is not for this policy, and no run will take it: ${difference}`;
}

async function nameOf({ robot }: Options, asks: boolean): Promise<string> {
  const refusal = "give a name like arm-1: a-z 0-9 _ -";
  if (robot !== undefined) {
    if (robotName.test(robot)) return robot;
    throw new SinewError("usage", `--robot ${robot}: ${refusal}`);
  }
  if (!asks) return usualName;
  return ask("The robot's name", usualName, (line) => {
    return robotName.test(line) ? { value: line } : { refusal };
  });
}

/** Which servo or drive does each action. */
async function idsOf(
  { action }: Spec,
  found: readonly number[],
  link: DraftLink,
  asks: boolean,
): Promise<(number | null)[]> {
  const usual = action.map((_, at) => found[at] ?? null);
  if (link === "serial" || !asks) return usual;
  const ids: (number | null)[] = [];
  for (const [at, { name }] of action.entries()) {
    const id = await ask<number | null>(
      `The id of ${shortOf(name)}`,
      String(usual[at] ?? unknown),
      (line) => {
        if (line === unknown) return { value: null };
        if (!/^\d{1,3}$/.test(line)) return { refusal: "give a number, or unknown" };
        return { value: Number(line) };
      },
    );
    ids.push(id);
  }
  return ids;
}

async function goesHome({ action, observation }: Spec): Promise<boolean> {
  const placed = action.every(({ name, unit }) => {
    return observation.some((seen) => seen.name === name && seen.unit === unit);
  });
  if (!placed) return false;
  const question = "Before the policy drives, go to 0 in each joint, or the limit nearest to it?";
  return (await choose(question, ["yes", "no"], "no")) === "yes";
}

/** What a run would refuse of it. */
async function mistakesIn(text: string, path: string, spec: Spec): Promise<Mistake[]> {
  const { checkRobot } = await import("../edge/robot.ts");
  const { checkWithPolicy } = await import("../edge/robot-policy.ts");
  const { robot, mistakes } = checkRobot(readYaml(text, path), path);
  if (robot !== null) checkWithPolicy(robot, spec, mistakes);
  return mistakes.list();
}

function write(path: string, text: string): void {
  try {
    // Nor is one that came meanwhile.
    writeFileSync(path, text, { flag: "wx" });
  } catch (error) {
    const line = `${path} cannot be written: does its folder exist, and is the file not there yet?`;
    throw new SinewError("usage", line, { cause: error });
  }
}

function nextLines(draft: RobotDraft, path: string): string[] {
  const { link, spec } = draft;
  const isServo = link === "feetech" || link === "dynamixel";
  const steps = [
    ...(draft.channels !== null && hasUnknown(draft.channels) ? ["fill in channels"] : []),
    ...(suppliedOf(draft).length > 0 ? ["fill in setpoints"] : []),
    ...(draft.series === "scs" ? ["fill in spanDegrees"] : []),
    ...(draft.ids.includes(null) && link !== "serial" ? ["fill in the ids"] : []),
    ...(isServo ? [`npx sinew calibrate ${path}`] : []),
    ...(link === "odrive" || link === "moteus" ? ["fill in zeroTurns and gear"] : []),
    `npx sinew wiggle ${path} --joint ${shortOf(spec.action[0].name)}, and so each joint`,
    "see that joints says where each one ends",
    `npx sinew run ${path} --dry-run`,
  ];
  return ["", ...steps.map((step, at) => `${at === 0 ? "next" : "    "}  ${step}`)];
}
