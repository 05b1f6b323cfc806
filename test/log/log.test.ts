import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { makeStep } from "../../src/core/step.ts";
import { openLog } from "../../src/log/log.ts";
import { readLog } from "../../src/log/reader.ts";
import { countsOfRing, RingProducer } from "../../src/log/ring.ts";
import { salvageLog } from "../../src/log/salvage.ts";
import { fillStep, recordsOf, spec } from "./steps.ts";

const directory = mkdtempSync(join(tmpdir(), "sinew-log-"));
after(() => rmSync(directory, { recursive: true }));

test("a log comes back as it was appended, through the ring and the writer's thread", async () => {
  const metadata = { policyId: "ab12", limits: '{"rate":1}' };
  const log = await openLog({ directory: join(directory, "a", "b"), name: "run", spec, metadata });
  assert.match(log.path, /run\.mcap\.open$/);
  const producer = new RingProducer(log.ring, spec);
  const step = makeStep(spec);
  for (let seq = 0; seq < 60; seq++) {
    fillStep(step, seq);
    assert(producer.append(step));
  }
  const closed = await log.close();
  assert.deepEqual(closed, {
    path: join(directory, "a", "b", "run.mcap"),
    steps: 60,
    dropped: 0,
    failure: null,
  });
  assert.deepEqual(readdirSync(join(directory, "a", "b")), ["run.mcap"]);
  const counts = { appended: 60, dropped: 0, drained: 60, written: 60, durable: 60, unwritten: 0 };
  assert.deepEqual(log.counts(), counts);
  const file = readLog(closed.path);
  assert.deepEqual(file.spec, spec);
  assert.equal(file.metadata.get("limits"), metadata.limits);
  assert(Buffer.concat([...file.records()]).equals(Buffer.concat(recordsOf(0, 60))));
});

test("a burst beyond the ring is dropped, counted, and seen as a gap", async () => {
  const log = await openLog({ directory, name: "burst", spec, metadata: {}, slots: 16 });
  const producer = new RingProducer(log.ring, spec);
  const step = makeStep(spec);
  let taken = 0;
  for (let seq = 0; seq < 50_000; seq++) {
    fillStep(step, seq);
    if (producer.append(step)) taken++;
  }
  const closed = await log.close();
  assert.equal(closed.steps, taken);
  assert.equal(closed.dropped, 50_000 - taken);
  assert.equal(countsOfRing(log.ring).dropped, closed.dropped);
  const file = readLog(closed.path);
  assert.equal(file.count, taken);
  assert.equal(file.metadata.get("dropped"), String(closed.dropped));
});

test("a name that is taken, or a folder that cannot be made, is refused", async () => {
  const options = { directory, name: "twice", spec, metadata: {} };
  const refused = (message: RegExp): object => ({ name: "SinewError", code: "log-file", message });
  const log = await openLog(options);
  await assert.rejects(openLog(options), refused(/twice\.mcap\.open: EEXIST/));
  await log.close();
  await assert.rejects(openLog(options), refused(/twice\.mcap exists/));
  writeFileSync(join(directory, "file"), "");
  const inFile = { ...options, directory: join(directory, "file", "x") };
  await assert.rejects(openLog(inFile), refused(/cannot make the log folder/));
});

/** Runs a process that logs at 1 kHz, and kills it with SIGKILL after it told of `steps` steps. */
async function killAfter(steps: number, name: string): Promise<{ seq: number; lateUs: number }> {
  const program = fileURLToPath(new URL("./kill-child.js", import.meta.url));
  const child = spawn(process.execPath, [program, directory, name], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let told = Buffer.alloc(0);
  child.stdout.on("data", (bytes: Buffer) => {
    told = Buffer.concat([told, bytes]);
    if (told.length >= steps * 16) child.kill("SIGKILL");
  });
  const signal = await new Promise((resolve) => {
    child.once("close", (_, by) => resolve(by));
  });
  assert.equal(signal, "SIGKILL");
  const count = Math.floor(told.length / 16);
  let lateUs = 0;
  for (let i = Math.max(0, count - 300); i < count; i++) {
    lateUs = Math.max(lateUs, told.readDoubleLE(i * 16 + 8));
  }
  return { seq: told.readDoubleLE((count - 1) * 16), lateUs };
}

/** Checks that the log of a killed process opens, holds the right steps, and can be salvaged. */
function countOfKilled(name: string): number {
  const open = join(directory, `${name}.mcap.open`);
  const before = readLog(open);
  const found = Buffer.concat([...before.records()]);
  assert(!before.closed);
  assert.equal(before.damaged, 0);
  assert(found.equals(Buffer.concat(recordsOf(0, before.count))));

  const { path, steps } = salvageLog(open);
  assert(!existsSync(open));
  assert.equal(steps, before.count);
  const closed = readLog(path);
  assert(closed.closed);
  assert(Buffer.concat([...closed.records()]).equals(found));
  assert(statSync(path).size < 16 * 1024 * 1024);
  return steps;
}

test("kill -9 loses at most the last 100 ms, and the file opens", async (t) => {
  const losses: number[] = [];
  for (const steps of [300, 555, 730]) {
    const name = `killed-${steps}`;
    const { seq, lateUs } = await killAfter(steps, name);
    const lost = seq + 1 - countOfKilled(name);
    const lateMs = Math.ceil(lateUs / 1000);
    t.diagnostic(`${seq + 1} told, ${lost} lost, cycles at most ${lateMs} ms late`);
    // At 1 kHz a step is a millisecond. What holds up the child's cycles holds up its writer.
    losses.push(lost - lateMs);
  }
  // The middle one of three: this machine may stop for a moment, the log may not be slow by habit.
  assert(losses.sort((a, b) => a - b)[1] <= 100, `lost ${losses} steps`);
});
