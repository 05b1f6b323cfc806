import { ChannelMap } from "../core/channel-map.ts";
import type { Spec } from "../core/spec.ts";
import { DeviceClock } from "./device-clock.ts";
import { type DeviceContract, expectedBehind, type StopRule } from "./device-contract.ts";
import { DeviceState } from "./device-state.ts";
import { type DeviceStats, makeDeviceStats, takeDeviceStats } from "./device-stats.ts";
import { FrameDecoder, wireBytesMax } from "./frame.ts";
import { Handshake } from "./handshake.ts";
import { Layout, MessageType } from "./messages.ts";
import { Requests } from "./requests.ts";
import { makeSessionCounts, type SessionCounts } from "./session-counts.ts";

/**
 * How far the handshake is: who are you, do our contracts agree, what is your clock; then `ready`,
 * or `refused` until the device starts anew. Where the protocols differ, `reading` finds out how,
 * and it is refused for good.
 */
export type Phase = "greeting" | "reading" | "checking" | "syncing" | "ready" | "refused";

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
 * Values come and go in the policy's order, whatever the device's is.
 */
export class Session {
  /** Room that `poll` and the encoders need. */
  static readonly outBytesMin: number = Handshake.outBytesMin + wireBytesMax;

  readonly counts: SessionCounts = makeSessionCounts();
  readonly #handshake: Handshake;
  readonly #channels: ChannelMap;
  readonly #low: Float32Array;
  readonly #high: Float32Array;
  readonly #clock = new DeviceClock();
  readonly #decoder = new FrameDecoder();
  readonly #in: DataView = new DataView(this.#decoder.frame.buffer);
  readonly #requests = new Requests();
  readonly #state: DeviceState;
  readonly #sentUs = new Float64Array(sentKept).fill(Number.NaN);
  readonly #stats = makeDeviceStats();
  #statsTaken = false;
  #nowUs = never;
  #dueUs = never;
  #syncsTaken = 0;
  #commandSequence = -1;
  #commandExpiresUs = 0;
  #armResult = -1;
  #armSequence = -1;
  #roundTripUs: number = Number.NaN;

  /**
   * `spec` and `stops` are what the device's contract must equal, by way of `channels`, which are
   * those of `spec`; without `stops` the device's own hold.
   */
  constructor(
    spec: Spec,
    stops: readonly StopRule[] | null = null,
    channels: ChannelMap = new ChannelMap(spec),
  ) {
    this.#handshake = new Handshake(expectedBehind(channels, stops));
    this.#channels = channels;
    this.#low = Float32Array.from(spec.action, ({ low }) => low);
    this.#high = Float32Array.from(spec.action, ({ high }) => high);
    this.#state = new DeviceState(spec.observation.length, spec.action.length);
  }

  get phase(): Phase {
    const { phase } = this.#handshake;
    if (phase !== "agreed") return phase;
    return this.#syncsTaken < syncsFirst ? "syncing" : "ready";
  }

  /** Why the device was refused, naming the channel that differs; null where it was not. */
  get refusal(): string | null {
    return this.#handshake.refusal;
  }

  /** The device's own contract, in its own names and order; null until it has told the whole. */
  get deviceContract(): DeviceContract | null {
    return this.#handshake.device;
  }

  /** Board and target, such as `rp2040-pendulum`; empty until it has answered. */
  get deviceName(): string {
    return this.#handshake.deviceName;
  }

  /** Another number after every start of the device; -1 until it has answered. */
  get bootId(): number {
    return this.#handshake.bootId;
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

  /** When the device said its newest STATE, and its mode for the first time: its raw stamps. */
  get deviceSaidUs(): number {
    return this.#state.saidUs;
  }

  get deviceModeSaidUs(): number {
    return this.#state.modeSaidUs;
  }

  /** A `StopLine`, as the newest STATE reports it; `none` before the first. */
  get deviceStopLine(): number {
    return this.#state.stopLine;
  }

  /** How many actuators the device drives; the rest are let go. */
  get deviceDriven(): number {
    return this.#state.driven;
  }

  /** What the device says that its actuators are told now. */
  get deviceApplied(): Float32Array {
    return this.#channels.applied(this.#state.applied);
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

  /** How many SYNCs were answered. */
  get syncCount(): number {
    return this.#clock.exchanges;
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

  /** Of the newest command: its sequence, -1 before the first, and its expiry, a raw stamp. */
  get commandSequence(): number {
    return this.#commandSequence;
  }

  get commandExpiresUs(): number {
    return this.#commandExpiresUs;
  }

  readObservation(into: Float32Array): void {
    this.#channels.observe(this.#state.observation, into);
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
    const { phase } = this;
    if (phase !== "syncing" && phase !== "ready") {
      return this.#handshake.poll(nowUs, this.#requests, out);
    }
    if (nowUs < this.#dueUs) return 0;
    this.#dueUs = nowUs + (phase === "syncing" ? syncWaitUs : syncPeriodUs);
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
    if (this.phase !== "ready" || !Number.isFinite(validUntilUs) || !this.#permits(action)) {
      this.counts.commandsRefused++;
      return 0;
    }
    const expiresUs = this.#clock.toDevice(validUntilUs - this.#clock.errorAt(validUntilUs));
    this.counts.commands++;
    const length = this.#requests.command(this.#channels.act(action), expiresUs, out);
    this.#commandSequence = this.#requests.sequence;
    this.#commandExpiresUs = expiresUs;
    this.#sentUs[this.#commandSequence % sentKept] = sentUs;
    return length;
  }

  /**
   * Permission to move; the first command must reach the device within 0.9 s. 0 until ready. For a
   * trial of the device's watchdog, `trial`, it drives nothing.
   */
  encodeArm(nowUs: number, out: Uint8Array, trial: boolean = false): number {
    if (this.phase !== "ready") return 0;
    const untilUs = nowUs + armWindowUs;
    const expiresUs = this.#clock.toDevice(untilUs - this.#clock.errorAt(untilUs));
    this.#armResult = -1;
    const length = this.#requests.arm(this.#handshake.contractHash, expiresUs, out, trial);
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
    this.#handshake.take(frame, length, nowUs);
    if (!this.#handshake.understood) return;
    if (type === MessageType.synced && length === Layout.synced.size) {
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

  #takeSynced(frame: DataView, nowUs: number): void {
    const at = Layout.synced;
    if (frame.getUint32(at.bootId, true) !== this.#handshake.bootId) {
      this.#restart();
      return;
    }
    const token = frame.getUint32(at.token, true);
    const rxUs = frame.getUint32(at.rxUs, true);
    const taken = this.#clock.end(token, rxUs, frame.getUint32(at.txUs, true), nowUs);
    if (!taken || this.phase !== "syncing") return;
    this.#dueUs = never;
    this.#syncsTaken++;
  }

  #takeState(frame: DataView, length: number, nowUs: number): void {
    const at = Layout.state;
    if (frame.getUint16(at.boot, true) !== (this.#handshake.bootId & 0xffff)) {
      this.#restart();
      return;
    }
    if (this.#handshake.phase !== "agreed" || !this.#state.fits(frame, length)) return;
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

  #restart(): void {
    this.counts.restarts++;
    this.#clock.clear();
    this.#syncsTaken = 0;
    this.#state.clear();
    this.#sentUs.fill(Number.NaN);
    this.#statsTaken = false;
    this.#dueUs = never;
    this.#handshake.restart();
  }
}
