import { setTimeout as delay } from "node:timers/promises";
import { monotonicClock } from "../core/clock.ts";
import { controlSpecOf, type Pace } from "../core/decimation.ts";
import { aboutPolicy, SinewError } from "../core/errors.ts";
import type { Spec } from "../core/spec.ts";
import { isDriving, Mode } from "../core/step.ts";
import { nameOfDeviceMode, nameOfStopLine } from "../link/device.ts";
import { checkLink, type Link, openLink, type Protection, protectionOf } from "../link/link.ts";
import type { LogEvent, PolicyEvent } from "../log/event.ts";
import { type Log, openLog } from "../log/log.ts";
import { type LogCounts, RingSpectator } from "../log/ring.ts";
import { readPolicyFileAt } from "../policy/file.ts";
import { deviceSpecOf } from "../policy/history-policy.ts";
import type { Signed } from "../policy/signature.ts";
import type { Limits } from "../safety/limits.ts";
import type { Transition } from "../safety/supervisor.ts";
import { ControlThread } from "./control-thread.ts";
import type { Percentiles } from "./histogram.ts";
import { Holds } from "./holds.ts";
import type { SwapChoice } from "./lineup.ts";
import { armWithinUs } from "./loop.ts";
import { Members, signedBy } from "./members.ts";
import type { RealTime } from "./real-time.ts";
import { commandTtlUs, limitsOfRobot, ofRobotFile, type Robot, swapOfRobot } from "./robot.ts";
import { channelsOfRobot } from "./robot-channels.ts";
import { decimationOfRobot } from "./robot-control.ts";
import { holdOfRobot, holdTermsOf } from "./robot-hold.ts";
import { checkJointsGiven } from "./robot-joints.ts";
import { countsOf, type RunCounts, timesOf } from "./run-counts.ts";
import { metadataOfRun } from "./run-metadata.ts";
import { Setpoints } from "./setpoints.ts";
import { furthestOf, situationOf } from "./situation.ts";
import { Start } from "./start.ts";
import { Count, type Measure, Request, State, Status, statusBytes } from "./status.ts";
import { signerOf, trustedKeys } from "./trust.ts";
import { limitsOfWiggle, type WiggleChoice } from "./wiggle.ts";

export interface RunOptions {
  readonly policy: { readonly bytes: Uint8Array; readonly path: string };
  readonly robot: Robot;
  /** ISO 8601, UTC: names the log, `<robot>-<startedAt>.mcap`, and is kept in it. */
  readonly startedAt: string;
  /** Drives in the place of the policy, whose contract alone counts then. */
  readonly wiggle?: WiggleChoice;
}

/** What is known of a run as it begins. */
export interface RunFacts {
  readonly members: Members;
  readonly holds: Holds;
  readonly spec: Spec;
  readonly limits: Limits;
  readonly pace: Pace;
  readonly swap: SwapChoice;
  /** What the machine granted the control thread. */
  readonly realTime: RealTime;
}

