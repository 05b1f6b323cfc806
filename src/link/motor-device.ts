import type { Clock } from "../core/clock.ts";
import type { Spec } from "../core/spec.ts";
import { DeviceMode, DeviceReason } from "../wire/messages.ts";
import type { Phase } from "../wire/session.ts";
import type { RobotDevice, StopReason } from "./device.ts";
import { DriverMode } from "./driver-mode.ts";
import type { MotorJoint } from "./motor-joints.ts";
import { type MotorLine, Order, Seen } from "./motor-line.ts";
import { MotorObstacle } from "./motor-obstacle.ts";

/** So many cycles in a row may pass without an answer from every drive. */
const failuresMax = 5;
/** From seeing where the motors are to giving them power there. */
const armWithinUs = 60_000;
/** How long drives may take from being given power to following orders. */
const powerWithinUs = 60_000;
/** Slower than this a joint is at rest, rad/s. */
const restSpeed = 0.05;
const repeatUs = 20_000;

/**
 * Motor drives that have firmware of their own and none of ours. Nothing behind this program judges
 * an order, so: a position's goal moves by a bounded step from the last one sent; velocity and
 * effort only with a drive's own watchdog, which its line has seen expire; power only by arming, at
 * the place where the motors are; an order only in a cycle in which each was seen to follow them.
 */
export class MotorDevice extends DriverMode implements RobotDevice {
  readonly spec: Spec;
  droppedCount = 0;
  failedReads = 0;
  roundTripUs: number = Number.NaN;
  readonly #joints: readonly MotorJoint[];
  readonly #line: MotorLine;
  readonly #clock: Pick<Clock, "now">;
  readonly #observation: Float32Array;
  /** What each motor does while it is armed. */
  readonly #orders: Uint8Array;
  /** What was sent last, and what is to be sent, as the drives take it. */
  readonly #sent: Float64Array;
  readonly #next: Float64Array;
  /** What each motor does in a stop; `position` where it holds the place in `#next`. */
  readonly #rest: Uint8Array;
  readonly #place: Float64Array;
  /** 1 where a drive has followed orders since it was armed, as far as can be known. */
  readonly #trusted: Uint8Array;
  readonly #answeredUs: Float64Array;
  readonly #watchdogUs: number;
  readonly #obstacle: MotorObstacle;
  #ready = false;
  #sampledUs: number = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #repeatAtUs: number = Number.NEGATIVE_INFINITY;

  /** `watchdogUs` is null where the drives do not watch. */
  constructor(
    spec: Spec,
    joints: readonly MotorJoint[],
    line: MotorLine,
    watchdogUs: number | null,
    clock: Pick<Clock, "now">,
  ) {
    super();
    this.spec = spec;
    this.#joints = joints;
    this.#line = line;
    this.#clock = clock;
    this.#observation = new Float32Array(spec.observation.length);
    this.#orders = Uint8Array.from(joints, ({ order }) => order);
    this.#sent = new Float64Array(joints.length);
    this.#next = new Float64Array(joints.length);
    this.#rest = new Uint8Array(joints.length);
    this.#place = new Float64Array(joints.length);
    this.#trusted = new Uint8Array(joints.length);
    this.#answeredUs = new Float64Array(joints.length);
    this.#watchdogUs = watchdogUs ?? Number.POSITIVE_INFINITY;
    this.#obstacle = new MotorObstacle(line, joints);
  }

  get lost(): boolean {
    return this.#line.lost;
  }

  get phase(): Phase {
    if (this.refusal !== null) return "refused";
    return this.#ready ? "ready" : "greeting";
  }

  get refusal(): string | null {
    return this.#line.greeting.refusal;
  }

  get silence(): string {
    return this.#line.greeting.silence;
  }

  /** What was in the way of the newest arming; empty where nothing was. */
  get why(): string {
    return this.refusal ?? this.#obstacle.text;
  }

