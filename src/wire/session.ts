import { differenceOfSpecs, hashSpec, type Spec } from "../core/spec.ts";
import { ContractQuery, textAt } from "./contract-query.ts";
import { DeviceClock } from "./device-clock.ts";
import { DeviceState } from "./device-state.ts";
import { type DeviceStats, makeDeviceStats, takeDeviceStats } from "./device-stats.ts";
import { FrameDecoder, wireBytesMax } from "./frame.ts";
import { Layout, MessageType, protocolHash } from "./messages.ts";
import { Requests } from "./requests.ts";

/**
 * How far the handshake is: who are you, do our contracts agree, what is your clock; then `ready`,
 * or `refused` until the device starts anew.
 */
export type Phase = "greeting" | "checking" | "syncing" | "ready" | "refused";

/** What went over the wire since the session began. */
export interface SessionCounts {
  framesIn: number;
  framesBad: number;
  /** STATE frames that came after a newer one. */
  framesOld: number;
  /** Times that the device was found to have started anew. */
  restarts: number;
  commands: number;
  /** Commands not encoded: not ready, not finite, or beyond the contract's limits. */
  commandsRefused: number;
}

const repeatUs = 20_000;
const queriesAtOnce = 8;
const syncsFirst = 8;
const syncWaitUs = 50_000;
const syncPeriodUs = 250_000;
const armWindowUs = 900_000;
const sentKept = 16;
const never: number = Number.NEGATIVE_INFINITY;

/**
 * The host's end of the bridge protocol. It does no I/O and reads no clock: bytes and times
 * (microseconds of the host's monotonic clock) are passed in. Allocates nothing once `ready`.
 * Each `out` must hold `outBytesMin`; the encoders return how many bytes to send, 0 for none.
 */
export class Session {
  /** Room that `poll` and the encoders need. */
  static readonly outBytesMin: number = (queriesAtOnce + 2) * 32 + wireBytesMax;

  readonly counts: SessionCounts = {
    framesIn: 0,
    framesBad: 0,
    framesOld: 0,
    restarts: 0,
    commands: 0,
    commandsRefused: 0,
  };
  readonly #spec: Spec;
  readonly #contractHash: number;
  readonly #low: Float32Array;
  readonly #high: Float32Array;
  readonly #clock = new DeviceClock();
  readonly #decoder = new FrameDecoder();
  readonly #in: DataView = new DataView(this.#decoder.frame.buffer);
  readonly #requests = new Requests();
  readonly #state: DeviceState;
  readonly #sentUs = new Float64Array(sentKept).fill(Number.NaN);
  #phase: Phase = "greeting";
  #refusal: string | null = null;
  #deviceSpec: Spec | null = null;
  #deviceName = "";
  #query: ContractQuery | null = null;
  readonly #stats = makeDeviceStats();
  #statsTaken = false;
  #bootId = -1;
  #statedContractHash = 0;
  #nowUs = never;
  #dueUs = never;
  #syncsTaken = 0;
  #armResult = -1;
  #armSequence = -1;
  #roundTripUs: number = Number.NaN;