/** What a run did. */
export interface RunReport extends RunCounts {
  /** Of the one that drove last. */
  readonly policyId: string;
  /** Who signed it; null where nobody had to. */
  readonly signer: Signed | null;
  /** Of all that the run was given, in their order. */
  readonly policyPaths: readonly string[];
  /** What the machine granted the control thread. */
  readonly realTime: RealTime;
  /** When the run began, microseconds of the host's monotonic clock. */
  readonly startUs: number;
  /** How many joints' ends are watched; null where the robot file describes no joints. */
  readonly jointsWithEnds: number | null;
  /** Why the robot cannot be held, on a line; null: it can. */
  readonly cannotHold: string | null;
  /** What stands between the policy and the motors, one a line, in words for a person. */
  readonly protection: Protection;
  /** What the device's stop switch told last: `none` where it has none, `closed` or `open`. */
  readonly stopLine: string;
  readonly times: Readonly<Record<keyof typeof Measure, Percentiles>>;
  readonly transitions: readonly Transition[];
  readonly policyChanges: readonly PolicyEvent[];
  /** Who asked for what, and what came of it: the newest 64, but for who asked how it stands. */
  readonly commands: readonly LogEvent[];
  /** Why the device was last not armed or stopped by itself; empty where it did not say. */
  readonly why: string;
  /**
   * Who was furthest from home, or beyond its limits, or seen beyond what a joint may be, and by
   * how much, in words, when a cycle was last refused for that; null where none was.
   */
  readonly furthest: string | null;
  readonly linkLost: boolean;
  /** What the link had to tell, oldest first: a broker that was away, a bridge's last will. */
  readonly notices: readonly string[];
  /** What broke the control thread, on one line; null where nothing did. */
  readonly failure: string | null;
  /** Whether the device itself reported at the end that it does not move. */
  readonly deviceAtRest: boolean;
  readonly logPath: string;
  readonly steps: number;
  readonly droppedSteps: number;
  /** Why logging ended early; null where it did not. */
  readonly logFailure: string | null;
}

/** Beside the loop's own time to arm, for a device's trial of itself. */
const spareMs = 1500;
const resetMs = 2500;
const stopMs = 1000;
const lookMs = 5;
const commandsKept = 64;

/** A policy that is running in its control thread. Disarmed until `arm` is called. */
export class Run {
  readonly spec: Spec;
  readonly members: Members;
  readonly holds: Holds;
  readonly limits: Limits;
  readonly pace: Pace;
  /** How a policy takes over from another. */
  readonly swap: SwapChoice;
  /** The file while it is being written. */
  readonly logPath: string;
  /** What the machine granted the control thread. */
  readonly realTime: RealTime;
  readonly status: Status;
  readonly #link: Link;
  readonly #log: Log;
  readonly #thread: ControlThread;
  /** When it began, microseconds of the host's monotonic clock. */
  readonly startUs: number = monotonicClock().now();
  readonly #commands: LogEvent[] = [];
  #arming = false;

  constructor(facts: RunFacts, status: Status, link: Link, log: Log, thread: ControlThread) {
    this.spec = facts.spec;
    this.members = facts.members;
    this.holds = facts.holds;
    this.limits = facts.limits;
    this.pace = facts.pace;
    this.swap = facts.swap;
    this.realTime = facts.realTime;
    this.status = status;
    this.logPath = log.path;
    this.#link = link;
    this.#log = log;
    this.#thread = thread;
    // Also where the thread broke and could not say so itself.
    void thread.ended.then(() => status.setState(State.ended));
  }

  /** SHA-256 of the file of the policy that drives. */
  get policyId(): string {
    return this.members.driver.id;
  }

  /** What the link has to tell a person, oldest first; it grows. Nothing is done about it. */
  get notices(): readonly string[] {
    return this.#link.notices;
  }

  /** How many joints are braked before their ends; null where nobody described them. */
  get jointsWithEnds(): number | null {
    return this.limits.ends?.filter((ends) => ends !== null).length ?? null;
  }

  /** The loop runs; false once it ended, as it does when the link is lost. */
  get running(): boolean {
    return this.status.state === State.running;
  }

  /** It drives, or may do so any moment. */
  get moves(): boolean {
    return this.#arming || isDriving(this.status.mode) || this.#deviceMode() === "arming";
  }

  /** What became of the log's steps so far. */
  get logCounts(): LogCounts {
    return this.#log.counts();
  }

  /** The newest commands and their answers, at most 64, but for who asked how it stands. */
  get commands(): readonly LogEvent[] {
    return this.#commands;
  }

