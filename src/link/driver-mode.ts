import { DeviceMode, DeviceReason, StopLine } from "../wire/messages.ts";
import { armingMode } from "./device.ts";

/**
 * The mode of a robot without firmware of ours: its driver keeps it, in the codes that our firmware
 * reports.
 */
export abstract class DriverMode {
  mode: number = DeviceMode.disarmed;
  reason: number = DeviceReason.none;
  /** There is no firmware that would watch one. */
  readonly stopLine: number = StopLine.none;
  readonly barred = false;
  /** It was told to leave its stop and has not yet done so. */
  resetting = false;

  get armed(): boolean {
    return this.mode === DeviceMode.armed;
  }

  get disarmed(): boolean {
    return this.mode === DeviceMode.disarmed;
  }

  get arming(): boolean {
    return this.mode === armingMode;
  }

  get stopped(): boolean {
    return this.mode === DeviceMode.stopped;
  }

  get stopping(): boolean {
    return this.mode === DeviceMode.stopping;
  }

  reset(): void {
    // One that was asked for before a stop must not leave it.
    this.resetting = this.stopped || this.stopping;
  }
}
