// The socket of a run, with real clients. Most of them meet a run that has not begun, which is all
// that lines and folders need.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { SinewError } from "../../src/core/errors.ts";
import { Rng } from "../../src/core/rng.ts";
import { Controls } from "../../src/edge/controls.ts";
import { askRun, socketOf } from "../../src/edge/ctl-client.ts";
import { type CtlPlace, ctlPlaces, isAlive, liveRuns } from "../../src/edge/ctl-place.ts";
import { type CtlServer, openCtl } from "../../src/edge/ctl-server.ts";
import type { LogEvent } from "../../src/log/event.ts";
import { ownFolder, until } from "./board-run.ts";
import { RawClient } from "./raw-client.ts";

const folder = ownFolder("ctl");
let folders = 0;

/** Places of their own: the runtime folder's, and the temporary folder's. */
function ownPlaces(): CtlPlace[] {
  const own = join(folder, String(folders++));
  mkdirSync(join(own, "run"), { recursive: true });
  return ctlPlaces(join(own, "run"), own);
}

function refused(line: RegExp, code: string = "ctl"): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof SinewError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, line);
    assert.ok(!error.message.includes("\n"));
    return true;
  };
}

const status = { command: "status" };
const waitMs = 10_000;

async function open(places: CtlPlace[], robot = "arm-1"): Promise<CtlServer> {
  return openCtl(places, robot, new Controls());
}

test("ctl: a run that has not begun answers, and takes a stop", async () => {
  const places = ownPlaces();
  const events: LogEvent[] = [];
  const controls = new Controls((event) => events.push(event));
  const server = await openCtl(places, "arm-1", controls);
  const path = await socketOf(places, "arm-1");
  const starting = await askRun(path, status, waitMs);
  assert.deepEqual(starting, {
    ok: false,
    command: "status",
    line: "the run is starting: wait for it",
    code: "command",
    robot: "arm-1",
    status: null,
  });
  assert.equal((await askRun(path, { command: "stop", pid: 7, uid: 1000 }, waitMs)).ok, true);
  assert.ok(controls.stoppedEarly);
  const sources = events
    .filter(({ kind }) => kind === "command")
    .map((one) => one.kind === "command" && one.source);
  assert.deepEqual(sources, ["ctl", "ctl pid 7 uid 1000"]);
  server.close();
  await assert.rejects(askRun(path, status, waitMs), refused(/cannot reach the run/));
  await assert.rejects(socketOf(places, "arm-1"), refused(/no run of arm-1 is alive here.*none/));
});

test("ctl: socket and folder are this user's alone, whatever the umask", async () => {
  const before = process.umask(0);
  try {
    const places = ownPlaces();
    const server = await open(places);
    assert.equal(statSync(server.path).mode & 0o777, 0o600);
    assert.equal(statSync(places[0].folder!).mode & 0o777, 0o700);
    server.close();
    assert.deepEqual(readdirSync(places[0].folder!), [], "its name is free again");
  } finally {
    process.umask(before);
  }
});

test("ctl: without a runtime folder it is a private one below the temporary", async () => {
  const temp = join(folder, "temp");
  mkdirSync(temp);
  const own = join(temp, `sinew-${process.getuid!()}`);
  for (const runtime of [undefined, "", "relative", join(temp, "none")]) {
    assert.deepEqual(
      ctlPlaces(runtime, temp).map((place) => place.folder),
      [own],
    );
  }
  const server = await open(ctlPlaces(undefined, temp));
  assert.equal(server.path, join(own, "arm-1.sock"));
  assert.equal(lstatSync(own).mode & 0o777, 0o700);
  // Who is told a runtime folder finds it all the same.
  const both = ctlPlaces(temp, temp);
  assert.equal(await socketOf(both, "arm-1"), server.path);
  await assert.rejects(open(both), refused(/a run of arm-1 is alive at .*sinew-/));
  server.close();
});

test("ctl: a folder that another owns, or may enter, is refused by both sides", async () => {
  const [, place] = ownPlaces();
  const own = place.folder!;
  const refuses = async (line: RegExp): Promise<void> => {
    await assert.rejects(open([place]), refused(line));
    await assert.rejects(socketOf([place], "arm-1"), refused(line));
    await assert.rejects(socketOf([place], undefined), refused(line));
  };
  mkdirSync(own, { mode: 0o700 });
  for (const mode of [0o750, 0o701, 0o777]) {
    chmodSync(own, mode);
    await refuses(/is open to other users: remove it/);
  }
  rmSync(own, { recursive: true });
  const elsewhere = join(folder, "elsewhere");
  mkdirSync(elsewhere, { mode: 0o700 });
  symlinkSync(elsewhere, own);
  await refuses(/is no folder/);
  // Root may give a folder away; for all others there is root's.
  if (process.getuid!() === 0) chownSync(elsewhere, 1, 1);
  const foreign = process.getuid!() === 0 ? elsewhere : "/usr";
  const anothers = { folder: foreign, pathOf: (robot: string) => join(foreign, robot) };
  await assert.rejects(open([anothers]), refused(/belongs to another user \(uid \d+\)/));
  await assert.rejects(socketOf([anothers], "arm-1"), refused(/belongs to another user/));
});

