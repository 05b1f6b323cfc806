import type { Spec } from "../../src/core/spec.ts";
import type { Port } from "../../src/link/port.ts";
import { hashContract, noPosition, rampingToZero } from "../../src/wire/device-contract.ts";
import { encodeFrame, FrameDecoder, frameBytesMax, wireBytesMax } from "../../src/wire/frame.ts";
import {
  DeviceMode,
  DeviceReason,
  Layout,
  MessageType,
  protocolHash,
  Result,
  StopLine,
} from "../../src/wire/messages.ts";

/**
 * The device's end of the protocol in few lines, for tests that need no chip: it obeys commands
 * that are fresh, stops when they run out, and latches. Call `turn` often. Its clock is the host's
 * plus `clockOffsetUs`.
 */
export class DeskDevice {
  readonly observation: Float32Array;
  readonly applied: Float32Array;
  mode: number = DeviceMode.disarmed;
  reason: number = DeviceReason.none;
  stopLine: number = StopLine.none;
  /** Commands accepted and refused. */
  accepted = 0;
  refused = 0;
  /** So much too late its watchdog trips. */
  tripLateUs = 0;
  /** What it does wrong in a trial: it drives, arms, takes no command, or leaves it by itself. */
  onTrial: "nothing" | "drives" | "arms" | "deaf" | "loose" = "nothing";
  /** It says nothing, but takes in what comes. */
  mute = false;
  /** Its clock stands still. */
  holdClock = false;
  framesIn = 0;
  /** ARMs that came, whatever became of them. */
  armsAsked = 0;
  /** A silent device takes in nothing and says nothing. */
  silent = false;
  clockOffsetUs = 123_456_789_012;
  bootId = 0x1234_5678;
  readonly #spec: Spec;
  readonly #port: Port;
  readonly #decoder = new FrameDecoder();
  readonly #in = new DataView(this.#decoder.frame.buffer);
  readonly #frame = new Uint8Array(frameBytesMax);
  readonly #view = new DataView(this.#frame.buffer);
  readonly #bytes = new Uint8Array(4096);
  readonly #out = new Uint8Array(wireBytesMax);
  #sequence = 0;
  #acknowledged = 0;
  #expiresUs = 0;
  #unused = false;
  #stateDueUs = 0;
  #heldUs = 0;

  constructor(spec: Spec, port: Port) {
    this.#spec = spec;
    this.#port = port;
    this.observation = new Float32Array(spec.observation.length);
    this.applied = new Float32Array(spec.action.length);
  }

  /** Frames that were broken on the way here. */
  get broken(): number {
    return this.#decoder.bad;
  }

