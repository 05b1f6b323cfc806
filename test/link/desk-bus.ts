import {
  broadcastId,
  encodeStatus,
  FeetechDecoder,
  Instruction,
  packetBytesMax,
} from "../../src/link/feetech-packet.ts";
import {
  putWord,
  Register,
  SignBit,
  sts,
  wordAt,
  wordOf,
} from "../../src/link/feetech-registers.ts";
import type { Port } from "../../src/link/port.ts";

const slewPerMs = 3.4;

/** A servo in few lines, which goes straight to its goal. */
export class DeskServo {
  readonly registers: Uint8Array = new Uint8Array(71);
  /** Counts, as its encoder sees them; between 0 and 4096. */
  position = 2048;
  speed = 0;
  plugged = true;
  error = 0;

  constructor(id: number) {
    putWord(this.registers, Register.model, 777, sts);
    this.registers[Register.id] = id;
    this.registers[Register.returnDelay] = 250;
    this.registers[Register.lock] = 1;
  }

  get torque(): boolean {
    return this.registers[Register.torqueEnable] === 1;
  }

  get goal(): number {
    return wordAt(this.registers, Register.goalPosition, sts);
  }

  set(address: number, data: Uint8Array): void {
    data.forEach((value, at) => {
      const kept = address + at < Register.torqueEnable;
      if (kept && this.registers[Register.lock] === 1) return;
      this.registers[address + at] = value;
    });
  }

  tick(): void {
    const before = this.position;
    if (this.torque) {
      const way = this.goal - this.position;
      this.position += Math.min(slewPerMs, Math.max(-slewPerMs, way));
    }
    this.speed = Math.round((this.position - before) * 1000);
  }

  tell(): void {
    putWord(this.registers, Register.presentPosition, Math.floor(this.position) & 0xffff, sts);
    const velocity = wordOf(this.speed, SignBit.velocity);
    putWord(this.registers, Register.presentVelocity, velocity, sts);
  }
}

/**
 * The far end of a servo bus in simulated time, for tests that need no chip: a port that moves the
 * clock when it waits.
 */
export class DeskBus implements Port {
  nowUs = 1_000_000;
  readonly servos: DeskServo[];
  /** Packets that came in, as `id instruction address`, and every goal that was set, in order. */
  readonly told: string[] = [];
  readonly goals: number[][] = [];
  /** Whether a packet from the host is lost on the way, or an answer; mangles an answer's bytes. */
  losesPacket: (instruction: number, id: number) => boolean = () => false;
  losesAnswer: (id: number) => boolean = () => false;
  mangle: (answer: Uint8Array) => Uint8Array = (answer) => answer;
  /** What an answer takes to come, microseconds. */
  answerUs = 200;
  /** The adapter hears what it sends. */
  echoes = false;
  gone = false;
  full = false;
  readonly #decoder = new FeetechDecoder();
  #coming: { dueUs: number; bytes: Uint8Array }[] = [];
  #tickUs = this.nowUs;
  #lastDueUs = 0;

  constructor(count: number) {
    this.servos = Array.from({ length: count }, (_, at) => new DeskServo(at + 1));
  }

  now(): number {
    return this.nowUs;
  }

  /** Lets time pass to `dueUs`. */
  until(dueUs: number): void {
    this.nowUs = Math.max(this.nowUs, dueUs);
    for (; this.#tickUs + 1000 <= this.nowUs; this.#tickUs += 1000) {
      for (const servo of this.servos) servo.tick();
    }
  }

  read(into: Uint8Array): number {
    if (this.gone) return -1;
    let length = 0;
    for (const { bytes } of this.#coming.filter(({ dueUs }) => dueUs <= this.nowUs)) {
      into.set(bytes, length);
      length += bytes.length;
    }
    this.#coming = this.#coming.filter(({ dueUs }) => dueUs > this.nowUs);
    return length;
  }

  write(bytes: Uint8Array, length: number): boolean {
    if (this.gone || this.full) return false;
    if (this.echoes) this.#coming.push({ dueUs: this.nowUs, bytes: bytes.slice(0, length) });
    for (let at = 0; at < length; at++) {
      this.#decoder.push(bytes[at]);
      while (this.#decoder.next()) this.#take();
    }
    return true;
  }

  wait(timeoutUs: number): void {
    this.until(this.nowUs + timeoutUs);
  }

  close(): void {
    this.gone = true;
  }

  /** Puts bytes on the line that no servo sent as an answer. */
  say(bytes: Uint8Array): void {
    this.#coming.push({ dueUs: this.nowUs, bytes });
  }

  #take(): void {
    const { id, code, parameterCount } = this.#decoder;
    const parameters = this.#decoder.parameters.slice(0, parameterCount);
    this.told.push(`${id} ${code} ${parameters[0] ?? ""}`);
    if (this.losesPacket(code, id)) return;
    if (id !== broadcastId) this.#takeOne(id, code, parameters);
    else if (code === Instruction.syncRead) {
      for (const each of parameters.subarray(2)) this.#answer(each, parameters[0], parameters[1]);
    } else if (code === Instruction.syncWrite) this.#setEach(parameters);
  }

  #takeOne(id: number, code: number, parameters: Uint8Array): void {
    if (code === Instruction.read) this.#answer(id, parameters[0], parameters[1]);
    if (code === Instruction.write) this.#find(id)?.set(parameters[0], parameters.subarray(1));
    if (code !== Instruction.read) this.#answer(id, 0, 0);
  }

  #setEach(parameters: Uint8Array): void {
    const [address, count] = parameters;
    for (let at = 2; at + count < parameters.length; at += 1 + count) {
      this.#find(parameters[at])?.set(address, parameters.subarray(at + 1, at + 1 + count));
    }
    if (address === Register.goalPosition) this.goals.push(this.servos.map(({ goal }) => goal));
  }

  #find(id: number): DeskServo | undefined {
    return this.servos.find(({ registers, plugged }) => plugged && registers[Register.id] === id);
  }

  #answer(id: number, address: number, count: number): void {
    const servo = this.#find(id);
    if (servo === undefined || this.losesAnswer(id)) return;
    servo.tell();
    const out = new Uint8Array(packetBytesMax);
    const length = encodeStatus(
      id,
      servo.error,
      servo.registers.slice(address, address + count),
      out,
    );
    // What was sent first comes first.
    this.#lastDueUs = Math.max(this.#lastDueUs, this.nowUs + this.answerUs);
    this.#coming.push({ dueUs: this.#lastDueUs, bytes: this.mangle(out.slice(0, length)) });
  }
}
