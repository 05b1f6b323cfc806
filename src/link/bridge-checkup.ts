import { type ChannelChoice, ChannelMap } from "../core/channel-map.ts";
import type { Clock } from "../core/clock.ts";
import type { Spec } from "../core/spec.ts";
import { DeviceMode, StopLine } from "../wire/messages.ts";
import { Session } from "../wire/session.ts";
import { type StopChoice, stopRulesOf } from "../wire/stop-choice.ts";
import { BridgeDevice, nameOfDeviceReason, StopReason } from "./device.ts";
import { ExpiryTrial } from "./expiry-trial.ts";
import type { Port } from "./port.ts";

/** What was seen of a device behind firmware of ours, which was not armed to drive. */
export interface BridgeCheckup {
  /**
   * From each question for the device's clock to its answer, without the time that the device held
   * it, microseconds.
   */
  readonly roundTripsUs: readonly number[];
  /** Whether its firmware was seen to stop by itself; null: that was not tried. */
  readonly stopsByItself: boolean | null;
  /** What was seen, or why it was not tried, in words for a person. */
  readonly line: string;
}

const handshakeUs = 3e6;
/** Beside the questions of the handshake itself, four more are answered in it. */
const listenUs = 1e6;
const haltUs = 1e6;
/** An answer that waits to be read makes a round trip look longer. */
const napUs = 50;

/**
 * Greets the device behind `port`, times its answers, and has it try its watchdog as a run does
 * before its first arm: it drives nothing in that. Its channels are those of `spec`, called and in
 * order as `channels` say. Where `stops` are given, its own must be these. Blocks this thread for
 * some 1.5 s, and 5 at most. Throws `SinewError("robot-file")`, see `stopRulesOf` and `ChannelMap`.
 */
export function checkBridge(
  spec: Spec,
  port: Port,
  clock: Pick<Clock, "now">,
  stops: Readonly<Record<string, StopChoice>> | undefined,
  channels: ChannelChoice = {},
): BridgeCheckup {
  const rules = stops === undefined ? null : stopRulesOf(spec, stops);
  const session = new Session(spec, rules, new ChannelMap(spec, channels));
  return new Checkup(spec, port, session, clock).run();
}

class Checkup {
  readonly #spec: Spec;
  readonly #port: Port;
  readonly #session: Session;
  readonly #device: BridgeDevice;
  readonly #clock: Pick<Clock, "now">;
  readonly #roundTripsUs: number[] = [];

  constructor(spec: Spec, port: Port, session: Session, clock: Pick<Clock, "now">) {
    this.#spec = spec;
    this.#port = port;
    this.#session = session;
    this.#device = new BridgeDevice(spec, port, session);
    this.#clock = clock;
  }

  run(): BridgeCheckup {
    const device = this.#device;
    this.#turnUntil(() => device.phase === "ready" || device.phase === "refused", handshakeUs);
    if (device.phase !== "ready") {
      return this.#told(null, device.refusal ?? device.silence);
    }
    this.#turnUntil(() => false, listenUs);
    const against = this.#against();
    return against === null ? this.#try() : this.#told(null, against);
  }

  /** Why it is not tried; null where it is. */
  #against(): string | null {
    const device = this.#device;
    if (device.lost) return "the link was lost";
    if (this.#session.deviceStopLine === StopLine.open) return device.why;
    if (device.stopped) {
      const reason = nameOfDeviceReason(device.reason);
      return `the device is stopped (${reason}), and only --reset of a run leaves that`;
    }
    return device.disarmed ? null : "the device is not at rest";
  }

  #try(): BridgeCheckup {
    const device = this.#device;
    const trial = new ExpiryTrial(this.#spec, this.#session);
    const observation = new Float32Array(this.#spec.observation.length);
    const out = new Uint8Array(Session.outBytesMin);
    const send = (length: number): void => {
      if (length > 0) this.#port.write(out, length);
    };
    trial.begin(this.#clock.now());
    while (trial.active && !device.lost) {
      const nowUs = this.#clock.now();
      device.read(observation, nowUs);
      send(trial.poll(nowUs, out));
      // Whatever comes would have the firmware look at its clock.
      if (!trial.silent) send(this.#session.poll(nowUs, out));
      this.#port.wait(napUs);
    }
    if (device.lost) return this.#told(false, "the link was lost in the trial of its watchdog");
    if (trial.passed) {
      return this.#told(true, "its firmware stopped by itself as its last command expired");
    }
    const reason = nameOfDeviceReason(device.reason);
    const why = trial.why === "" ? `the trial ended early (${reason}) ${device.why}` : trial.why;
    device.stop(StopReason.fault);
    this.#turnUntil(() => device.mode === DeviceMode.stopped, haltUs);
    return this.#told(false, why.trim());
  }

  #turnUntil(condition: () => boolean, forUs: number): void {
    const untilUs = this.#clock.now() + forUs;
    let nowUs = this.#clock.now();
    while (nowUs < untilUs && !condition() && !this.#device.lost) {
      const { syncCount } = this.#session;
      this.#device.poll(nowUs);
      if (this.#session.syncCount > syncCount) {
        this.#roundTripsUs.push(Math.max(0, this.#session.syncRoundTripUs));
      }
      this.#port.wait(napUs);
      nowUs = this.#clock.now();
    }
  }

  #told(stopsByItself: boolean | null, line: string): BridgeCheckup {
    return { roundTripsUs: this.#roundTripsUs, stopsByItself, line };
  }
}
