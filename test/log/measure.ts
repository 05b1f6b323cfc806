// Measures the log on this machine: what a step costs the control thread, how fast the writer and
// the reader are, how long a sync takes, and what kill -9 loses. Run `npx tsc`, then
// `node dist/test/log/measure.js`. It takes about a minute and writes to a folder of its own in the
// current directory, so that the disk is the one that is meant.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { monotonicClock } from "../../src/core/clock.ts";
import { makeStep } from "../../src/core/step.ts";
import { FileDisk } from "../../src/log/disk.ts";
import { openLog } from "../../src/log/log.ts";
import { textOfSpec } from "../../src/log/metadata.ts";
import { readLog } from "../../src/log/reader.ts";
import { StepRecord } from "../../src/log/record.ts";
import { RingProducer } from "../../src/log/ring.ts";
import { LogWriter } from "../../src/log/writer.ts";
import { fillStep, spec } from "./steps.ts";

const directory = mkdtempSync(resolve("log-measure-"));
const clock = monotonicClock();
const step = makeStep(spec);

function say(name: string, values: Float64Array, unit: string): void {
  const sorted = values.slice().sort();
  const last = sorted.length - 1;
  const at = (share: number): string => sorted[Math.round(share * last)].toFixed(1);
  const shares = `p50 ${at(0.5)} p99 ${at(0.99)} p99.9 ${at(0.999)} max ${at(1)} ${unit}`;
  console.log(`${name}: ${shares}, n ${sorted.length}`);
}

async function measureAppend(): Promise<void> {
  const log = await openLog({ directory, name: "append", spec, metadata: {}, slots: 4096 });
  const producer = new RingProducer(log.ring, spec);
  const costs = new Float64Array(10_000);
  const startUs = clock.now();
  for (let seq = 0; seq < costs.length; seq++) {
    fillStep(step, seq);
    clock.until(startUs + seq * 1000);
    const beforeUs = clock.now();
    producer.append(step);
    costs[seq] = clock.now() - beforeUs;
  }
  const { steps, dropped } = await log.close();
  say("append at 1 kHz", costs, "us");
  console.log(`  ${steps} steps written, ${dropped} dropped`);
}

function measureWriter(): void {
  const record = new StepRecord(spec);
  const bytes = new Uint8Array(record.size);
  const path = join(directory, "fast.mcap");
  const disk = new FileDisk(path, "wx");
  const writer = new LogWriter(disk, record, new Map([["spec", textOfSpec(spec)]]));
  const count = 1_000_000;
  const startUs = clock.now();
  for (let seq = 0; seq < count; seq++) {
    fillStep(step, seq);
    record.encode(step, bytes, 0);
    writer.append(bytes, 0, clock.now());
  }
  const writtenUs = clock.now();
  writer.finish({});
  disk.close();
  const rate = (us: number): string => `${((count / us) * 1000).toFixed(0)} k steps/s`;
  console.log(`writer, in one thread: ${rate(writtenUs - startUs)}`);
  const openUs = clock.now();
  const log = readLog(path);
  const openedUs = clock.now();
  let sum = 0;
  for (const one of log.steps()) sum += one.action[0];
  console.log(`reader: check ${rate(openedUs - openUs)}, steps() ${rate(clock.now() - openedUs)}`);
  if (log.count !== count || !Number.isFinite(sum)) throw new Error("the log lost steps");
}

function measureSync(): void {
  const disk = new FileDisk(join(directory, "sync"), "wx");
  disk.write(new Uint8Array(16 * 1024 * 1024), 0, 16 * 1024 * 1024, 0);
  disk.syncNow();
  const times = new Float64Array(200);
  const chunk = new Uint8Array(70_000).fill(7);
  for (let i = 0; i < times.length; i++) {
    disk.write(chunk, 0, chunk.length, i * chunk.length);
    const beforeUs = clock.now();
    disk.syncNow();
    times[i] = (clock.now() - beforeUs) / 1000;
  }
  disk.close();
  say("fdatasync of 70 kB (500 ms at 1 kHz)", times, "ms");
}

async function measureKills(rounds: number): Promise<void> {
  const losses = new Float64Array(rounds);
  const program = fileURLToPath(new URL("./kill-child.js", import.meta.url));
  for (let round = 0; round < rounds; round++) {
    const child = spawn(process.execPath, [program, directory, `kill-${round}`], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let told = 0;
    child.stdout.on("data", (bytes: Buffer) => {
      told += bytes.length / 16;
      if (told >= 400 + round * 37) child.kill("SIGKILL");
    });
    await new Promise((done) => child.once("close", done));
    const log = readLog(join(directory, `kill-${round}.mcap.open`));
    losses[round] = Math.floor(told) - log.count;
    if (log.damaged > 0) console.log(`  round ${round}: ${log.damaged} damaged`);
  }
  say("steps lost by kill -9 at 1 kHz", losses, "steps (= ms)");
}

try {
  await measureAppend();
  measureWriter();
  measureSync();
  await measureKills(20);
} finally {
  rmSync(directory, { recursive: true });
}