test("ctl: a second run of a robot is refused, and the first one lives on", async () => {
  const places = ownPlaces();
  const server = await open(places);
  const other = await open(places, "arm-2");
  await assert.rejects(open(places), refused(/a run of arm-1 is alive at .*arm-1\.sock/));
  assert.equal((await askRun(server.path, { command: "stop" }, waitMs)).ok, true);
  await assert.rejects(socketOf(places, undefined), refused(/runs of arm-1, arm-2: say which/));
  other.close();
  assert.equal(await socketOf(places, undefined), server.path);
  server.close();
  await assert.rejects(socketOf(places, undefined), refused(/no run is alive/));
});

/** Leaves the socket of a process that was killed at `path`. */
async function leaveDead(path: string): Promise<void> {
  const listen = `listen(${JSON.stringify(path)}, () => console.log("up"))`;
  const program = `require("net").createServer().${listen}`;
  const child = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  child.kill("SIGKILL");
  await once(child, "exit");
}

test("ctl: a dead run's socket is replaced, also where several begin at once", async () => {
  const places = ownPlaces();
  const [place] = places;
  mkdirSync(place.folder!, { mode: 0o700 });
  const path = place.pathOf("arm-1");
  for (let round = 0; round < 5; round++) {
    await leaveDead(path);
    assert.ok(lstatSync(path).isSocket());
    assert.equal(await isAlive(path), false);
    assert.deepEqual(await liveRuns(places), []);
    const begun = await Promise.allSettled([open(places), open(places), open(places)]);
    const alive = begun.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    assert.equal(alive.length, 1, `round ${round}`);
    for (const one of begun) {
      if (one.status === "rejected") assert.match(String(one.reason), /a run of arm-1 is alive/);
    }
    assert.equal(await isAlive(path), true);
    assert.deepEqual(readdirSync(place.folder!), ["arm-1.sock"]);
    alive[0].close();
  }
});

test("ctl: a lock that a dead process left is no hindrance, one of a living is told", async () => {
  const places = ownPlaces();
  mkdirSync(places[0].folder!, { mode: 0o700 });
  const lock = `${places[0].pathOf("arm-1")}.lock`;
  const child = spawn(process.execPath, ["-e", ""]);
  await once(child, "exit");
  writeFileSync(lock, String(child.pid));
  (await open(places)).close();
  assert.equal(existsSync(lock), false);
  writeFileSync(lock, String(process.pid));
  await assert.rejects(open(places), refused(/cannot take the lock .*another run has begun there/));
});

test("ctl: a path that no socket can have is told", async () => {
  const [, place] = ownPlaces();
  const long = { ...place, pathOf: ctlPlaces(undefined, join(folder, "x".repeat(80)))[0].pathOf };
  await assert.rejects(open([long]), refused(/too long for a socket.*shorten the name/));
});

test("ctl: garbage is answered line by line, and the line behind it counts", async () => {
  const places = ownPlaces();
  const server = await open(places);
  const lines: [line: string, told: RegExp][] = [
    ["hello", /no request: send a line such as/],
    ["{}", /no request/],
    ["[1]", /no request/],
    ["null", /no request/],
    ['{"command":3}', /no request/],
    ['{"command":"status","pid":"x"}', /no request/],
    ['{"command":"status","pid":-1}', /no request/],
    ['{"command":"fly"}', /no such command: give one of arm, stop, reset, hold, resume/],
    ['{"command":"__proto__"}', /no such command/],
    ['{"command":"constructor"}', /no such command/],
    ['{"command":"sta', /no request/],
    ["\u0000\u0001\ufffd", /no request/],
    ["GET / HTTP/1.1", /no request/],
  ];
  const client = new RawClient(server.path);
  client.socket.write(lines.map(([line]) => `${line}\n`).join(""));
  client.socket.write('\r\n \n{"command":"stop"}\r\n');
  const answers = await client.answered(lines.length + 1);
  lines.forEach(([line, told], at) => {
    assert.equal(answers[at].ok, false, line);
    assert.equal(answers[at].code, "usage", line);
    assert.match(answers[at].line, told, line);
  });
  assert.deepEqual([answers.at(-1)!.ok, answers.at(-1)!.command], [true, "stop"]);
  client.socket.destroy();
  server.close();
});

