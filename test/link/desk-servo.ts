import { dynamixel } from "../../src/link/dynamixel-family.ts";
import * as dynamixelPacket from "../../src/link/dynamixel-packet.ts";
import { longAt, putLong, StatusError, Table } from "../../src/link/dynamixel-table.ts";
import { feetech, scsFamily } from "../../src/link/feetech-family.ts";
import * as feetechPacket from "../../src/link/feetech-packet.ts";
import {
  putWord,
  Register,
  type Series,
  SignBit,
  scs,
  sts,
  wordAt,
  wordOf,
} from "../../src/link/feetech-registers.ts";
import type { ServoFamily } from "../../src/link/servo-family.ts";
import { wholeTurn } from "../../src/link/servo-scale.ts";

/** A servo in few lines, which goes straight to its goal. */
export abstract class DeskServo {
  readonly registers: Uint8Array;
  /** Counts, as its encoder sees them; in the middle of them to begin with. */
  position: number;
  /** Counts/s. */
  speed = 0;
  /** How far it goes in a turn, counts. */
  slewPerMs: number;
  plugged = true;
  error = 0;
  readonly family: ServoFamily;
  readonly #idAt: number;
  readonly #delayAt: number;

  constructor(family: ServoFamily, registers: number, idAt: number, delayAt: number, id: number) {
    this.family = family;
    this.position = family.scale.counts / 2;
    this.slewPerMs = (3.4 * wholeTurn.radPerCount) / family.scale.radPerCount;
    this.registers = new Uint8Array(registers);
    this.#idAt = idAt;
    this.#delayAt = delayAt;
    this.registers[idAt] = id;
  }

