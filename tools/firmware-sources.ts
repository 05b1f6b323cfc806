/** The firmware's core, below firmware-bridge/: what every image, test and native build holds. */
export const coreSources: readonly string[] = [
  "core/frame.c",
  "core/stop.c",
  "core/stop-line.c",
  "core/drive.c",
  "core/reply.c",
  "core/session.c",
];

const sharedBusSources: readonly string[] = ["targets/servo-bus.c", "targets/servo-motor.c"];

/** A virtual bus of servos, which is no target of the core's. */
export interface VirtualBus {
  readonly sources: readonly string[];
  /** The name of its line in them. */
  readonly line: string;
  /** What it is built with. */
  readonly defines: readonly string[];
}

const stsSources = [...sharedBusSources, "targets/sts-servo.c", "targets/sts-bus.c"];
const dxlSources = [...sharedBusSources, "targets/dxl-servo.c", "targets/dxl-bus.c"];

/** Virtual buses by name. */
export const buses: Readonly<Record<string, VirtualBus>> = {
  "sts-bus": { sources: stsSources, line: "sinew_sts_bus_line", defines: [] },
  "scs-bus": { sources: stsSources, line: "sinew_sts_bus_line", defines: ["SINEW_SCS"] },
  "dxl-bus": { sources: dxlSources, line: "sinew_dxl_bus_line", defines: [] },
};

/** Virtual motor drives, but for the motor itself, which is a target of its own too. */
export const axisSources: readonly string[] = [
  "targets/line-text.c",
  "targets/line-device.c",
  "targets/motor-axis.c",
  "targets/odrive-axis.c",
  "targets/moteus-axis.c",
];