  /** A look at the steps as the log gets them, from the newest `backlog` on. */
  watch(backlog: number): RingSpectator {
    return new RingSpectator(this.#log.ring, backlog);
  }

  /** Keeps a command or its answer, in the log and for the report. */
  note(event: LogEvent): void {
    this.#log.append(event);
    if ("command" in event && event.command === "status") return;
    this.#commands.push(event);
    if (this.#commands.length > commandsKept) this.#commands.shift();
  }

  /**
   * Lets the policy drive, from home where the robot has one. Throws `SinewError("handshake")`
   * where the device or the loop did not, or somebody stopped it meanwhile.
   */
  async arm(): Promise<void> {
    this.#arming = true;
    try {
      await this.#arm();
    } finally {
      this.#arming = false;
    }
  }

  async #arm(): Promise<void> {
    const refused = this.status.count(Count.refusedRequests);
    const { transitionCount } = this.status;
    // Also where it was stopped again before anybody looked.
    const drove = (): boolean => {
      const fresh = this.status.transitionCount - transitionCount;
      return (
        fresh > 0 &&
        this.status
          .transitions()
          .slice(-fresh)
          .some(({ to }) => isDriving(to))
      );
    };
    this.status.ask(Request.arm);
    const settled = (): boolean => drove() || this.status.count(Count.refusedRequests) > refused;
    const answered = await this.#until(settled, armWithinUs(this.spec.periodUs) / 1000 + spareMs);
    if (drove()) return;
    // A loop that said nothing may still do it.
    if (!answered) this.status.ask(Request.stop);
    const { why } = this.status;
    const reason = why === "" ? "" : `; ${why}`;
    throw new SinewError(
      "handshake",
      `${this.#link.name} did not arm: ${situationOf(this.status, this.spec)}${reason}`,
    );
  }

  /**
   * Leaves a latched stop, here and on the device. Throws `SinewError("handshake")` where it stays.
   */
  async reset(): Promise<void> {
    // A device that is about to stop, as one that an earlier run left moving, takes no reset yet.
    const rests = (): boolean => /^(stopped|disarmed)$/.test(this.#deviceMode());
    await this.#until(rests, stopMs);
    const refused = this.status.count(Count.refusedRequests);
    this.status.ask(Request.reset);
    const done = (): boolean =>
      this.status.mode === Mode.disarmed && this.#deviceMode() === "disarmed";
    const settled = (): boolean => done() || this.status.count(Count.refusedRequests) > refused;
    await this.#until(settled, resetMs);
    if (done()) return;
    const situation = situationOf(this.status, this.spec);
    throw new SinewError("handshake", `${this.#link.name} did not reset: ${situation}`);
  }

  /** Stops and waits until the device says that it stopped; false where it did not say so. */
  async stop(): Promise<boolean> {
    this.status.ask(Request.stop);
    return this.#until(() => this.#deviceMode() === "stopped", stopMs);
  }

  /** Stops where it is armed, ends the loop and completes the log. */
  async close(): Promise<RunReport> {
    if (this.moves) await this.stop();
    else await this.#until(() => this.#rests, stopMs);
    this.status.ask(Request.end);
    const { linkLost, failure } = await this.#thread.ended;
    await this.#link.close();
    const closed = await this.#log.close();
    return {
      policyId: this.members.driver.id,
      signer: this.members.driver.signer,
      policyPaths: this.members.paths,
      realTime: this.realTime,
      startUs: this.startUs,
      ...countsOf(this.status),
      jointsWithEnds: this.jointsWithEnds,
      cannotHold: this.holds.cannot,
      protection: protectionOf(this.#link.door),
      stopLine: nameOfStopLine(this.status.stopLine),
      times: timesOf(this.status),
      transitions: this.status.transitions(),
      policyChanges: this.members.events(),
      commands: this.#commands,
      why: this.status.why,
      furthest: furthestOf(this.status, this.spec),
      linkLost,
      notices: this.notices,
      failure,
      deviceAtRest: !linkLost && failure === null && this.#rests,
      logPath: closed.path,
      steps: closed.steps,
      droppedSteps: closed.dropped,
      logFailure: closed.failure,
    };
  }

  /** The device itself says so. */
  get #rests(): boolean {
    return /^(stopped|disarmed)$/.test(this.#deviceMode());
  }

  #deviceMode(): string {
    return nameOfDeviceMode(this.status.deviceMode);
  }

  async #until(condition: () => boolean, timeoutMs: number): Promise<boolean> {
    for (let waitedMs = 0; waitedMs < timeoutMs && this.running; waitedMs += lookMs) {
      if (condition()) return true;
      await delay(lookMs);
    }
    return condition();
  }
}

/**
 * Loads a policy, opens the robot's link, shakes hands and starts the loop, disarmed. Throws
 * `SinewError`: "signature" where the robot file trusts none that the policy has, "policy-file",
 * "proof", "robot-file", "port", "broker", "log-file", "real-time" where it is required and not
 * granted, "handshake" where nothing answers, "contract-mismatch" naming the channel where the
 * device is made for another policy or stops otherwise than the robot file asks.
 */
export async function startRun(options: RunOptions): Promise<Run> {
  const { robot, startedAt, wiggle } = options;
  const { path } = options.policy;
  // What is checked is what is run, whatever becomes of the caller's.
  const bytes = Uint8Array.from(options.policy.bytes);
  const keys = ofRobotFile(robot, () => trustedKeys(robot));
  const signer = signerOf({ bytes, path }, keys);
  const { id: policyId, contract } = readPolicyFileAt(path, bytes);
  const own = deviceSpecOf(contract);
  const decimation = ofRobotFile(robot, () => decimationOfRobot(robot, own));
  const spec = controlSpecOf(own, decimation);
  const ttlUs = commandTtlUs(robot, own);
  const { channels, setpoints, start, stops, onMiss } = robot;
  // What they refuse is told before anything is opened.
  const { limits, cannotHold } = ofRobotFile(robot, () => {
    const whole = limitsOfRobot(robot, own);
    // A wiggle has bounds of its own.
    if (wiggle === undefined) checkJointsGiven(robot.joints, own);
    const limits = wiggle === undefined ? whole : limitsOfWiggle(spec, whole, wiggle);
    new Setpoints(spec, setpoints);
    new Start(spec, limits, start);
    channelsOfRobot(robot, spec);
    return { limits, cannotHold: holdOfRobot(robot, spec, limits).cannot };
  });
  const hold = holdTermsOf(robot, spec);
  const swap = swapOfRobot(robot, own);
  checkLink(robot.link, new Date(startedAt));
  const memory = new SharedArrayBuffer(statusBytes(spec));
  const status = new Status(spec, memory);
  const link = await openLink(robot.link);
  const { door, name } = link;
  const thread = new ControlThread({
    ...{ policy: bytes, signer: signedBy(signer), wiggle, door, name, limits, setpoints, hold },
    ...{ channels, start, stops, ttlUs, onMiss, realTime: robot.realTime, swap, decimation },
    status: memory,
  });
  try {
    const ready = await thread.ready;
    const log = await openLog({
      directory: robot.log.directory,
      name: `${robot.robot}-${startedAt.replaceAll(/[:.]/g, "-")}`,
      spec,
      metadata: metadataOfRun(
        options,
        { policyId, signer, limits, ttlUs, swap, hold, decimation },
        ready,
      ),
    });
    thread.start(log);
    status.setState(State.running);
    const first = { id: policyId, path, signer };
    const members = new Members(first, contract, keys, status, thread, wiggle === undefined);
    const holds = new Holds(cannotHold, status);
    const { realTime } = ready;
    const pace = { ...decimation, policyPeriodUs: own.periodUs };
    const facts = { members, holds, spec, limits, pace, swap, realTime };
    return new Run(facts, status, link, log, thread);
  } catch (error) {
    await thread.kill();
    await link.close();
    throw withNotices(aboutPolicy(error, path), link.notices);
  }
}

/** A device that does not answer is easier to find where the link has said something of it. */
function withNotices(error: unknown, notices: readonly string[]): unknown {
  if (!(error instanceof SinewError) || notices.length === 0) return error;
  return new SinewError(error.code, [error.message, ...notices].join("; "), { cause: error });
}
