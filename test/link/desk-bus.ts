import { Instruction } from "../../src/link/feetech-packet.ts";
import type { Port } from "../../src/link/port.ts";
import type { DeskFamily, DeskPacket, DeskServo } from "./desk-servo.ts";

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
  /** Falsifies what a servo tells, under a sum that fits; `address` is that of the first byte. */
  falsify: (told: Uint8Array, address: number) => void = () => {};
  /** What an answer takes to come, microseconds, beside what its servo waits before it. */
  answerUs = 200;
  /** The adapter hears what it sends. */
  echoes = false;
  gone = false;
  full = false;
  readonly #family: DeskFamily;
  readonly #listen: (byte: number) => void;
  #coming: { dueUs: number; bytes: Uint8Array }[] = [];
  #tickUs = this.nowUs;
  #lastDueUs = 0;

  constructor(family: DeskFamily, count: number) {
    this.#family = family;
    this.#listen = family.makeListener((packet) => this.#take(packet));
    this.servos = Array.from({ length: count }, (_, at) => family.makeServo(at + 1));
  }

  now(): number {
    return this.nowUs;
  }

  /** Lets time pass to `dueUs`. */
  until(dueUs: number): void {
    this.nowUs = Math.max(this.nowUs, dueUs);
    for (; this.#tickUs + 1000 <= this.nowUs; this.#tickUs += 1000) {
      for (const servo of this.servos) servo.tick(this.#tickUs + 1000);
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
    for (let at = 0; at < length; at++) this.#listen(bytes[at]);
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

  #take({ id, code, parameters }: DeskPacket): void {
    const { numberBytes, broadcastId } = this.#family;
    const address = this.#numberAt(parameters, 0);
    const count = this.#numberAt(parameters, numberBytes);
    const rest = parameters.subarray(numberBytes);
    this.told.push(`${id} ${code} ${parameters.length > 0 ? address : ""}`);
    if (this.losesPacket(code, id)) return;
    if (id !== broadcastId) this.#takeOne(id, code, address, rest);
    else if (code === Instruction.syncRead) {
      if (!this.#family.answersAll) return;
      for (const each of rest.subarray(numberBytes)) this.#answer(each, address, count);
    } else if (code === Instruction.syncWrite) {
      this.#setEach(address, count, rest.subarray(numberBytes));
    }
  }

  #numberAt(parameters: Uint8Array, at: number): number {
    const high = this.#family.numberBytes === 2 ? (parameters[at + 1] ?? 0) : 0;
    return (parameters[at] ?? 0) | (high << 8);
  }

  #takeOne(id: number, code: number, address: number, rest: Uint8Array): void {
    const servo = this.#find(id);
    servo?.hear(this.nowUs);
    if (code === Instruction.read) this.#answer(id, address, this.#numberAt(rest, 0));
    else this.#answer(id, 0, 0, code === Instruction.write ? servo?.set(address, rest) : 0);
  }

  #setEach(address: number, count: number, data: Uint8Array): void {
    for (let at = 0; at + count < data.length; at += 1 + count) {
      const servo = this.#find(data[at]);
      servo?.hear(this.nowUs);
      servo?.set(address, data.subarray(at + 1, at + 1 + count));
    }
    const { goal } = this.#family.family;
    if (address === goal.address) this.goals.push(this.servos.map((servo) => servo.goal));
  }

  #find(id: number): DeskServo | undefined {
    return this.servos.find((servo) => servo.plugged && servo.id === id);
  }

  #answer(id: number, address: number, count: number, refusal: number = 0): void {
    const servo = this.#find(id);
    if (servo === undefined) return;
    servo.hear(this.nowUs);
    if (this.losesAnswer(id)) return;
    servo.tell();
    const told = servo.registers.slice(address, address + count);
    this.falsify(told, address);
    const out = new Uint8Array(this.#family.family.packets.packetBytesMax);
    const length = this.#family.encodeStatus(id, servo.error | refusal, told, out);
    // What was sent first comes first.
    const dueUs = this.nowUs + servo.returnDelayUs + this.answerUs;
    this.#lastDueUs = Math.max(this.#lastDueUs, dueUs);
    this.#coming.push({ dueUs: this.#lastDueUs, bytes: this.mangle(out.slice(0, length)) });
  }
}
