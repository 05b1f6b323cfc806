// A host on a serial line, one way or another: node trip.js <events|polled|serialport> <path> <n>
// Prints {"p50Us","p99Us","cpuUs"} of n round trips: 34 bytes there, 90 back.
import { setImmediate as nextTurn } from "node:timers/promises";
import { SerialPort } from "serialport";
import { monotonicClock } from "../../../src/core/clock.ts";
import { listenToSerial, lockSerialLine, openSerialPort } from "../../../src/link/serial.ts";

const request = new Uint8Array(34).fill(1);
request[33] = 0;
const baud = 1_000_000;
const clock = monotonicClock();

/** Sends a request and waits for its answer. */
type Trip = () => Promise<void> | void;

/** As the bridge does it: our descriptor, and the event loop says when bytes have come. */
async function byEvents(path: string): Promise<Trip> {
  await lockSerialLine(path, baud, false);
  const port = openSerialPort(path);
  let done: () => void = () => {};
  listenToSerial(
    path,
    (bytes) => {
      if (bytes[bytes.length - 1] === 0) done();
    },
    () => process.exit(1),
  );
  return () =>
    new Promise((resolve) => {
      done = resolve;
      port.write(request, request.length);
    });
}

/**
 * As the control thread does it in its last stretch: our descriptor, read until bytes are there.
 */
async function polled(path: string): Promise<Trip> {
  await lockSerialLine(path, baud, true);
  const port = openSerialPort(path);
  const bytes = new Uint8Array(4096);
  return () => {
    port.write(request, request.length);
    for (let length = 0; length === 0 || bytes[length - 1] !== 0; ) length = port.read(bytes);
  };
}

/** As a program that uses the package does it. */
async function byPackage(path: string): Promise<Trip> {
  const port = new SerialPort({ path, baudRate: baud, autoOpen: false });
  await new Promise<void>((resolve, reject) => {
    port.open((error) => (error ? reject(error) : resolve()));
  });
  let done: () => void = () => {};
  port.on("data", (bytes: Uint8Array) => {
    if (bytes[bytes.length - 1] === 0) done();
  });
  return () =>
    new Promise((resolve) => {
      done = resolve;
      port.write(request);
    });
}

const [, , way, path, count] = process.argv;
const ways: Readonly<Record<string, (path: string) => Promise<Trip>>> = {
  events: byEvents,
  polled,
  serialport: byPackage,
};
const trips = Number(count);
const trip = await ways[way](path);
const times = new Float64Array(trips);
for (let i = 0; i < trips / 10; i++) await trip();
await nextTurn();
const before = process.cpuUsage();
for (let i = 0; i < trips; i++) {
  const startUs = clock.now();
  const waiting = trip();
  if (waiting !== undefined) await waiting;
  times[i] = clock.now() - startUs;
}
const { user, system } = process.cpuUsage(before);
times.sort();
const result = {
  p50Us: times[trips >> 1],
  p99Us: times[trips - 1 - Math.floor(trips / 100)],
  cpuUs: (user + system) / trips,
};
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(0);
