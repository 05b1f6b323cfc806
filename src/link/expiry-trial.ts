import type { Spec } from "../core/spec.ts";
import { DeviceMode, DeviceReason, StopLine } from "../wire/messages.ts";
import type { Session } from "../wire/session.ts";

const repeatUs = 20_000;
/** A request that had no effect for so long has none. */
const patienceUs = 900_000;
/** How long the command lives after which nothing is said; longer where the link is slow. */
const lifeUs = 100_000;
const lifeMaxUs = 400_000;
/** A turn of the firmware, the time to its next STATE, and room for a machine that emulates it. */
const lateMaxUs = 50_000;
/** By the host's clock it may take so much longer: the device's own may stand still. */
const silenceMaxUs = 500_000;
/** So often a stop may be seen too late to tell whether it came in time. */
const looksMax = 3;
const none = -2;

/**
 * Shows that a device's firmware stops by itself, before a policy may drive. The device is armed
 * for a trial, in which it takes commands and drives nothing, and is given one; then nothing is
 * said. It must stop when that command expires, by its own clock. It is reset after that.
 */
export class ExpiryTrial {
  /** Why it was not shown, in words for a person; empty where the device's reason says it. */
  why = "";
  /** It was shown by the newest trial. */
  passed = false;
  readonly #session: Session;
  readonly #action: Float32Array;
  #stage: "over" | "asking" | "feeding" | "silent" | "leaving" = "over";
  #untilUs = 0;
  #againUs = 0;
  #driven = 0;
  #lifeUs = lifeUs;
  #sequence = none;
  #expiresUs = 0;
  #looks = 0;

  constructor(spec: Spec, session: Session) {
    this.#session = session;
    // It moves nothing, but it is judged like any other.
    this.#action = Float32Array.from(spec.action, ({ low, high }) =>
      Math.min(high, Math.max(low, 0)),
    );
  }

  get active(): boolean {
    return this.#stage !== "over";
  }

  /** Nothing else may be said: whatever came would have the firmware look at its clock. */
  get silent(): boolean {
    return this.#stage === "feeding" || this.#stage === "silent";
  }

  /** The device is ready and disarmed. */
  begin(nowUs: number): void {
    this.#looks = 0;
    this.#ask(nowUs);
  }

  /** Gives it up. */
  end(): void {
    this.#stage = "over";
    this.why = "";
  }

  /** Goes on with it; returns how many bytes of `out` are to be sent. */
  poll(nowUs: number, out: Uint8Array): number {
    const session = this.#session;
    if (session.phase !== "ready") return this.#fail("started anew in the trial of its watchdog");
    if (session.deviceStopLine === StopLine.open) return this.#fail("");
    if (session.deviceDriven !== this.#driven || session.deviceMode === DeviceMode.armed) {
      return this.#fail("was driven in the trial of its watchdog, which drives nothing");
    }
    if (this.#stage === "asking") return this.#begun(nowUs, out);
    if (this.#stage === "feeding") return this.#feed(nowUs, out);
    return this.#stage === "silent" ? this.#listen(nowUs, out) : this.#leave(nowUs, out);
  }

  #ask(nowUs: number): void {
    this.why = "";
    this.passed = false;
    this.#stage = "asking";
    this.#untilUs = nowUs + patienceUs;
    this.#againUs = nowUs;
    this.#driven = this.#session.deviceDriven;
  }

  #begun(nowUs: number, out: Uint8Array): number {
    const { deviceMode } = this.#session;
    if (deviceMode === DeviceMode.trial) {
      this.#stage = "feeding";
      this.#againUs = nowUs;
      this.#lifeUs = lifeUs;
      this.#sequence = none;
      return this.#feed(nowUs, out);
    }
    if (deviceMode !== DeviceMode.disarmed) return this.#fail("");
    if (nowUs > this.#untilUs) return this.#fail("does not begin the trial of its watchdog");
    return this.#repeats(nowUs) ? this.#session.encodeArm(nowUs, out, true) : 0;
  }

  /** One command at a time, until one came before it expired. */
  #feed(nowUs: number, out: Uint8Array): number {
    const session = this.#session;
    if (session.acknowledged === this.#sequence) {
      this.#stage = "silent";
      return this.#listen(nowUs, out);
    }
    const ended = session.deviceMode !== DeviceMode.trial;
    if (ended && session.deviceReason !== DeviceReason.expired) return this.#fail("");
    if (!ended && nowUs < this.#againUs) return 0;
    if (ended || this.#lifeUs > lifeMaxUs) {
      return this.#fail(`took no command in its trial, which lived ${lifeMaxUs / 1000} ms at most`);
    }
    this.#untilUs = nowUs + this.#lifeUs;
    // It may come at the last moment, and its answer takes as long again.
    this.#againUs = this.#untilUs + this.#lifeUs;
    this.#lifeUs *= 2;
    const length = session.encodeCommand(this.#action, this.#untilUs, out, nowUs);
    this.#sequence = session.commandSequence;
    this.#expiresUs = session.commandExpiresUs;
    return length;
  }

  #listen(nowUs: number, out: Uint8Array): number {
    const session = this.#session;
    const { deviceMode } = session;
    if (deviceMode === DeviceMode.trial) {
      const goesOnUs = this.#sinceExpiry(session.deviceSaidUs);
      if (goesOnUs > lateMaxUs) {
        const ms = Math.round(goesOnUs / 1000);
        return this.#fail(`does not stop by itself: ${ms} ms after its last command it went on`);
      }
      if (nowUs < this.#untilUs + silenceMaxUs) return 0;
      return this.#fail("does not stop by itself in the trial of its watchdog, or fell silent");
    }
    if (deviceMode !== DeviceMode.stopped)
      return this.#fail("does not latch the stop of its trial");
    if (session.deviceReason !== DeviceReason.expired) return this.#fail("");
    const lateUs = this.#sinceExpiry(session.deviceModeSaidUs);
    const ms = (Math.abs(lateUs) / 1000).toFixed(1);
    if (lateUs < 0) return this.#fail(`stopped ${ms} ms before its last command expired`);
    this.passed = lateUs <= lateMaxUs;
    if (!this.passed && ++this.#looks === looksMax) {
      const most = `${lateMaxUs / 1000} ms at most`;
      return this.#fail(`was seen to stop ${ms} ms after its last command expired: ${most}`);
    }
    this.#stage = "leaving";
    this.#untilUs = nowUs + patienceUs;
    this.#againUs = nowUs;
    return this.#leave(nowUs, out);
  }

  #leave(nowUs: number, out: Uint8Array): number {
    if (this.#session.deviceMode === DeviceMode.disarmed) {
      if (this.passed) this.#stage = "over";
      else this.#ask(nowUs);
      return 0;
    }
    if (nowUs > this.#untilUs) return this.#fail("does not leave the stop of its trial");
    return this.#repeats(nowUs) ? this.#session.encodeReset(out) : 0;
  }

  #repeats(nowUs: number): boolean {
    if (nowUs < this.#againUs) return false;
    this.#againUs = nowUs + repeatUs;
    return true;
  }

  /** By the device's clock; below 0 before it. */
  #sinceExpiry(saidUs: number): number {
    return (saidUs - this.#expiresUs) | 0;
  }

  #fail(why: string): 0 {
    this.#stage = "over";
    this.passed = false;
    this.why = why === "" ? "" : `its firmware ${why}`;
    return 0;
  }
}
