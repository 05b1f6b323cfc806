import { ChannelMap } from "../../src/core/channel-map.ts";
import { crc32c } from "../../src/core/crc.ts";
import type { Channel, Spec } from "../../src/core/spec.ts";
import { hashContract, rampToZero, type StopRule } from "../../src/wire/device-contract.ts";
import { encodeFrame, FrameDecoder, frameBytesMax, wireBytesMax } from "../../src/wire/frame.ts";
import {
  DeviceMode,
  DeviceReason,
  dictionary,
  Layout,
  MessageType,
  protocolHash,
  StopLine,
} from "../../src/wire/messages.ts";
import { Session } from "../../src/wire/session.ts";

/** What a COMMAND said, by the device's clock. */
export interface SeenCommand {
  readonly sequence: number;
  readonly expiresUs: number;
  /** Raw device clock when it came. */
  readonly cameUs: number;
  readonly values: readonly number[];
}

const u32 = 2 ** 32;

function wrapped(us: number): number {
  return us - Math.floor(us / u32) * u32;
}

/** A device that answers by the book; what it says and when can be bent from outside. */
export class ScriptedDevice {
  spec: Spec;
  readonly stops: readonly StopRule[];
  bootId = 0x1234_5678;
  /** What it tells of its protocol; null: nothing. */
  dictionary: string | null = dictionary;
  protocolHash: number = protocolHash;
  contractHash: number;
  /** Device clock = host clock * (1 + drift) + offset, modulo 2^32. */
  offsetUs = 0;
  drift = 0;
  mode: number = DeviceMode.disarmed;
  reason: number = DeviceReason.none;
  stopLine: number = StopLine.none;
  acknowledged = 0;
  observation: number[];
  applied: number[];
  /** STATE is sent this often; 0 for never. */
  statePeriodUs = 5000;
  stateDueUs = 0;
  readonly commands: SeenCommand[] = [];
  readonly heard: number[] = [];
  /** Sequences of all frames heard. */
  readonly sequences: number[] = [];
  readonly #decoder = new FrameDecoder();
  readonly #frame = new Uint8Array(frameBytesMax);
  readonly #view = new DataView(this.#frame.buffer);
  #sequence = 0;

  constructor(spec: Spec, stops: readonly StopRule[] = spec.action.map(() => rampToZero)) {
    this.spec = spec;
    this.stops = stops;
    this.contractHash = hashContract({ spec, stops });
    this.observation = spec.observation.map((_, i) => i / 8);
    this.applied = spec.action.map(() => 0);
  }

  /** Speaks another protocol, whose dictionary has `ours` replaced by `theirs`. */
  speakOtherwise(ours: string, theirs: string): void {
    this.dictionary = dictionary.replace(ours, theirs);
    this.protocolHash = crc32c(new TextEncoder().encode(this.dictionary));
  }

  clockUs(hostUs: number): number {
    return wrapped(Math.floor(hostUs * (1 + this.drift) + this.offsetUs));
  }

  /** Starts anew, with its clock at 0. */
  reboot(hostUs: number): void {
    this.bootId = (this.bootId + 0x1000_0001) >>> 0;
    this.offsetUs = -hostUs * (1 + this.drift);
    this.mode = DeviceMode.disarmed;
    this.reason = DeviceReason.none;
    this.acknowledged = 0;
    this.#sequence = 0;
  }

