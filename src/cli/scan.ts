import { Command, Option } from "commander";
import { monotonicClock } from "../core/clock.ts";
import type { Channel } from "../core/spec.ts";
import type { ScanAnswer, ScanChoice, ScanFamily, ScanReport } from "../link/scan.ts";
import { wholeNumber } from "./option.ts";
import { bar, Terminal, table } from "./terminal.ts";

interface Options {
  readonly baud?: number;
  readonly family?: ScanFamily;
  readonly plain: boolean;
  readonly json: boolean;
}

/** The rates that a serial port may have, bits/s. */
const baudMin = 300;
const baudMax = 12_000_000;

export const plainHelp =
  "open the port once only, through the serialport package, as is always done but on Linux";

/** What a person calls each of them. */
export const familyNames: Readonly<Record<ScanFamily, string>> = {
  firmware: "firmware of ours",
  odrive: "an ODrive",
  moteus: "moteus",
  dynamixel: "Dynamixel servos",
  feetech: "Feetech servos",
};

/** `sinew scan`. */
export function scanCommand(): Command {
  return new Command("scan")
    .description("List the serial ports, or say which of five families answers on one.")
    .argument("[port]", "asks on this port, as /dev/ttyACM0 or COM3; without it ports are listed")
    .option(
      "--baud <bits/s>",
      "ask at this rate only, in bits/s (default: those that are usual)",
      wholeNumber(baudMin, baudMax),
    )
    .addOption(
      new Option(
        "--family <name>",
        "ask for this only, and send nothing else (default: each in turn)",
      ).choices(Object.keys(familyNames)),
    )
    .option("--plain", plainHelp, false)
    .option("--json", "print the findings as one JSON object on stdout", false)
    .addHelpText(
      "after",
      `
Listing opens nothing. With a port, each kind of device is asked in turn until
one answers: firmware of ours, ODrive, moteus, Dynamixel, Feetech. It is told what is sent. No
register of these five is written and nothing of theirs gets torque; but some boards start anew when
their port is opened.

Name only a port behind which one of these five is. Another controller may take what is sent for an
order to move: the bytes of servos are positions to others, letters are keys to a milling machine,
and a CAN adapter passes frames on to all that is on its bus. Of the USB devices of Pololu none is
asked without --family.

Takes up to 20 s, and a minute behind an adapter that holds answers back. Exit code 1: nothing
answered.

Example:
  npx sinew scan
  npx sinew scan /dev/ttyACM0`,
    )
    .action(act);
}

async function act(path: string | undefined, options: Options): Promise<void> {
  const terminal = new Terminal(options);
  if (path === undefined) return list(terminal);
  const { sends } = await import("../link/scan.ts");
  for (const line of planLines(path, options)) terminal.line(line);
  const report = await scanned(path, options, terminal);
  const asked = [...new Set(report.probes.map(({ family }) => family))];
  const rows = asked.map((family) => {
    const rates = report.probes.filter((probe) => probe.family === family);
    const told = rates.map(({ baud }) => baud).join(", ");
    return [`  ${familyNames[family]}`, `${sends[family]}; at ${told} bits/s`];
  });
  for (const line of table([["sent", ""], ...rows])) terminal.line(line);
  for (const line of linesOf(report)) terminal.line(line);
  terminal.result(report);
  if (report.answer === null) process.exitCode = 1;
}

function planLines(path: string, { family }: Options): string[] {
  const who = family === undefined ? "five families" : familyNames[family];
  return [
    `asks on ${path} for ${who}: no register of theirs is written, and none gets torque`,
    "anything else behind that port may take what is sent for an order to move",
  ];
}

/** Scans the port at `path`, with its progress where somebody watches. Throws as `scanPort`. */
export async function scanned(
  path: string,
  { baud, family, plain }: ScanChoice,
  terminal: Terminal,
): Promise<ScanReport> {
  const { scanPort } = await import("../link/scan.ts");
  return scanPort(path, { baud, family, plain }, monotonicClock(), (probe, part) => {
    const what = `${familyNames[probe.family]} at ${probe.baud} bits/s`;
    terminal.live(`${bar(part)}  ${what}`);
  });
}

async function list(terminal: Terminal): Promise<void> {
  const { serialPorts } = await import("../link/serial-ports.ts");
  const ports = await serialPorts();
  const rows = ports.map(({ path, product, usb, lasting }) => {
    return [path, product === "" ? "-" : product, usb === "" ? "-" : usb, lasting ?? "-"];
  });
  const head = ["port", "product", "USB", "name that stays"];
  for (const line of rows.length === 0 ? [noPorts] : table([head, ...rows])) terminal.line(line);
  if (ports.length > 0) terminal.line(`\nnext  npx sinew scan ${ports[0].path}`);
  terminal.result({ ports });
  if (ports.length === 0) process.exitCode = 1;
}

const noPorts =
  "there is no serial port: plug the robot in; in a container, pass its port in (--device)";

function linesOf({ path, answer, noiseAt, refusals, advice }: ScanReport): string[] {
  if (answer !== null) return [...answerLines(answer), ...nextLines(path, answer)];
  const noise = noiseAt.map((baud) => {
    return `something was heard at ${baud} bits/s that is no answer: another rate, or an echo?`;
  });
  const line = "nothing answered: is it powered, is this its port, and does nothing else hold it?";
  return [...noise, ...refusals, line, ...(advice === "" ? [] : [advice])];
}

/** What answered, for a person. */
export function answerLines(answer: ScanAnswer): string[] {
  const at = `at ${answer.baud} bits/s`;
  if (answer.family === "odrive") return [`found an ODrive, firmware ${answer.firmware}, ${at}`];
  if (answer.family === "moteus") {
    const through = answer.adapter === "uart" ? "on a UART" : "through an fdcanusb";
    return [`found moteus ${answer.ids.join(", ")} ${through} ${at}`];
  }
  if (answer.family === "firmware") {
    const { name, spec, why } = answer;
    if (spec === null) return [`found firmware of ours, ${name}, ${at}: ${why}`];
    const rows = [
      ...spec.observation.map((channel) => channelRow("observation", channel)),
      ...spec.action.map((channel) => channelRow("action", channel)),
    ];
    const period = `a period of ${spec.periodUs} us`;
    return [`found firmware of ours, ${name}, with ${period}, ${at}`, ...table(rows)];
  }
  const rows = answer.servos.map(({ id, counts, state }) => {
    return [String(id), counts === null ? "-" : String(counts), state];
  });
  const series = answer.series === "scs" ? " of the SCS series" : "";
  return [
    `found ${familyNames[answer.family]}${series} ${at}`,
    ...table([["id", "counts", "state"], ...rows]),
  ];
}

function channelRow(group: string, { name, unit, low, high }: Channel): string[] {
  return [`  ${group}`, name, unit, `${low} to ${high}`];
}

function nextLines(path: string, { family }: ScanAnswer): string[] {
  const link = family === "firmware" ? "serial" : family;
  return ["", `next  npx sinew init --policy policy.onnx --link ${link} --port ${path}`];
}
