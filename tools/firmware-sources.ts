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

/** Virtual buses of servos by name, which are no targets of the core's. */
export const busSources: Readonly<Record<string, readonly string[]>> = {
  "sts-bus": [...sharedBusSources, "targets/sts-servo.c", "targets/sts-bus.c"],
  "dxl-bus": [...sharedBusSources, "targets/dxl-servo.c", "targets/dxl-bus.c"],
};

/** Virtual motor drives, but for the motor itself, which is a target of its own too. */
export const axisSources: readonly string[] = [
  "targets/line-text.c",
  "targets/line-device.c",
  "targets/motor-axis.c",
  "targets/odrive-axis.c",
  "targets/moteus-axis.c",
];