  poll(nowUs: number): void {
    if (this.#greets) {
      this.#greet();
      return;
    }
    if (this.resetting && this.stopped) this.#leaveStop();
    if (this.armed || nowUs < this.#repeatAtUs) return;
    if (!this.stopping && !this.#anyDriven()) return;
    this.#look(nowUs);
    this.#keepStopped(nowUs);
  }

  read(observation: Float32Array, nowUs: number): number {
    if (this.#ready) this.#look(nowUs);
    // In each cycle, as a watchdog may bear three of them only.
    if (this.#ready && !this.armed && !this.#greets) this.#keepStopped(nowUs);
    observation.set(this.#observation);
    return this.#failures > failuresMax ? Number.POSITIVE_INFINITY : nowUs - this.#sampledUs;
  }

  write(action: Float32Array, validUntilUs: number): boolean {
    if (!this.armed) return false;
    // A drive that started anew since it was seen might take an order for the wish to be powered.
    const seen = this.#failures === 0;
    const inTime = this.#clock.now() <= validUntilUs;
    if (!seen || !inTime || !this.#aim(action) || !this.#line.command(this.#orders, this.#next)) {
      this.droppedCount++;
      return false;
    }
    this.#sent.set(this.#next);
    return true;
  }

  /**
   * Before there is power the drives have orders to stay where they are, and say so; after it each
   * is seen to follow them.
   */
  arm(nowUs: number): void {
    if (!this.disarmed || this.phase !== "ready" || this.#greets) return;
    const obstacle = this.#obstacle;
    if (obstacle.unproven()) {
      this.#line.greeting.prove();
      return;
    }
    this.#look(nowUs);
    if (obstacle.silent() || obstacle.ill()) return;
    for (let at = 0; at < this.#joints.length; at++) {
      this.#place[at] = this.#line.turns[at];
      this.#next[at] = this.#orders[at] === Order.position ? this.#place[at] : 0;
    }
    if (!this.#line.prepare(this.#orders, this.#next)) {
      obstacle.unprepared();
      return;
    }
    this.#look(nowUs);
    if (obstacle.silent() || obstacle.ill() || obstacle.moved(this.#place)) return;
    if (this.#clock.now() - nowUs > armWithinUs) {
      obstacle.late();
      return;
    }
    this.#sent.set(this.#next);
    if (this.#line.power(this.#orders, this.#next) && this.#follow(nowUs)) {
      this.mode = DeviceMode.armed;
      this.reason = DeviceReason.none;
      this.#trusted.fill(1);
      obstacle.clear();
    } else {
      obstacle.unfollowed();
      // Also what an earlier stop held: it is not known what it follows now.
      this.#letGo();
      this.#line.command(this.#rest, this.#next);
    }
  }

  stop(reason: StopReason): void {
    this.resetting = false;
    this.#line.greeting.cancel();
    if (!this.stopping && !this.stopped) this.#stop(reason);
  }

  close(): void {
    this.#line.close();
  }

  wait(timeoutUs: number): void {
    this.#line.wait(timeoutUs);
  }

  /** It makes sure of the drives, also once more where some were found stopped. */
  get #greets(): boolean {
    const { done, refusal } = this.#line.greeting;
    return !done && !(this.#ready && refusal !== null);
  }

  #greet(): void {
    const { greeting } = this.#line;
    greeting.poll();
    const first = !this.#ready && greeting.done;
    if (first) this.#ready = true;
    if (!first || !greeting.latched) return;
    // What stopped in an earlier run is a stop that nobody has left.
    this.mode = DeviceMode.stopped;
    this.reason = DeviceReason.expired;
  }

  /** Where the motors are now. Where one does not tell, all that was known stays, and grows old. */
  #look(nowUs: number): boolean {
    const startUs = this.#clock.now();
    let whole = this.#line.look();
    // One number may be wrong under a sum that is right, and to let go is no small thing.
    if (this.#anyFar()) whole = this.#line.look();
    this.#failures = whole ? 0 : this.#failures + 1;
    if (!whole) this.failedReads++;
    for (let at = 0; at < this.#joints.length; at++) {
      if (this.#line.fresh[at] === 0) continue;
      // What lost its power is not given it again unasked.
      if (!this.#isTheSame(at, startUs)) {
        this.#rest[at] = Order.off;
        this.#trusted[at] = 0;
      }
      this.#answeredUs[at] = startUs;
    }
    if (this.armed && this.#trusted.includes(0)) this.#stop(this.#whyNotDriven());
    if (!whole) return false;
    this.roundTripUs = this.#clock.now() - startUs;
    // What a drive that reports an error tells of its motor may be anything.
    if (!this.#line.seen.includes(Seen.failed)) this.#observe(nowUs);
    return true;
  }

  #observe(nowUs: number): void {
    this.#sampledUs = nowUs;
    const { speeds, turns } = this.#line;
    for (let at = 0; at < this.#joints.length; at++) {
      const { motor, positionAt, velocityAt, turnsPerRad } = this.#joints[at];
      if (positionAt >= 0) {
        this.#observation[positionAt] = (turns[at] - motor.zeroTurns) / turnsPerRad;
      }
      if (velocityAt >= 0) this.#observation[velocityAt] = speeds[at] / turnsPerRad;
    }
  }

  /**
   * Whether the drive follows its orders and is the one that it was. A drive that started anew may
   * come back with power by itself, and with other turns: it was silent for longer than its
   * watchdog bears, or is further from its goal than any is.
   */
  #isTheSame(at: number, nowUs: number): boolean {
    if (this.#line.seen[at] !== Seen.driven) return false;
    if (nowUs - this.#answeredUs[at] > this.#watchdogUs) return false;
    return !this.#isFar(at);
  }

  #anyFar(): boolean {
    for (let at = 0; at < this.#joints.length; at++) if (this.#isFar(at)) return true;
    return false;
  }

  #isFar(at: number): boolean {
    const { fresh, seen, turns } = this.#line;
    if (fresh[at] === 0 || seen[at] !== Seen.driven) return false;
    const order = this.armed ? this.#orders[at] : this.#rest[at];
    const goal = this.armed ? this.#sent[at] : this.#next[at];
    const away = Math.abs(turns[at] - goal);
    return order === Order.position && away > 2 * this.#joints[at].leadTurns;
  }

  #letGo(): void {
    this.#rest.fill(Order.off);
    this.#trusted.fill(0);
  }

  #whyNotDriven(): number {
    const { expired, seen } = this.#line;
    for (let at = 0; at < seen.length; at++) {
      if (seen[at] !== Seen.driven && expired[at] === 1) return DeviceReason.expired;
    }
    return DeviceReason.fault;
  }

  /** Waits until all drives follow their orders. */
  #follow(nowUs: number): boolean {
    const untilUs = this.#clock.now() + powerWithinUs;
    while (this.#clock.now() <= untilUs && !this.lost) {
      const { seen } = this.#line;
      if (this.#look(nowUs) && !this.#obstacle.unfollowed()) return true;
      if (this.#failures === 0 && seen.includes(Seen.failed)) return false;
      this.#line.wait(1000);
    }
    return false;
  }

  /** The next orders; false where `action` is beyond the contract. */
  #aim(action: Float32Array): boolean {
    for (let at = 0; at < this.#joints.length; at++) {
      const { motor, order, perUnit, stepTurns, leadTurns, actionAt } = this.#joints[at];
      const { low, high } = this.spec.action[actionAt];
      const value = action[actionAt];
      // Written so that NaN fails it.
      const permitted = value >= Math.fround(low) && value <= Math.fround(high);
      if (!permitted) return false;
      if (order === Order.position) {
        const wanted = motor.zeroTurns + value * perUnit;
        const way = around(wanted, this.#line.turns[at], leadTurns) - this.#sent[at];
        this.#next[at] = this.#sent[at] + around(way, 0, stepTurns);
      } else {
        this.#next[at] = value * perUnit;
      }
    }
    return true;
  }

  /** What follows orders holds its place, where it is to; all else is let go. */
  #stop(reason: number): void {
    this.reason = reason;
    this.mode = DeviceMode.stopping;
    const { fresh, turns } = this.#line;
    for (let at = 0; at < this.#joints.length; at++) {
      const { holds, leadTurns } = this.#joints[at];
      const held = holds && this.#trusted[at] === 1;
      this.#rest[at] = held ? Order.position : Order.off;
      // No further than a goal ever is from it: one reading may be wrong.
      const place = fresh[at] === 1 ? turns[at] : this.#sent[at];
      this.#next[at] = held ? around(place, this.#sent[at], 2 * leadTurns) : 0;
    }
    this.#line.command(this.#rest, this.#next);
    this.#repeatAtUs = Number.NEGATIVE_INFINITY;
    if (!this.#anyDriven()) this.mode = DeviceMode.stopped;
  }

  /**
   * After a look: says again what a stop said, as long as a motor has power: until it has none, or
   * for ever where it holds, since its watchdog wants to be told. What was given power by anybody
   * else is let go. To let go is said whatever was heard, as it gives no power.
   */
  #keepStopped(nowUs: number): void {
    this.#repeatAtUs = nowUs + repeatUs;
    if (this.#anyDriven()) this.#line.command(this.#rest, this.#next);
    if (this.stopping && this.#failures === 0 && this.#resting()) this.mode = DeviceMode.stopped;
  }

  #anyDriven(): boolean {
    const { seen } = this.#line;
    for (let at = 0; at < seen.length; at++) {
      if (seen[at] === Seen.driven || seen[at] === Seen.busy) return true;
    }
    return false;
  }

  /** Each motor has no power, or holds and does not move. */
  #resting(): boolean {
    const { seen, speeds } = this.#line;
    for (let at = 0; at < seen.length; at++) {
      if (seen[at] === Seen.busy) return false;
      if (seen[at] !== Seen.driven) continue;
      const restTurns = restSpeed * Math.abs(this.#joints[at].turnsPerRad);
      if (this.#rest[at] !== Order.position || !(Math.abs(speeds[at]) <= restTurns)) return false;
    }
    return true;
  }

  #leaveStop(): void {
    this.resetting = false;
    this.mode = DeviceMode.disarmed;
    this.reason = DeviceReason.none;
  }
}

/** `value`, or what is nearest to it within `reach` of `middle`. */
function around(value: number, middle: number, reach: number): number {
  return Math.min(middle + reach, Math.max(middle - reach, value));
}
