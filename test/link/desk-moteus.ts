import { MoteusFrame, MoteusReply, MoteusType } from "../../src/link/moteus-frame.ts";
import { crc8 } from "../../src/link/moteus-text.ts";
import { DeskLine, type DeskMotor } from "./desk-line.ts";

const { int8, int32, float } = MoteusType;

const preparing = 3;

/** One drive: its mode, what it was ordered, and how long that is good for. */
class DeskDrive {
  mode = 0;
  fault = 0;
  mapVersion = 5;
  home = 2;
  /** Its timeout counts. */
  counts = true;
  /** Of the newest order: what register 0x027 says, s. */
  timeoutS = 0;
  #leftMs: number = Number.POSITIVE_INFINITY;
  /** Milliseconds from an order to following it. */
  enterMs = 2;
  #enterMs = 0;
  readonly motor: DeskMotor;

  constructor(motor: DeskMotor) {
    this.motor = motor;
  }

  order(values: Float64Array): void {
    const mode = values[0];
    if (Number.isNaN(mode)) return;
    if (mode === 0) {
      this.mode = 0;
      this.fault = 0;
      return;
    }
    // A timeout and a fault are left by a stop alone.
    if (mode !== 10 || this.mode === 11 || this.mode === 1) return;
    if (this.mode === 0) {
      this.mode = preparing;
      this.#enterMs = this.enterMs;
    }
    this.timeoutS = Number.isNaN(values[0x27]) ? 0 : values[0x27];
    this.feed();
    const { motor } = this;
    if (values[0x23] === 0 && values[0x24] === 0) {
      motor.order = "effort";
      motor.value = values[0x22];
    } else if (Number.isNaN(values[0x20])) {
      motor.order = "velocity";
      motor.catchesUp = values[0x23] !== 0 || values[0x2b] !== 0;
      motor.value = values[0x21];
    } else {
      motor.order = "position";
      motor.value = values[0x20];
    }
  }

  /** What it was ordered is good for as long again. */
  feed(): void {
    this.#leftMs = (this.timeoutS === 0 ? 0.1 : this.timeoutS) * 1000;
  }

  tick(): void {
    if (this.mode === preparing && --this.#enterMs <= 0) this.mode = 10;
    if (this.counts && this.mode === 10 && --this.#leftMs < 0) this.mode = 11;
    this.motor.driven = this.mode === 10;
  }
}

/** moteus drives with the ids 1, 2, ... on a line with sums, or on one without. */
export class DeskMoteus extends DeskLine {
  readonly drives: DeskDrive[];
  readonly #checks: boolean;
  readonly #frame: Uint8Array = new Uint8Array(64);
  readonly #written: MoteusReply = new MoteusReply(this.#frame);

  constructor(count: number = 2, checks: boolean = true) {
    super(count);
    this.#checks = checks;
    this.drives = this.motors.map((motor) => new DeskDrive(motor));
  }

  protected override tick(): void {
    for (const drive of this.drives) drive.tick();
  }

  protected override take(line: string): void {
    const [, text, sum] = /^(.*?)(?: \*([0-9A-Fa-f]{2}))?$/.exec(line) ?? [];
    const right = sum !== undefined && Number.parseInt(sum, 16) === sumOf(`${text} `);
    if (this.#checks !== right && (this.#checks || sum !== undefined)) return;
    const [, id, hex] = /^can send ([0-9a-fA-F]{1,8}) ([0-9a-fA-F]+)/.exec(text) ?? [];
    if (id === undefined || hex.length % 2 > 0) {
      this.#say("ERR unknown command");
      return;
    }
    this.told.push(text);
    this.#say("OK");
    this.#obey(Number.parseInt(id, 16), Buffer.from(hex, "hex"));
  }

  #obey(id: number, bytes: Uint8Array): void {
    const drive = this.drives[(id & 0x7f) - 1];
    if (drive === undefined) return;
    this.#frame.set(bytes);
    if (this.#written.take(bytes.length, true)) drive.order(this.#written.values);
    if ((id & 0x8000) === 0) return;
    const answer = new MoteusFrame();
    for (const [type, register, count] of askedIn(bytes)) {
      answer.beginReply(type, register, count);
      for (let i = 0; i < count; i++) answer.value(type, tellOf(drive, register + i));
    }
    const to = ((id & 0x7f) << 8) | ((id >> 8) & 0x7f);
    const hex = Buffer.from(answer.bytes.subarray(0, answer.length)).toString("hex");
    this.#say(`rcv ${to.toString(16)} ${hex}${this.#checks ? "" : " E B F"}`);
  }

  #say(text: string): void {
    const sum = sumOf(`${text} `).toString(16).padStart(2, "0").toUpperCase();
    this.answer(this.#checks ? `${text} *${sum}\r\n` : `${text}\r\n`);
  }
}

function tellOf(drive: DeskDrive, register: number): number {
  const values: Record<number, number> = {
    0: drive.mode,
    1: drive.motor.turns,
    2: drive.motor.speed,
    12: drive.home,
    15: drive.fault,
    39: drive.timeoutS,
    258: drive.mapVersion,
  };
  return values[register] ?? 0;
}

/** The reads of a frame whose writes are as the driver makes them: type, first register, count. */
function askedIn(bytes: Uint8Array): [MoteusType, number, number][] {
  const found: [MoteusType, number, number][] = [];
  const types = [int8, MoteusType.int16, int32, float];
  for (let at = 0; at < bytes.length; ) {
    const head = bytes[at];
    if ((head & 0xf0) !== 0x10) return found;
    const count = head & 3 || bytes[++at];
    let register = bytes[++at];
    if (register > 0x7f) register = (register & 0x7f) | (bytes[++at] << 7);
    found.push([types[(head >> 2) & 3], register, count]);
    at++;
  }
  return found;
}

function sumOf(text: string): number {
  return crc8(Buffer.from(text), 0, text.length);
}