  /** `spec` is what the device's contract must equal. */
  constructor(spec: Spec) {
    this.#spec = spec;
    this.#contractHash = hashSpec(spec);
    this.#low = Float32Array.from(spec.action, ({ low }) => low);
    this.#high = Float32Array.from(spec.action, ({ high }) => high);
    this.#state = new DeviceState(spec.observation.length, spec.action.length);
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** Why the device was refused, naming the channel that differs; null where it was not. */
  get refusal(): string | null {
    return this.#refusal;
  }

  /** The device's own contract; null until it has told the whole. */
  get deviceSpec(): Spec | null {
    return this.#deviceSpec;
  }

  /** Board and target, such as `rp2040-pendulum`; empty until it has answered. */
  get deviceName(): string {
    return this.#deviceName;
  }

  /** Another number after every start of the device; -1 until it has answered. */
  get bootId(): number {
    return this.#bootId;
  }

  /** The newest STATS that was asked for; overwritten by the next, null before the first. */
  get stats(): DeviceStats | null {
    return this.#statsTaken ? this.#stats : null;
  }

  /** A `DeviceMode`, as the newest STATE reports it. */
  get deviceMode(): number {
    return this.#state.mode;
  }

  /** A `DeviceReason`, as the newest STATE reports it. */
  get deviceReason(): number {
    return this.#state.reason;
  }

  /** What the device says that its actuators are told now. */
  get deviceApplied(): Float32Array {
    return this.#state.applied;
  }

  /** The `Result` of the newest ARM; -1 until it is answered. */
  get armResult(): number {
    return this.#armResult;
  }

  /** Host time at which the newest observation was sampled; -Infinity before the first. */
  get sampledUs(): number {
    return this.#state.sampledUs;
  }

  /** Device clock minus host clock; NaN before the first exchange. */
  get offsetUs(): number {
    return this.#clock.offsetUs;
  }

  /** The true offset was within this of `offsetUs` at the newest exchange. */
  get offsetErrorUs(): number {
    return this.#clock.offsetErrorUs;
  }

  /** Round trip of the newest SYNC; NaN before the first. */
  get syncRoundTripUs(): number {
    return this.#clock.roundTripUs;
  }

  /** From the newest acknowledged command to its acknowledgement; NaN before the first. */
  get roundTripUs(): number {
    return this.#roundTripUs;
  }

  /** Sequence of the command that the device last accepted; -1 before. */
  get acknowledged(): number {
    return this.#state.acknowledged;
  }

  readObservation(into: Float32Array): void {
    into.set(this.#state.observation);
  }

  /** Takes `bytes[0, length)`, which arrived at `nowUs`. */
  receive(bytes: Uint8Array, length: number, nowUs: number): void {
    this.#nowUs = nowUs;
    for (let at = 0; at < length; at++) {
      if (this.#decoder.push(bytes[at])) this.#take(nowUs);
    }
    this.counts.framesIn = this.#decoder.good;
    this.counts.framesBad = this.#decoder.bad;
  }

  /**
   * Writes what the session itself wants to send now: HELLO every 20 ms until answered, then
   * queries, then clock exchanges: a burst at first, later four a second.
   */
  poll(nowUs: number, out: Uint8Array): number {
    this.#nowUs = nowUs;
    if (this.#phase === "refused" || nowUs < this.#dueUs) return 0;
    if (this.#phase === "greeting") {
      this.#dueUs = nowUs + repeatUs;
      // The delimiter ends whatever the line held before us.
      out[0] = 0;
      return this.#requests.hello(out, 1);
    }
    if (this.#phase === "checking") {
      this.#dueUs = nowUs + repeatUs;
      let length = 0;
      for (const { direction, index } of this.#query!.missing().slice(0, queriesAtOnce)) {
        length = this.#requests.query(direction, index, out, length);
      }
      return length;
    }
    this.#dueUs = nowUs + (this.#phase === "syncing" ? syncWaitUs : syncPeriodUs);
    return this.#requests.sync(this.#clock.begin(nowUs), out);
  }

  /**
   * A command that the device drops once `validUntilUs` is past: the offset's error is taken off,
   * so that it cannot outlive that time. 0 where the session is not ready or a value is not finite
   * or beyond the contract's limits. `sentUs` sharpens `roundTripUs`; it defaults to the newest
   * time the session was told.
   */
  encodeCommand(
    action: Float32Array,
    validUntilUs: number,
    out: Uint8Array,
    sentUs: number = this.#nowUs,
  ): number {
    if (this.#phase !== "ready" || !Number.isFinite(validUntilUs) || !this.#permits(action)) {
      this.counts.commandsRefused++;
      return 0;
    }
    const expiresUs = this.#clock.toDevice(validUntilUs - this.#clock.errorAt(validUntilUs));
    this.counts.commands++;
    const length = this.#requests.command(action, expiresUs, out);
    this.#sentUs[this.#requests.sequence % sentKept] = sentUs;
    return length;
  }

  /** Permission to move; the first command must reach the device within 0.9 s. 0 until ready. */
  encodeArm(nowUs: number, out: Uint8Array): number {
    if (this.#phase !== "ready") return 0;
    const untilUs = nowUs + armWindowUs;
    const expiresUs = this.#clock.toDevice(untilUs - this.#clock.errorAt(untilUs));
    this.#armResult = -1;
    const length = this.#requests.arm(this.#contractHash, expiresUs, out);
    this.#armSequence = this.#requests.sequence;
    return length;
  }

  /** Stop and latch, for a `DeviceReason`. Encoded in every phase. */
  encodeStop(reason: number, out: Uint8Array): number {
    return this.#requests.stop(reason, out);
  }

  /** Leave `stopped` for `disarmed`. */
  encodeReset(out: Uint8Array): number {
    return this.#requests.reset(out);
  }

  /** How often STATE comes unasked: 0 (only after a command) or 1,000 to 1,000,000 us. */
  encodeConfigure(statePeriodUs: number, out: Uint8Array): number {
    return this.#requests.configure(statePeriodUs, out);
  }

  /** Asks for the device's counters; they come as `stats`. */
  encodeStatsGet(out: Uint8Array): number {
    return this.#requests.askStats(out);
  }

  #permits(action: Float32Array): boolean {
    for (let i = 0; i < this.#low.length; i++) {
      // Written so that NaN fails it.
      if (!(action[i] >= this.#low[i] && action[i] <= this.#high[i])) return false;
    }
    return action.length === this.#low.length;
  }

  #take(nowUs: number): void {
    const frame = this.#in;
    const { length } = this.#decoder;
    const type = frame.getUint8(0);
    if (type === MessageType.info && length === Layout.info.size) {
      this.#takeInfo(frame);
    } else if (type === MessageType.channel && length === Layout.channel.size) {
      this.#takeChannel(frame);
    } else if (type === MessageType.synced && length === Layout.synced.size) {
      this.#takeSynced(frame, nowUs);
    } else if (type === MessageType.state && length >= Layout.state.size) {
      this.#takeState(frame, length, nowUs);
    } else if (type === MessageType.answer && length === Layout.answer.size) {
      this.#takeAnswer(frame);
    } else if (type === MessageType.stats && length === Layout.stats.size) {
      takeDeviceStats(frame, this.#stats);
      this.#statsTaken = true;
    }
  }

  #takeAnswer(frame: DataView): void {
    const at = Layout.answer;
    const toArm = frame.getUint8(at.request) === MessageType.arm;
    if (toArm && frame.getUint16(at.sequence, true) === this.#armSequence) {
      this.#armResult = frame.getUint8(at.result);
    }
  }

  #takeInfo(frame: DataView): void {
    if (this.#phase !== "greeting") return;
    const at = Layout.info;
    this.#deviceName = textAt(frame, at.name, at.size);
    this.#bootId = frame.getUint32(at.bootId, true);
    const protocol = frame.getUint32(at.protocolHash, true);
    if (protocol !== protocolHash) {
      const [ours, theirs] = [protocolHash, protocol].map((hash) => hash.toString(16));
      this.#refuse(`protocol: host has ${ours}, ${this.#deviceName} has ${theirs}`);
      return;
    }
    this.#statedContractHash = frame.getUint32(at.contractHash, true);
    this.#query = new ContractQuery(
      frame.getUint32(at.periodUs, true),
      frame.getUint8(at.observationCount),
      frame.getUint8(at.actionCount),
    );
    this.#enter("checking");
    // A device without channels has told all already.
    this.#judge();
  }

  #takeChannel(frame: DataView): void {
    if (this.#phase !== "checking") return;
    this.#query!.take(frame);
    this.#judge();
  }

  #judge(): void {
    const spec = this.#query!.spec();
    if (spec === null) {
      this.#dueUs = Math.min(this.#dueUs, this.#nowUs + repeatUs / 10);
      return;
    }
    this.#deviceSpec = spec;
    const difference = differenceOfSpecs(this.#spec, spec);
    if (difference !== null) this.#refuse(`${this.#deviceName}: ${difference}`);
    else if (this.#statedContractHash !== this.#contractHash) {
      this.#refuse(`${this.#deviceName}: its contract hash does not fit its channels`);
    } else this.#enter("syncing");
  }

  #takeSynced(frame: DataView, nowUs: number): void {
    const at = Layout.synced;
    if (this.#phase === "greeting") return;
    if (frame.getUint32(at.bootId, true) !== this.#bootId) {
      this.#restart();
      return;
    }
    const token = frame.getUint32(at.token, true);
    const rxUs = frame.getUint32(at.rxUs, true);
    const taken = this.#clock.end(token, rxUs, frame.getUint32(at.txUs, true), nowUs);
    if (!taken || this.#phase !== "syncing") return;
    this.#dueUs = never;
    if (++this.#syncsTaken >= syncsFirst) this.#enter("ready");
  }

  #takeState(frame: DataView, length: number, nowUs: number): void {
    const at = Layout.state;
    if (this.#phase === "greeting") return;
    if (frame.getUint16(at.boot, true) !== (this.#bootId & 0xffff)) {
      this.#restart();
      return;
    }
    const agreed = this.#phase === "syncing" || this.#phase === "ready";
    if (!agreed || !this.#state.fits(frame, length)) return;
    const before = this.#state.acknowledged;
    if (!this.#state.take(frame, this.#clock, nowUs)) this.counts.framesOld++;
    else if (this.#state.acknowledged !== before) this.#timeTrip(nowUs);
  }

  #timeTrip(nowUs: number): void {
    const at = this.#state.acknowledged % sentKept;
    const sentUs = this.#sentUs[at];
    this.#sentUs[at] = Number.NaN;
    if (!Number.isNaN(sentUs)) this.#roundTripUs = nowUs - sentUs;
  }

  #enter(phase: Phase): void {
    this.#phase = phase;
    this.#dueUs = never;
  }

  #refuse(why: string): void {
    this.#refusal = why;
    this.#enter("refused");
  }

  #restart(): void {
    this.counts.restarts++;
    this.#clock.clear();
    this.#refusal = null;
    this.#query = null;
    this.#deviceSpec = null;
    this.#syncsTaken = 0;
    this.#state.clear();
    this.#sentUs.fill(Number.NaN);
    this.#statsTaken = false;
    this.#enter("greeting");
  }
}