  get id(): number {
    return this.registers[this.#idAt];
  }

  /** For so long it waits before it answers. */
  get returnDelayUs(): number {
    return 2 * this.registers[this.#delayAt];
  }

  get torque(): boolean {
    return this.registers[this.family.torque.address] === 1;
  }

  set torque(on: boolean) {
    this.registers[this.family.torque.address] = on ? 1 : 0;
  }

  get goal(): number {
    return this.family.goalOf(this.registers, this.family.orders.address);
  }

  set goal(counts: number) {
    this.family.putGoal(this.registers, this.family.goal.address, counts);
  }

  /** Takes registers, or gives the error that it answers with; 0 where there is none. */
  abstract set(address: number, data: Uint8Array): number;
  /** Brings the registers that tell of the present up to date. */
  abstract tell(): void;

  /** A packet was for it. */
  hear(_nowUs: number): void {}

  /** A turn of 1 ms: first what its firmware watches, then its motor. */
  tick(nowUs: number): void {
    this.watch(nowUs);
    this.move();
  }

  move(): void {
    const before = this.position;
    if (this.torque) {
      const way = this.target - this.position;
      this.position += Math.min(this.slewPerMs, Math.max(-this.slewPerMs, way));
    }
    this.speed = Math.round((this.position - before) * 1000);
  }

  protected watch(_nowUs: number): void {}

  /** Where it goes. */
  protected get target(): number {
    return this.goal;
  }
}

class DeskFeetechServo extends DeskServo {
  readonly #series: Series;

  constructor(family: ServoFamily, series: Series, id: number) {
    super(family, 71, Register.id, Register.returnDelay, id);
    this.#series = series;
    putWord(this.registers, Register.model, series.model, series);
    this.registers[Register.returnDelay] = 250;
    this.registers[series.lock] = 1;
    if (series === scs) {
      putWord(this.registers, Register.positionLimits, 20, scs);
      putWord(this.registers, Register.positionLimits + 2, 1003, scs);
    }
  }

  /** Beyond its limits an SCS does not go. */
  protected override get target(): number {
    if (this.#series === sts) return this.goal;
    const low = wordAt(this.registers, Register.positionLimits, scs);
    const high = wordAt(this.registers, Register.positionLimits + 2, scs);
    return Math.min(high, Math.max(low, this.goal));
  }

  set(address: number, data: Uint8Array): number {
    data.forEach((value, at) => {
      const kept = address + at < Register.torqueEnable;
      if (kept && this.registers[this.#series.lock] === 1) return;
      this.registers[address + at] = value;
    });
    return 0;
  }

  tell(): void {
    const position = Math.floor(this.position) & 0xffff;
    putWord(this.registers, Register.presentPosition, position, this.#series);
    const velocity = wordOf(this.speed, SignBit.velocity);
    putWord(this.registers, Register.presentVelocity, velocity, this.#series);
  }
}

/** With what its manual says of the Bus Watchdog; tripped it stays where it is. */
export class DeskX extends DeskServo {
  /** A servo whose watchdog does not work, in the ways that matter. */
  neverTrips = false;
  takesGoalsTripped = false;
  refusesGoals = false;
  /** Its register says that it stopped, and its motor goes on. */
  runsOn = false;
  /** When it tripped last; NaN before. */
  trippedUs: number = Number.NaN;
  #heardUs = 0;
  #stays = 0;

  constructor(id: number) {
    super(dynamixel, 148, 7, Table.returnDelay, id);
    putWord(this.registers, Table.model, 1200, sts);
    this.registers[Table.returnDelay] = 250;
    this.registers[Table.firmware] = 53;
    this.registers[Table.operatingMode] = 3;
    this.registers[Table.secondaryId] = 255;
    this.registers[Table.statusReturnLevel] = 2;
    putLong(this.registers, Table.positionMax, 4095);
  }

  get tripped(): boolean {
    return this.registers[Table.busWatchdog] === 255;
  }

  override hear(nowUs: number): void {
    this.#heardUs = nowUs;
  }

  protected override watch(nowUs: number): void {
    const bearsUs = this.registers[Table.busWatchdog] * 20_000;
    const counts = this.torque && bearsUs > 0 && !this.tripped && !this.neverTrips;
    if (counts && nowUs - this.#heardUs > bearsUs) this.trip(nowUs);
  }

  trip(nowUs: number): void {
    this.registers[Table.busWatchdog] = 255;
    this.trippedUs = nowUs;
    this.#stays = this.position;
  }

  protected override get target(): number {
    return this.tripped && !this.runsOn ? this.#stays : this.goal;
  }

  set(address: number, data: Uint8Array): number {
    if (address < Table.torqueEnable && this.torque) return StatusError.access;
    const refuses = this.torque && this.refusesGoals;
    const takes = this.takesGoalsTripped || !this.tripped;
    if (address === Table.goalPosition && (refuses || !takes)) {
      return StatusError.dataRange;
    }
    if (this.tripped && address === Table.busWatchdog && data[0] !== 0) {
      return StatusError.dataRange;
    }
    if (address === Table.goalPosition && !this.#permits(longAt(data, 0))) {
      return StatusError.dataLimit;
    }
    this.registers.set(data, address);
    return 0;
  }

  tell(): void {
    putLong(this.registers, Table.presentPosition, Math.floor(this.position));
    putLong(this.registers, Table.presentVelocity, Math.round((this.speed * 60) / 4096 / 0.229));
  }

  #permits(goal: number): boolean {
    const low = longAt(this.registers, Table.positionMin);
    return goal >= low && goal <= longAt(this.registers, Table.positionMax);
  }
}

/** A packet from the host. */
export interface DeskPacket {
  readonly id: number;
  readonly code: number;
  readonly parameters: Uint8Array;
}

/** What a desk needs of a family beside its servos. */
export interface DeskFamily {
  readonly family: ServoFamily;
  /** Begins the names of its tests. */
  readonly label: string;
  /** Whether its servos answer a question that is for all; others keep silent. */
  readonly answersAll: boolean;
  /** An address, or a count, takes so many bytes of a question. */
  readonly numberBytes: 1 | 2;
  readonly broadcastId: number;
  makeServo(id: number): DeskServo;
  /** Calls `take` with each packet that ends within the bytes. */
  makeListener(take: (packet: DeskPacket) => void): (byte: number) => void;
  encodeStatus(id: number, error: number, parameters: Uint8Array, out: Uint8Array): number;
  /** Writes a place into what a cycle reads of a servo. */
  putPlace(present: Uint8Array, counts: number): void;
}

export const deskFeetech: DeskFamily = deskOf(feetech, sts, "feetech");
export const deskScs: DeskFamily = deskOf(scsFamily(300), scs, "scs");

function deskOf(family: ServoFamily, series: Series, label: string): DeskFamily {
  return {
    ...{ family, label, answersAll: series === sts },
    numberBytes: 1,
    broadcastId: feetechPacket.broadcastId,
    makeServo: (id) => new DeskFeetechServo(family, series, id),
    makeListener: (take) => {
      const decoder = new feetechPacket.FeetechDecoder();
      return (byte) => {
        decoder.push(byte);
        while (decoder.next()) {
          const { id, code, parameters, parameterCount } = decoder;
          take({ id, code, parameters: parameters.slice(0, parameterCount) });
        }
      };
    },
    encodeStatus: feetechPacket.encodeStatus,
    putPlace: (present, counts) => putWord(present, 0, counts, series),
  };
}

/** So many counts of a desk's servos as are `counts` of 4096 in a turn. */
export function countsOn({ family }: DeskFamily, counts: number): number {
  return Math.round((counts * wholeTurn.radPerCount) / family.scale.radPerCount);
}

/** As far from the middle of a desk's servos as `counts` is from 2048 of 4096 in a turn. */
export function placeOn(desk: DeskFamily, counts: number): number {
  return desk.family.scale.counts / 2 + countsOn(desk, counts - 2048);
}

export const deskDynamixel: DeskFamily = {
  family: dynamixel,
  label: "dynamixel",
  answersAll: true,
  numberBytes: 2,
  broadcastId: dynamixelPacket.broadcastId,
  makeServo: (id) => new DeskX(id),
  makeListener: (take) => {
    const decoder = new dynamixelPacket.DynamixelDecoder();
    return (byte) => {
      decoder.push(byte);
      while (decoder.next()) {
        const { id, instruction: code, parameters, parameterCount } = decoder;
        // An adapter that hears itself hears answers too; servos take no notice of them.
        if (code === dynamixelPacket.Instruction.status) continue;
        take({ id, code, parameters: parameters.slice(0, parameterCount) });
      }
    };
  },
  encodeStatus: dynamixelPacket.encodeStatus,
  putPlace: (present, counts) => putLong(present, 4, counts),
};
