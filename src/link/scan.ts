import type { Clock } from "../core/clock.ts";
import { messageOf, SinewError } from "../core/errors.ts";
import { isPlain, type Plainness } from "./event-line.ts";
import type { Port } from "./port.ts";
import { askOverPlain } from "./question-thread.ts";
import { askFirmware, type FoundFirmware, firmwareSends } from "./scan-firmware.ts";
import { askMoteus, askOdrive, type FoundDrives, moteusSends, odriveSends } from "./scan-motors.ts";
import { askServos, type FoundServos, servosSend } from "./scan-servos.ts";
import {
  alwaysPlain,
  lockSerialLine,
  openSerialPort,
  type SerialLine,
  slowAdapterOf,
} from "./serial.ts";
import { usbOf } from "./serial-ports.ts";

/** What may answer on a port. */
export type ScanFamily = "firmware" | "odrive" | "moteus" | "dynamixel" | "feetech";

/** What answered: exactly one of them, at one rate. */
export type ScanAnswer = FoundFirmware | FoundDrives | FoundServos;

/** A question that was asked, and the rate, bits/s. */
export interface Probe {
  readonly family: ScanFamily;
  readonly baud: number;
}

export interface ScanReport {
  readonly path: string;
  /** In their order; the last one was answered where `answer` is not null. */
  readonly probes: readonly Probe[];
  readonly answer: ScanAnswer | null;
  /** Rates at which something was heard that no probe takes for an answer, bits/s. */
  readonly noiseAt: readonly number[];
  /** Rates that the port does not have, and why, a line each. */
  readonly refusals: readonly string[];
  /** What to tell a person of the adapter; empty where there is nothing. */
  readonly advice: string;
}

/** How a family is asked over a port that is open. */
export interface Asking {
  readonly port: Port;
  readonly baud: number;
  readonly clock: Pick<Clock, "now">;
  /** What an answer may take beside its time on the line, microseconds. */
  readonly spareUs: number;
  /** The port was opened just now, which starts some boards anew. */
  readonly isFirst: boolean;
  /** Told how far it is, from 0 to 1. */
  readonly onPart: (part: number) => void;
}

/** Answers within this are those of an adapter that holds nothing back, microseconds. */
const usualSpareUs = 3000;
/** An adapter that does holds for 16 ms at most. */
const slowSpareUs = 20_000;

/** What each family is sent, in words for a person. None of these five writes or moves anything. */
export const sends: Readonly<Record<ScanFamily, string>> = {
  firmware: firmwareSends,
  odrive: odriveSends,
  moteus: moteusSends,
  dynamixel: servosSend.dynamixel,
  feetech: servosSend.feetech,
};

const asks: Readonly<Record<ScanFamily, (asking: Asking) => ScanAnswer | null>> = {
  firmware: askFirmware,
  odrive: askOdrive,
  moteus: askMoteus,
  dynamixel: (asking) => askServos("dynamixel", asking),
  feetech: (asking) => askServos("feetech", asking),
};

/** Those that take a line of text for something else come after those that it means nothing to. */
export const families: readonly ScanFamily[] = [
  "firmware",
  "odrive",
  "moteus",
  "dynamixel",
  "feetech",
];

/** Who leaves the factory with which rate, the likeliest first, and what people set. */
const plan: readonly (readonly [baud: number, asked: readonly ScanFamily[]])[] = [
  [1_000_000, families],
  [115_200, ["firmware", "odrive", "dynamixel", "feetech"]],
  [57_600, ["dynamixel"]],
  [921_600, ["moteus"]],
  [500_000, ["feetech"]],
  [2_000_000, ["dynamixel"]],
  [3_000_000, ["dynamixel"]],
  [4_000_000, ["dynamixel"]],
];

/** What to keep to; undefined: everything. */
export interface ScanChoice extends Plainness {
  /** The one rate to ask at, bits/s. */
  readonly baud?: number | undefined;
  /** The one family to ask. */
  readonly family?: ScanFamily | undefined;
}

/** Every port has this rate, bits/s. */
const openBaud = 115_200;

/** Makers, by USB's number, whose controllers take what a scan sends for orders to move. */
const movedByScans: Readonly<Record<string, string>> = { "1ffb": "Pololu" };

/** How a scan comes to a port. */
export interface ScanDoors {
  readonly lock: (path: string, baud: number, polled: boolean) => Promise<SerialLine>;
  readonly open: (path: string) => Port;
  /** USB's numbers of the port, such as `1a86:55d3`; empty where it has none. */
  readonly usbOf: (path: string) => string | Promise<string>;
}

const realDoors: ScanDoors = { lock: lockSerialLine, open: openSerialPort, usbOf };

