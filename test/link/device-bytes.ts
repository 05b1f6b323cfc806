// What a cycle's reads and writes of a device of ours allocate. Its far side, whose objects are
// many, is in the same process, so only what happens between two looks at the heap is counted.
import assert from "node:assert/strict";
import { BridgeDevice } from "../../src/link/device.ts";
import { memoryPorts } from "../../src/link/memory.ts";
import { pendulumSpec as spec } from "../../src/sim/pendulum.ts";
import { Session } from "../../src/wire/session.ts";
import { DeskDevice } from "./desk-device.ts";

const [near, far] = memoryPorts();
const desk = new DeskDevice(spec, far);
const device = new BridgeDevice(spec, near, new Session(spec), true);
const observation = new Float32Array(spec.observation.length);
const action = new Float32Array(spec.action.length);
let nowUs = 1_000_000;
const heap = (): number => process.memoryUsage().heapUsed;

function cycle(index: number): void {
  action[0] = Math.fround(index % 100) / 100;
  device.read(observation, nowUs);
  device.write(action, nowUs + 100_000);
  device.poll(nowUs);
}

/** What so many cycles allocate in all, bytes. */
function allocated(rounds: number): number {
  let bytes = 0;
  for (let index = 0; index < rounds; index++) {
    nowUs += 1000;
    desk.turn(nowUs);
    const before = heap();
    cycle(index);
    const grown = heap() - before;
    assert.ok(grown >= 0, "something was collected, so that nobody knows what was made");
    bytes += grown;
  }
  return bytes;
}

/** What the looks themselves leave. */
function ofLooks(rounds: number): number {
  let bytes = 0;
  for (let index = 0; index < rounds; index++) {
    const before = heap();
    bytes += heap() - before;
  }
  return bytes;
}

while (device.phase !== "ready") {
  nowUs += 1000;
  desk.turn(nowUs);
  device.poll(nowUs);
}
device.arm(nowUs);
while (!device.armed) {
  nowUs += 1000;
  desk.turn(nowUs);
  device.poll(nowUs);
}
const rounds = 2000;
let least = Number.POSITIVE_INFINITY;
for (let attempt = 0; attempt < 5; attempt++) {
  least = Math.min(least, Math.abs(allocated(rounds) - ofLooks(rounds)) / rounds);
}
assert.ok(device.armed && desk.accepted > 5 * rounds - 100, `${desk.accepted} were accepted`);
console.log(least);
