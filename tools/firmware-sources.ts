/** The firmware's core, below firmware-bridge/: what every image, test and native build holds. */
export const coreSources: readonly string[] = [
  "core/frame.c",
  "core/stop.c",
  "core/drive.c",
  "core/reply.c",
  "core/session.c",
];

/** The virtual bus of servos, which is no target of the core's. */
export const busSources: readonly string[] = ["targets/sts-servo.c", "targets/sts-bus.c"];

/** Virtual motor drives, but for the motor itself, which is a target of its own too. */
export const axisSources: readonly string[] = [
  "targets/line-text.c",
  "targets/line-device.c",
  "targets/motor-axis.c",
  "targets/odrive-axis.c",
  "targets/moteus-axis.c",
];
