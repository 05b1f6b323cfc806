/** The firmware's core, below firmware-bridge/: what every image, test and native build holds. */
export const coreSources: readonly string[] = [
  "core/frame.c",
  "core/stop.c",
  "core/drive.c",
  "core/reply.c",
  "core/session.c",
];