test("ctl: half a request, and one that is too long, get an answer and an end", async () => {
  const places = ownPlaces();
  const server = await open(places);
  const half = new RawClient(server.path);
  half.socket.end('{"command":"stop"}');
  const [answer] = await half.answered(1);
  assert.deepEqual([answer.ok, answer.code], [false, "usage"]);
  assert.match(answer.line, /half a request: end it with a new line/);
  await until("its end", () => half.closed);
  for (const text of ["x".repeat(8193), `${"x".repeat(8193)}\n{"command":"stop"}\n`]) {
    const long = new RawClient(server.path);
    long.socket.write(text);
    assert.match((await long.answered(1))[0].line, /longer than 8192 bytes/);
    await until("its end", () => long.closed);
    assert.equal(long.answers.length, 1);
  }
  // Whole requests before the end still count, and bytes may come one by one.
  const slow = new RawClient(server.path);
  for (const byte of '{"command":"stop"}\n') {
    slow.socket.write(byte);
    await delay(1);
  }
  slow.socket.end();
  assert.equal((await slow.answered(1))[0].ok, true);
  await until("its end", () => slow.closed);
  server.close();
});

test("ctl: a client that asks much and reads nothing is dropped, and no other", async () => {
  const places = ownPlaces();
  const server = await open(places);
  const good = new RawClient(server.path);
  const greedy = connect(server.path);
  greedy.on("error", () => {});
  greedy.pause();
  const dropped = new Promise((resolve) => greedy.once("close", resolve));
  let sent = 0;
  while (!greedy.destroyed && sent < 10e6) {
    greedy.write('{"command":"status"}\n'.repeat(1000));
    sent += 21_000;
    await delay(1);
  }
  greedy.resume();
  await dropped;
  assert.ok(sent < 10e6, "it was dropped before");
  good.socket.write('{"command":"stop"}\n');
  assert.equal((await good.answered(1))[0].ok, true);
  good.socket.destroy();
  server.close();
});

test("ctl: a client that asks and breaks off before it is answered ends nothing", async () => {
  const places = ownPlaces();
  const server = await open(places);
  for (let round = 0; round < 20; round++) {
    const client = new RawClient(server.path);
    client.socket.write("hello\n".repeat(200), () => client.socket.destroy());
    await until("its end", () => client.closed);
  }
  assert.equal((await askRun(server.path, { command: "stop" }, waitMs)).ok, true);
  server.close();
});

test("ctl: many clients; one more takes the place of the one that was silent longest", async () => {
  const places = ownPlaces();
  const server = await open(places);
  const clients = Array.from({ length: 32 }, () => new RawClient(server.path));
  for (const client of clients) client.socket.write('{"command":"stop"}\n');
  for (const client of clients) await client.answered(1);
  clients[0].socket.write('{"command":"stop"}\n');
  await clients[0].answered(2);
  const late = new RawClient(server.path);
  late.socket.write('{"command":"stop"}\n');
  assert.equal((await late.answered(1))[0].ok, true);
  await until("the silent one's end", () => clients[1].closed);
  assert.deepEqual(
    clients.map(({ closed }) => closed),
    clients.map((_, at) => at === 1),
  );
  for (const { socket } of [...clients, late]) socket.destroy();
  server.close();
});

test("ctl: whatever bytes come, the next client is answered", async () => {
  const places = ownPlaces();
  const server = await open(places);
  const pieces = ['{"command":"', "stop", '"}', "\n", "\0", '"pid":', "{", "[", "\xff", "9e999"];
  for (let seed = 0; seed < 60; seed++) {
    const rng = new Rng(seed);
    const client = new RawClient(server.path);
    for (let part = 0; part < 1 + rng.below(20); part++) {
      const bytes = Buffer.alloc(rng.below(300));
      for (let at = 0; at < bytes.length; at++) bytes[at] = rng.below(256);
      const text = Array.from({ length: rng.below(6) }, () => pieces[rng.below(pieces.length)]);
      client.socket.write(rng.below(2) === 0 ? bytes : Buffer.from(text.join(""), "latin1"));
    }
    if (rng.below(2) === 0) client.socket.end();
    else client.socket.destroy();
    const answer = await askRun(server.path, { command: "stop" }, waitMs);
    assert.equal(answer.ok, true, `seed ${seed}`);
    client.socket.destroy();
  }
  server.close();
});
