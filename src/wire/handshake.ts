import { ContractQuery, textAt } from "./contract-query.ts";
import {
  type DeviceContract,
  differenceOfContracts,
  type ExpectedContract,
  hashContract,
} from "./device-contract.ts";
import { DictionaryQuery, differenceOfDictionaries } from "./dictionary-query.ts";
import { Layout, MessageType, protocolHash } from "./messages.ts";
import type { Requests } from "./requests.ts";

const repeatUs = 20_000;
const queriesAtOnce = 8;
/** A device whose protocol differs has this long to tell its dictionary. */
const readWindowUs = 1_000_000;
const never: number = Number.NEGATIVE_INFINITY;

/**
 * Who the device is and whether its contract is ours: HELLO, then each channel; where the protocols
 * differ, the device's dictionary, to say how.
 */
export class Handshake {
  /** Room that `poll` needs, in bytes. */
  static readonly outBytesMin: number = (queriesAtOnce + 2) * 32;

  phase: "greeting" | "reading" | "checking" | "agreed" | "refused" = "greeting";
  /** Why the device was refused, naming what differs. */
  refusal: string | null = null;
  /** The device's own contract; null until it has told the whole. */
  device: DeviceContract | null = null;
  /** Board and target, such as `rp2040-pendulum`; empty until it has answered. */
  deviceName = "";
  /** Another number after every start of the device; -1 until it has answered. */
  bootId = -1;
  /** As INFO states it. */
  contractHash = 0;
  readonly #expected: ExpectedContract;
  #protocolHash = 0;
  #query: ContractQuery | null = null;
  #dictionary: DictionaryQuery | null = null;
  #readUntilUs = never;
  #dueUs = never;

  constructor(expected: ExpectedContract) {
    this.#expected = expected;
  }

  /** INFO has come and speaks our protocol; what came before it may be of an earlier start. */
  get understood(): boolean {
    return this.phase !== "greeting" && this.#protocolHash === protocolHash;
  }

  /** Begins anew: the device has started anew. */
  restart(): void {
    this.refusal = null;
    this.device = null;
    this.#enter("greeting");
  }

  /** Writes what is to be asked now; returns how many bytes. */
  poll(nowUs: number, requests: Requests, out: Uint8Array): number {
    if (nowUs < this.#dueUs) return 0;
    this.#dueUs = nowUs + repeatUs;
    if (this.phase === "greeting") {
      // The delimiter ends whatever the line held before us.
      out[0] = 0;
      return requests.hello(out, 1);
    }
    if (this.phase === "reading") {
      if (nowUs < this.#readUntilUs) return requests.askDictionary(this.#dictionary!.offset, out);
      this.#refuseProtocol("it does not tell its dictionary");
    }
    if (this.phase !== "checking") return 0;
    let length = 0;
    for (const { direction, index } of this.#query!.missing().slice(0, queriesAtOnce)) {
      length = requests.query(direction, index, out, length);
    }
    return length;
  }

  /** Takes a frame of `length` bytes; other types than INFO, CHANNEL and DICTIONARY are left. */
  take(frame: DataView, length: number, nowUs: number): void {
    const type = frame.getUint8(0);
    if (type === MessageType.info && length === Layout.info.size) {
      if (this.phase === "greeting") this.#takeInfo(frame, nowUs);
    } else if (type === MessageType.channel && length === Layout.channel.size) {
      if (this.phase === "checking") this.#takeChannel(frame, nowUs);
    } else if (type === MessageType.dictionary && length >= Layout.dictionary.size) {
      if (this.phase === "reading") this.#takeDictionary(frame, length);
    }
  }

  #takeInfo(frame: DataView, nowUs: number): void {
    const at = Layout.info;
    this.deviceName = textAt(frame, at.name, at.size);
    this.bootId = frame.getUint32(at.bootId, true);
    this.contractHash = frame.getUint32(at.contractHash, true);
    this.#protocolHash = frame.getUint32(at.protocolHash, true);
    if (this.#protocolHash !== protocolHash) {
      this.#dictionary = new DictionaryQuery();
      this.#readUntilUs = nowUs + readWindowUs;
      this.#enter("reading");
      return;
    }
    this.#query = new ContractQuery(
      frame.getUint32(at.periodUs, true),
      frame.getUint8(at.observationCount),
      frame.getUint8(at.actionCount),
    );
    this.#enter("checking");
    // A device without channels has told all already.
    this.#judge();
  }

  #takeChannel(frame: DataView, nowUs: number): void {
    this.#query!.take(frame);
    this.#judge();
    if (this.phase === "checking") this.#dueUs = Math.min(this.#dueUs, nowUs + repeatUs / 10);
  }

  #judge(): void {
    const contract = this.#query!.contract();
    if (contract === null) return;
    this.device = contract;
    const difference = differenceOfContracts(this.#expected, contract);
    if (difference !== null) this.#refuse(`${this.deviceName}: ${difference}`);
    else if (this.contractHash !== hashContract(contract)) {
      this.#refuse(`${this.deviceName}: its contract hash does not fit its channels`);
    } else this.#enter("agreed");
  }

  #takeDictionary(frame: DataView, length: number): void {
    this.#dictionary!.take(frame, length);
    this.#dueUs = never;
    const text = this.#dictionary!.text();
    if (text !== null) this.#refuseProtocol(differenceOfDictionaries(text, this.#protocolHash));
  }

  #refuseProtocol(why: string): void {
    const [ours, theirs] = [protocolHash, this.#protocolHash].map((hash) => hash.toString(16));
    this.#refuse(`protocol: host has ${ours}, ${this.deviceName} has ${theirs}: ${why}`);
  }

  #refuse(why: string): void {
    this.refusal = why;
    this.#enter("refused");
  }

  #enter(phase: Handshake["phase"]): void {
    this.phase = phase;
    this.#dueUs = never;
  }
}
