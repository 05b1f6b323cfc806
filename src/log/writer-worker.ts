// The log's writer thread: takes steps from the ring and puts them into the file.
import { renameSync, unlinkSync } from "node:fs";
import { dirname } from "node:path";
import { setImmediate } from "node:timers/promises";
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { monotonicClock } from "../core/clock.ts";
import { messageOf } from "../core/errors.ts";
import { FileDisk, syncDirectory } from "./disk.ts";
import type { LogEvent } from "./event.ts";
import type { WriterWord, WriterWork } from "./log.ts";
import { StepRecord } from "./record.ts";
import { countsOfRing, RingConsumer } from "./ring.ts";
import { LogWriter } from "./writer.ts";

// The writer looks for steps this often, so that the control thread need not wake it.
const lookMs = 10;

const work = workerData as WriterWork;
const opened = open();
if (opened !== null) {
  say({ opened: true });
  await run(opened.disk, opened.writer);
}

function say(word: WriterWord): void {
  parentPort!.postMessage(word);
}

function open(): { disk: FileDisk; writer: LogWriter } | null {
  let disk: FileDisk | null = null;
  try {
    disk = new FileDisk(work.openPath, "wx");
    const writer = new LogWriter(disk, new StepRecord(work.spec), new Map(work.metadata));
    syncDirectory(dirname(work.openPath));
    return { disk, writer };
  } catch (error) {
    if (disk !== null) {
      disk.close();
      unlinkSync(work.openPath);
    }
    say({ refused: messageOf(error) });
    return null;
  }
}

async function run(disk: FileDisk, writer: LogWriter): Promise<void> {
  const consumer = new RingConsumer(work.ring);
  const clock = monotonicClock();
  let nowUs = clock.now();
  const take = (at: number): void => writer.append(consumer.bytes, at, nowUs);
  for (;;) {
    // Asked before draining: what was appended before the end is then still drained.
    const last = consumer.closed;
    nowUs = clock.now();
    consumer.drain(take);
    writer.appendEvents(takeEvents());
    writer.poll(nowUs);
    consumer.report(writer.written, writer.durable, writer.unwritten);
    if (last) break;
    // A sync ends in the event loop, which otherwise never turns in this thread.
    if (writer.syncing) await setImmediate();
    consumer.wait(Math.min(lookMs, Math.max(0, (writer.dueUs - clock.now()) / 1000)));
  }
  while (writer.syncing) await setImmediate();
  const complete = finish(disk, writer);
  consumer.report(writer.written, writer.durable, writer.unwritten);
  say({ closed: true, ...complete });
}

/** Those that wait; asked for here, as this thread's event loop hardly ever turns. */
function takeEvents(): LogEvent[] {
  const events: LogEvent[] = [];
  for (const port of [parentPort!, work.events]) {
    for (
      let one = receiveMessageOnPort(port);
      one !== undefined;
      one = receiveMessageOnPort(port)
    ) {
      events.push(one.message as LogEvent);
    }
  }
  return events;
}

function finish(disk: FileDisk, writer: LogWriter): { complete: boolean; failure: string | null } {
  const dropped = String(countsOfRing(work.ring).dropped);
  const complete = writer.finish({ dropped });
  try {
    disk.close();
    if (complete) {
      renameSync(work.openPath, work.path);
      syncDirectory(dirname(work.path));
    }
    return { complete, failure: writer.failure };
  } catch (error) {
    return { complete: false, failure: writer.failure ?? messageOf(error) };
  }
}