  /** Takes bytes that came at `hostUs`; gives the frames that answer them. */
  receive(bytes: Uint8Array, hostUs: number): Uint8Array[] {
    const answers: Uint8Array[] = [];
    for (const byte of bytes) {
      if (!this.#decoder.push(byte)) continue;
      const frame = this.#decoder.frame.slice(0, this.#decoder.length);
      const answer = this.#answer(new DataView(frame.buffer), hostUs);
      if (answer !== null) answers.push(answer);
    }
    return answers;
  }

  state(hostUs: number, sampledUs: number = hostUs): Uint8Array {
    const at = Layout.state;
    this.#view.setUint16(at.acknowledged, this.acknowledged, true);
    this.#view.setUint8(at.mode, this.mode);
    this.#view.setUint8(at.reason, this.reason);
    this.#view.setUint8(at.driven, this.mode === DeviceMode.armed ? this.applied.length : 0);
    this.#view.setUint8(at.stopLine, this.stopLine);
    this.#view.setUint16(at.boot, this.bootId & 0xffff, true);
    this.#view.setUint8(at.observationCount, this.observation.length);
    this.#view.setUint8(at.actionCount, this.applied.length);
    this.#view.setUint32(at.sampleUs, this.clockUs(sampledUs), true);
    this.#view.setUint32(at.txUs, this.clockUs(hostUs), true);
    const values = [...this.observation, ...this.applied];
    values.forEach((value, i) => {
      this.#view.setFloat32(at.size + 4 * i, value, true);
    });
    return this.#send(MessageType.state, at.size + 4 * values.length);
  }

  #answer(frame: DataView, hostUs: number): Uint8Array | null {
    const type = frame.getUint8(0);
    const sequence = frame.getUint16(1, true);
    this.heard.push(type);
    this.sequences.push(sequence);
    if (type === MessageType.hello) return this.#info();
    if (type === MessageType.query) {
      return this.#channel(
        frame.getUint8(Layout.query.direction),
        frame.getUint8(Layout.query.index),
      );
    }
    if (type === MessageType.sync) {
      return this.#synced(frame.getUint32(Layout.sync.token, true), hostUs);
    }
    if (type === MessageType.command) {
      const at = Layout.command;
      const count = frame.getUint8(at.count);
      this.commands.push({
        sequence,
        expiresUs: frame.getUint32(at.expiresUs, true),
        cameUs: this.clockUs(hostUs),
        values: Array.from({ length: count }, (_, i) => frame.getFloat32(at.action + 4 * i, true)),
      });
      this.acknowledged = sequence;
      return this.state(hostUs);
    }
    if (type === MessageType.askStats) return this.#stats();
    if (type === MessageType.askDictionary) {
      return this.#dictionaryFrom(frame.getUint16(Layout.askDictionary.offset, true));
    }
    return null;
  }

  #dictionaryFrom(offset: number): Uint8Array | null {
    if (this.dictionary === null) return null;
    const at = Layout.dictionary;
    const part = this.dictionary.slice(offset, offset + 200);
    this.#view.setUint16(at.offset, offset, true);
    this.#view.setUint16(at.total, this.dictionary.length, true);
    this.#view.setUint8(at.count, part.length);
    this.#text(part, at.text, at.text + part.length);
    return this.#send(MessageType.dictionary, at.size + part.length);
  }

  #stats(): Uint8Array {
    const { size, ...offsets } = Layout.stats;
    Object.values(offsets).forEach((at, i) => {
      this.#view.setUint32(at, 0xffff_ff00 + i, true);
    });
    return this.#send(MessageType.stats, size);
  }

  #info(): Uint8Array {
    const at = Layout.info;
    this.#view.setUint32(at.protocolHash, this.protocolHash, true);
    this.#view.setUint32(at.contractHash, this.contractHash, true);
    this.#view.setUint32(at.bootId, this.bootId, true);
    this.#view.setUint32(at.periodUs, this.spec.periodUs, true);
    this.#view.setUint16(at.tickHz, 1000, true);
    this.#view.setUint16(at.frameMax, 250, true);
    this.#view.setUint8(at.observationCount, this.spec.observation.length);
    this.#view.setUint8(at.actionCount, this.spec.action.length);
    this.#text("scripted", at.name, at.size);
    return this.#send(MessageType.info, at.size);
  }

  #channel(direction: number, index: number): Uint8Array | null {
    const at = Layout.channel;
    const rows: readonly Channel[] = direction === 0 ? this.spec.observation : this.spec.action;
    const row = rows[index];
    if (row === undefined) return null;
    this.#view.setUint8(at.direction, direction);
    this.#view.setUint8(at.index, index);
    const stop = direction === 0 ? rampToZero : this.stops[index];
    this.#view.setUint8(at.stop, stop.category);
    this.#view.setUint8(at.position, stop.position);
    this.#view.setFloat32(at.low, row.low, true);
    this.#view.setFloat32(at.high, row.high, true);
    this.#text(row.name, at.name, at.unit);
    this.#text(row.unit, at.unit, at.size);
    return this.#send(MessageType.channel, at.size);
  }

  #synced(token: number, hostUs: number): Uint8Array {
    const at = Layout.synced;
    this.#view.setUint32(at.token, token, true);
    this.#view.setUint32(at.bootId, this.bootId, true);
    this.#view.setUint32(at.rxUs, this.clockUs(hostUs), true);
    this.#view.setUint32(at.txUs, this.clockUs(hostUs), true);
    return this.#send(MessageType.synced, at.size);
  }

  #text(text: string, start: number, end: number): void {
    this.#frame.fill(0, start, end);
    for (let i = 0; i < text.length; i++) this.#frame[start + i] = text.charCodeAt(i);
  }

  #send(type: number, length: number): Uint8Array {
    this.#view.setUint8(0, type);
    this.#view.setUint16(1, this.#sequence++ & 0xffff, true);
    const wire = new Uint8Array(wireBytesMax);
    return wire.slice(0, encodeFrame(this.#frame, length, wire));
  }
}

