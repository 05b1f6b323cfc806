import type { Clock } from "../core/clock.ts";
import { dynamixel } from "./dynamixel-family.ts";
import {
  servoIdMax as dynamixelIdMax,
  encodePing as encodeDynamixelPing,
} from "./dynamixel-packet.ts";
import { feetech, scsFamily, seriesOf } from "./feetech-family.ts";
import { encodePing as encodeFeetechPing, servoIdMax as feetechIdMax } from "./feetech-packet.ts";
import type { Port } from "./port.ts";
import type { Asking } from "./scan.ts";
import { ServoBus } from "./servo-bus.ts";
import type { Finding, ServoFamily, ServoSeries } from "./servo-family.ts";

/** A servo that answered. */
export interface FoundServo {
  readonly id: number;
  /** `well`, or what keeps it from being driven, in words that go on after its name. */
  readonly state: string;
  /** Where its encoder is, of a whole turn 0 to 4095 in its first; null where it did not say. */
  readonly counts: number | null;
}

/** Servos on a line, by their ids. */
export interface FoundServos {
  readonly family: "feetech" | "dynamixel";
  /** That of the first which tells; others are not driven beside it. */
  readonly series: ServoSeries;
  readonly baud: number;
  readonly servos: readonly FoundServo[];
}

export const servosSend: Readonly<Record<FoundServos["family"], string>> = {
  dynamixel: `PING to each id from 0 to ${dynamixelIdMax}, then READ to those that answer`,
  feetech: `PING to each id from 0 to ${feetechIdMax}, then READ to those that answer`,
};

const pings = {
  dynamixel: { family: dynamixel, encode: encodeDynamixelPing, idMax: dynamixelIdMax },
  feetech: { family: feetech, encode: encodeFeetechPing, idMax: feetechIdMax },
} as const;

/** Nobody knows yet what theirs span; this asks the most of the limits that a servo has. */
const scsAnySpan: ServoFamily = scsFamily(360);

/** A ping and its answer, bytes; Dynamixel's are the longer ones. */
const pingBytes = 24;
/** What an answer to a ping tells at most: model and firmware. */
const toldMax = 3;
/** What leaves the factory waits for so long before each answer, and a slow one a little more. */
const delayUs = 600;
const napUs = 100;
/** A read of one servo has so long, beside what its adapter takes. */
const readUs = 100_000;
const echoReadUs = 5000;
/** Where somebody answered, the others are asked once more and have so much longer. */
const againUs = 4000;
/** No line has more servos. */
const idsMost = 64;
const unread = "answers a ping and no read: have two servos this id?";

/** Which servos of a family answer; null: none does. */
export function askServos(name: FoundServos["family"], asking: Asking): FoundServos | null {
  const { port, baud, clock, spareUs } = asking;
  const ids = pinged(name, asking);
  // An adapter that hears itself takes each ping for its answer, but no read.
  const echoes = ids.length > idsMost;
  const { packets } = pings[name].family;
  const answerUs = (echoes ? echoReadUs : readUs) + spareUs;
  const bus = new ServoBus(packets, port, clock, Uint8Array.from(ids), answerUs);
  const family = name === "feetech" ? feetechOn(bus, ids) : dynamixel;
  const servos = ids
    .map((id, at) => foundAt(family, bus, id, at))
    .filter(({ state }) => !echoes || state !== unread);
  return servos.length === 0 ? null : { family: name, series: family.series, baud, servos };
}

/** Those of the series of the first that tells it. */
function feetechOn(bus: ServoBus, ids: readonly number[]): ServoFamily {
  for (let at = 0; at < ids.length; at++) {
    const series = seriesOf(bus, at);
    if (series !== null) return series.name === "scs" ? scsAnySpan : feetech;
  }
  return feetech;
}

/** The ids from which an answer came, whenever it came. */
function pinged(name: FoundServos["family"], asking: Asking): number[] {
  const { port, baud, clock, spareUs, onPart } = asking;
  const { family, encode, idMax } = pings[name];
  const out = new Uint8Array(family.packets.packetBytesMax);
  const ears = new Ears(family, port, clock);
  const waitUs = (pingBytes * 10 * 1e6) / baud + delayUs + spareUs;
  // A servo whose answer the next ping cut off was late by chance.
  for (const moreUs of [0, againUs]) {
    for (let id = 0; id <= idMax; id++) {
      onPart(id / idMax);
      if (ears.ids.has(id)) continue;
      port.write(out, encode(id, out));
      ears.listen(waitUs + moreUs, id);
    }
    if (ears.ids.size === 0) break;
  }
  ears.listen(waitUs + spareUs, null);
  return [...ears.ids].filter((id) => id <= idMax).sort((a, b) => a - b);
}

/** Hears who answers. */
class Ears {
  readonly ids: Set<number> = new Set();
  readonly #decoder: ReturnType<ServoFamily["packets"]["makeDecoder"]>;
  readonly #port: Port;
  readonly #clock: Pick<Clock, "now">;
  readonly #in: Uint8Array = new Uint8Array(1024);

  constructor({ packets }: ServoFamily, port: Port, clock: Pick<Clock, "now">) {
    this.#decoder = packets.makeDecoder(toldMax);
    this.#port = port;
    this.#clock = clock;
  }

  /** Listens for `timeUs`, or until `id` has answered. */
  listen(timeUs: number, id: number | null): void {
    const untilUs = this.#clock.now() + timeUs;
    for (;;) {
      const heard = this.#port.read(this.#in);
      for (let at = 0; at < heard; at++) {
        this.#decoder.push(this.#in[at]);
        while (this.#decoder.next()) this.ids.add(this.#decoder.id);
      }
      if (id !== null && this.ids.has(id)) return;
      const leftUs = untilUs - this.#clock.now();
      if (leftUs <= 0) return;
      if (heard === 0) this.#port.wait(Math.min(napUs, leftUs));
    }
  }
}

/** What servo number `at` is. */
function foundAt(family: ServoFamily, bus: ServoBus, id: number, at: number): FoundServo {
  const finding = family.examine(bus, at);
  const { present } = family;
  const bytes = new Uint8Array(present.count);
  const told = finding !== "silent" && bus.readOne(at, present.address, present.count, bytes);
  return { id, state: stateOf(finding), counts: told ? family.placeOf(bytes, 0) : null };
}

function stateOf(finding: Finding): string {
  if (typeof finding === "object") return finding.refusal;
  if (finding === "silent") return unread;
  return finding === "slow" ? "well; it delays its answers, which a run ends for good" : "well";
}