/** Every question that a scan asks where nothing answers. */
export function probesOf({ baud, family }: ScanChoice): Probe[] {
  const rows = baud === undefined ? plan : ([[baud, families]] as const);
  return rows
    .flatMap(([rate, asked]) => asked.map((one) => ({ family: one, baud: rate })))
    .filter((probe) => family === undefined || probe.family === family);
}

/**
 * Asks over the serial port at `path` who is there, one family after another, until one answers.
 * Nothing is written to any register of these families and nothing of theirs gets torque; what
 * else is on the line may take it for an order. The port is locked meanwhile. Blocks this thread
 * for the time of each question, unless the port is plain. Throws `SinewError("port")` for a port
 * that is missing, is held by another program, is lost, or is of a maker whose controllers such
 * questions move.
 */
export async function scanPort(
  path: string,
  choice: ScanChoice,
  clock: Pick<Clock, "now">,
  onProgress: (probe: Probe, part: number) => void = () => {},
  doors: ScanDoors = realDoors,
): Promise<ScanReport> {
  const usb = await doors.usbOf(path);
  if (choice.family === undefined) checkMaker(path, usb);
  if (isPlain(choice) && doors === realDoors) {
    const question = { what: "scan", choice, usb } as const;
    return (await askOverPlain(path, openBaud, question, onProgress)) as ScanReport;
  }
  const advice = slowAdapterOf(path);
  // Windows does not tell whether an adapter holds answers back.
  const spareUs = advice === "" && !alwaysPlain ? usualSpareUs : slowSpareUs;
  const line = await doors.lock(path, openBaud, true);
  try {
    const port = new HeardPort(doors.open(path), path);
    try {
      const heard = await asked(line, port, { clock, spareUs }, probesOf(choice), onProgress);
      return { path, ...heard, advice };
    } finally {
      port.close();
    }
  } finally {
    await line.close();
  }
}

function checkMaker(path: string, usb: string): void {
  const maker = movedByScans[usb.split(":")[0]];
  if (maker === undefined) return;
  const line = `${path} is ${maker}'s, whose controllers take questions of others for orders`;
  throw new SinewError("port", `${line}: say what is behind it (scan --family, init --link)`);
}

async function asked(
  line: Pick<SerialLine, "setBaud">,
  port: HeardPort,
  time: Pick<Asking, "clock" | "spareUs">,
  probes: readonly Probe[],
  onProgress: (probe: Probe, part: number) => void,
): Promise<Omit<ScanReport, "path" | "advice">> {
  const noiseAt: number[] = [];
  const refusals: string[] = [];
  const done: Probe[] = [];
  let tried = 0;
  let has = false;
  for (const probe of probes) {
    const { family, baud } = probe;
    if (baud !== tried) {
      tried = baud;
      has = await hasRate(line, baud, refusals);
    }
    if (!has) continue;
    port.begin();
    const onPart = (part: number): void => onProgress(probe, part);
    onPart(0);
    const answer = asks[family]({ port, baud, ...time, isFirst: done.length === 0, onPart });
    done.push(probe);
    if (answer !== null) return { probes: done, answer, noiseAt, refusals };
    if (port.heard > 0 && noiseAt.at(-1) !== baud) noiseAt.push(baud);
  }
  return { probes: done, answer: null, noiseAt, refusals };
}

/** Sets a rate; false, and a line more in `refusals`, where the port does not have it. */
async function hasRate(
  line: Pick<SerialLine, "setBaud">,
  baud: number,
  refusals: string[],
): Promise<boolean> {
  try {
    await line.setBaud(baud);
    return true;
  } catch (error) {
    refusals.push(messageOf(error));
    return false;
  }
}

/** Counts what it hears. A scan has nobody to tell that a line was lost: it throws. */
class HeardPort implements Port {
  heard = 0;
  readonly #port: Port;
  readonly #path: string;
  readonly #rest: Uint8Array = new Uint8Array(1024);

  constructor(port: Port, path: string) {
    this.#port = port;
    this.#path = path;
  }

  /** Forgets what was heard, at another rate or to an earlier question. */
  begin(): void {
    while (this.read(this.#rest) > 0);
    this.heard = 0;
  }

  read(into: Uint8Array): number {
    const length = this.#port.read(into);
    if (length < 0) {
      throw new SinewError("port", `the serial port ${this.#path} was lost: was it unplugged?`);
    }
    this.heard += length;
    return length;
  }

  write(bytes: Uint8Array, length: number): boolean {
    return this.#port.write(bytes, length);
  }

  wait(timeoutUs: number): void {
    this.#port.wait(timeoutUs);
  }

  close(): void {
    this.#port.close();
  }
}