interface Parcel {
  readonly dueUs: number;
  readonly toDevice: boolean;
  readonly bytes: Uint8Array;
}

const stepUs = 500;

/** A session and a device on a line whose delays and losses are functions. Time is made up. */
export class Line {
  nowUs: number;
  readonly session: Session;
  readonly device: ScriptedDevice;
  toDeviceUs: () => number = () => 300;
  toHostUs: () => number = () => 300;
  /** True where the bytes get lost. */
  loses: (toDevice: boolean, bytes: Uint8Array) => boolean = () => false;
  /** Phases in the order that they were entered. */
  readonly phases: string[] = [];
  readonly #out = new Uint8Array(Session.outBytesMin);
  #parcels: Parcel[] = [];

  constructor(
    spec: Spec,
    device: ScriptedDevice,
    stops: readonly StopRule[] | null = null,
    channels: ChannelMap = new ChannelMap(spec),
  ) {
    this.session = new Session(spec, stops, channels);
    this.device = device;
    this.nowUs = 1e9;
    this.phases.push(this.session.phase);
  }

  /** Lets `durationUs` pass. */
  run(durationUs: number): void {
    const endUs = this.nowUs + durationUs;
    while (this.nowUs < endUs) {
      this.nowUs += stepUs;
      this.#deliver();
      const { device } = this;
      if (device.statePeriodUs > 0 && this.nowUs >= device.stateDueUs) {
        device.stateDueUs = this.nowUs + device.statePeriodUs;
        this.#post(false, device.state(this.nowUs));
      }
      this.#post(true, this.#out.slice(0, this.session.poll(this.nowUs, this.#out)));
      if (this.phases.at(-1) !== this.session.phase) this.phases.push(this.session.phase);
    }
  }

  /** Runs until the session is ready; false where that takes more than `withinUs`. */
  ready(withinUs: number = 2e6): boolean {
    for (let spentUs = 0; spentUs < withinUs; spentUs += stepUs) {
      if (this.session.phase === "ready") return true;
      this.run(stepUs);
    }
    return this.session.phase === "ready";
  }

  /** Sends a command; the bytes that were encoded. */
  command(values: readonly number[], validUntilUs: number): number {
    const length = this.session.encodeCommand(
      Float32Array.from(values),
      validUntilUs,
      this.#out,
      this.nowUs,
    );
    this.#post(true, this.#out.slice(0, length));
    return length;
  }

  /** Asks the device for its counters. */
  askStats(): void {
    this.#post(true, this.#out.slice(0, this.session.encodeStatsGet(this.#out)));
  }

  /** The device's true clock less the host's, on the branch nearest to what the session says. */
  get trueOffsetUs(): number {
    const raw = this.nowUs * (1 + this.device.drift) + this.device.offsetUs - this.nowUs;
    return raw + Math.round((this.session.offsetUs - raw) / u32) * u32;
  }

  #post(toDevice: boolean, bytes: Uint8Array): void {
    if (bytes.length === 0 || this.loses(toDevice, bytes)) return;
    const delayUs = toDevice ? this.toDeviceUs() : this.toHostUs();
    this.#parcels.push({ dueUs: this.nowUs + delayUs, toDevice, bytes });
  }

  #deliver(): void {
    const due = this.#parcels.filter(({ dueUs }) => dueUs <= this.nowUs);
    this.#parcels = this.#parcels.filter(({ dueUs }) => dueUs > this.nowUs);
    due.sort((a, b) => a.dueUs - b.dueUs);
    for (const { dueUs, toDevice, bytes } of due) {
      if (!toDevice) {
        this.session.receive(bytes, bytes.length, dueUs);
        continue;
      }
      for (const answer of this.device.receive(bytes, dueUs)) {
        if (this.loses(false, answer)) continue;
        this.#parcels.push({ dueUs: dueUs + this.toHostUs(), toDevice: false, bytes: answer });
      }
    }
  }
}
