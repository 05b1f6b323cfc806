// Checks the table that `npm run demo -- --json` printed against the demo's limits.
//   node dist/tools/check-demo.js <file> [pendulum|servo-arm]
import { readFileSync } from "node:fs";

interface Row {
  readonly name: string;
  readonly value: unknown;
  readonly holds: boolean;
  readonly limit: string;
}

const table = JSON.parse(readFileSync(process.argv[2], "utf8"));
const at = (path: string): unknown =>
  path.split(".").reduce<unknown>((value, key) => (value as Record<string, unknown>)?.[key], table);

const between = (name: string, low: number, high: number): Row => {
  const value = at(name);
  const holds = typeof value === "number" && value >= low && value <= high;
  return { name, value, holds, limit: `${low} to ${high}` };
};
const oneOf = (name: string, ...wanted: readonly unknown[]): Row => {
  const value = at(name);
  return { name, value, holds: wanted.includes(value), limit: wanted.join(" or ") };
};

/** Any demo's. */
const common = (): readonly Row[] => [
  between("proof.maxAbsError", 0, 1e-5),
  between("log.steps", 200, 1e6),
  oneOf("replay.equal", true),
  oneOf("retrain.verdict", "accepted", "rejected"),
];
const pendulum = (): readonly Row[] => [
  between("train.seconds", 0, 60),
  between("train.return", -160, -130),
  between("serial.steps", 200, 1e6),
  // A loaded machine may cost a cycle; a loop that does not hold its rate costs many.
  between("serial.missed", 0, 10),
  between("serial.loopUs.p50", 1, 5_000),
  between("serial.loopUs.p99", 1, 50_000),
  between("serial.loopUs.max", 1, 100_000),
  between("mqtt.steps", 200, 1e6),
  between("mqtt.missed", 0, 10),
  between("swingUp.uprightFraction", 0.9, 1),
];
const servoArm = (): readonly Row[] => [
  between("train.seconds", 0, 600),
  // A policy that learnt nothing earns -16; a fresh one comes as near as a palm is wide.
  between("train.return", -5, -2),
  between("home.seconds", 0.5, 3),
  between("home.strideMaxRad", 0, 0.0201),
  ...[0, 1, 2, 3].map((at) => between(`reach.missesM.${at}`, 0, 0.15)),
  between("reach.missMeanM", 0, 0.07),
  between("servos.steps", 200, 1e6),
  between("servos.missed", 0, 10),
  between("servos.refused", 0, 0),
  between("servos.loopUs.p50", 1, 10_000),
  between("servos.loopUs.max", 1, 100_000),
];
const rows = [...common(), ...(process.argv[3] === "servo-arm" ? servoArm() : pendulum())];
for (const { name, value, holds, limit } of rows) {
  process.stdout.write(`${holds ? "ok    " : "NOT OK"} ${name} ${value} (${limit})\n`);
}
const failed = rows.filter(({ holds }) => !holds).length;
process.stdout.write(`${rows.length - failed} passed, ${failed} failed\n`);
if (failed > 0) process.exitCode = 1;