  /** It takes commands, if only for a trial. */
  get #live(): boolean {
    return this.mode === DeviceMode.armed || this.mode === DeviceMode.trial;
  }

  turn(hostUs: number): void {
    const movesUs = Math.floor(hostUs + this.clockOffsetUs) % 2 ** 32;
    const nowUs = this.holdClock ? this.#heldUs : movesUs;
    this.#heldUs = nowUs;
    if (this.silent) return;
    const length = this.#port.read(this.#bytes);
    for (let at = 0; at < length; at++) {
      if (this.#decoder.push(this.#bytes[at])) this.#take(nowUs);
    }
    if (this.#live && ((this.#expiresUs + this.tripLateUs - nowUs) | 0) < 0) {
      if (this.mode === DeviceMode.trial && this.onTrial === "loose") {
        this.mode = DeviceMode.disarmed;
      } else this.#stop(DeviceReason.expired);
    }
    if (hostUs < this.#stateDueUs) return;
    this.#stateDueUs = hostUs + 5000;
    this.#sendState(nowUs);
  }

  /** The switch of its stop line is pressed. */
  openStopLine(): void {
    this.stopLine = StopLine.open;
    if (this.#live) this.#stop(DeviceReason.stopLine);
  }

  #stop(reason: number): void {
    this.mode = DeviceMode.stopped;
    this.reason = reason;
    this.applied.fill(0);
  }

  #take(nowUs: number): void {
    this.framesIn++;
    const type = this.#in.getUint8(0);
    if (type === MessageType.hello) this.#sendInfo();
    else if (type === MessageType.query) this.#sendChannel();
    else if (type === MessageType.sync) this.#sendSynced(nowUs);
    else if (type === MessageType.arm) this.#answer(this.#arm(nowUs));
    else if (type === MessageType.command) this.#command(nowUs);
    else if (type === MessageType.stop) {
      this.#stop(this.#in.getUint8(Layout.stop.reason));
    } else if (type === MessageType.reset && this.mode === DeviceMode.stopped) {
      if (this.stopLine === StopLine.open) return;
      this.mode = DeviceMode.disarmed;
      this.reason = DeviceReason.none;
    }
  }

  #arm(nowUs: number): number {
    this.armsAsked++;
    if (this.stopLine === StopLine.open) return Result.stopLine;
    const trial = this.#in.getUint8(Layout.arm.trial) !== 0;
    const mode = trial ? DeviceMode.trial : DeviceMode.armed;
    const again = this.mode === mode && this.#unused;
    if (this.mode !== DeviceMode.disarmed && !again) return Result.mustReset;
    if (
      this.#in.getUint32(Layout.arm.contractHash, true) !== hashContract(rampingToZero(this.#spec))
    ) {
      return Result.wrongContract;
    }
    const expiresUs = this.#in.getUint32(Layout.arm.expiresUs, true);
    if (((expiresUs - nowUs) | 0) <= 0) return Result.expired;
    this.mode = trial && this.onTrial === "arms" ? DeviceMode.armed : mode;
    this.#unused = true;
    this.#acknowledged = this.#in.getUint16(1, true);
    this.#expiresUs = expiresUs;
    return Result.accepted;
  }

  #command(nowUs: number): void {
    const expiresUs = this.#in.getUint32(Layout.command.expiresUs, true);
    const sequence = this.#in.getUint16(1, true);
    const ahead = (sequence - this.#acknowledged) & 0xffff;
    const old = ahead === 0 || ahead >= 0x8000;
    const deaf = this.mode === DeviceMode.trial && this.onTrial === "deaf";
    if (!this.#live || deaf || old || ((expiresUs - nowUs) | 0) <= 0) {
      this.refused++;
      return;
    }
    this.#unused = false;
    this.#expiresUs = expiresUs;
    this.#acknowledged = sequence;
    if (this.mode === DeviceMode.trial) {
      this.#sendState(nowUs);
      return;
    }
    this.accepted++;
    for (let at = 0; at < this.applied.length; at++) {
      this.applied[at] = this.#in.getFloat32(Layout.command.action + 4 * at, true);
    }
    this.#sendState(nowUs);
  }

  #sendInfo(): void {
    const at = Layout.info;
    this.#frame.fill(0, 0, at.size);
    this.#view.setUint32(at.protocolHash, protocolHash, true);
    this.#view.setUint32(at.contractHash, hashContract(rampingToZero(this.#spec)), true);
    this.#view.setUint32(at.bootId, this.bootId, true);
    this.#view.setUint32(at.periodUs, this.#spec.periodUs, true);
    this.#view.setUint8(at.observationCount, this.#spec.observation.length);
    this.#view.setUint8(at.actionCount, this.#spec.action.length);
    this.#text("desk", at.name);
    this.#send(MessageType.info, at.size);
  }

  #sendChannel(): void {
    const at = Layout.channel;
    const direction = this.#in.getUint8(Layout.query.direction);
    const index = this.#in.getUint8(Layout.query.index);
    const channel = [this.#spec.observation, this.#spec.action][direction][index];
    this.#frame.fill(0, 0, at.size);
    this.#view.setUint8(at.direction, direction);
    this.#view.setUint8(at.index, index);
    this.#view.setUint8(at.position, noPosition);
    this.#view.setFloat32(at.low, channel.low, true);
    this.#view.setFloat32(at.high, channel.high, true);
    this.#text(channel.name, at.name);
    this.#text(channel.unit, at.unit);
    this.#send(MessageType.channel, at.size);
  }

  #sendSynced(nowUs: number): void {
    const at = Layout.synced;
    this.#view.setUint32(at.token, this.#in.getUint32(Layout.sync.token, true), true);
    this.#view.setUint32(at.bootId, this.bootId, true);
    this.#view.setUint32(at.rxUs, nowUs, true);
    this.#view.setUint32(at.txUs, nowUs, true);
    this.#send(MessageType.synced, at.size);
  }

  #sendState(nowUs: number): void {
    const at = Layout.state;
    this.#view.setUint16(at.acknowledged, this.#acknowledged, true);
    this.#view.setUint8(at.mode, this.mode);
    this.#view.setUint8(at.reason, this.reason);
    this.#view.setUint8(at.stopLine, this.stopLine);
    const drives = this.mode === DeviceMode.trial && this.onTrial === "drives";
    const driven = drives || this.mode === DeviceMode.armed ? this.applied.length : 0;
    this.#view.setUint8(at.driven, driven);
    this.#view.setUint16(at.boot, this.bootId & 0xffff, true);
    this.#view.setUint8(at.observationCount, this.observation.length);
    this.#view.setUint8(at.actionCount, this.applied.length);
    this.#view.setUint32(at.sampleUs, nowUs, true);
    this.#view.setUint32(at.txUs, nowUs, true);
    let offset: number = at.size;
    for (const value of [...this.observation, ...this.applied]) {
      this.#view.setFloat32(offset, value, true);
      offset += 4;
    }
    this.#send(MessageType.state, offset);
  }

  #answer(result: number): void {
    const at = Layout.answer;
    this.#view.setUint8(at.request, this.#in.getUint8(0));
    this.#view.setUint8(at.result, result);
    this.#view.setUint16(at.sequence, this.#in.getUint16(1, true), true);
    this.#send(MessageType.answer, at.size);
  }

  #text(text: string, at: number): void {
    for (let i = 0; i < text.length; i++) this.#frame[at + i] = text.charCodeAt(i);
  }

  #send(type: number, length: number): void {
    if (this.mute) return;
    this.#sequence = (this.#sequence + 1) & 0xffff;
    this.#view.setUint8(0, type);
    this.#view.setUint16(1, this.#sequence, true);
    this.#port.write(this.#out, encodeFrame(this.#frame, length, this.#out));
  }
}
