import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Service } from "../../src/cli/service.ts";
import { Count, Status } from "../../src/edge/status.ts";
import { startEmulated } from "../../src/hil/emulated-board.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { ownFolder, patientRobot, pendulumImage } from "../edge/board-run.ts";
import { randomPolicy } from "../policy/random-policy.ts";

test("service: alive is who has new cycles, as often as a third of the patience", () => {
  const said: string[] = [];
  const told = { NOTIFY_SOCKET: "/run/x", WATCHDOG_USEC: "3000000" };
  const service = new Service(told, (words) => said.push(words.join(" ")));
  const status = new Status(pendulumSpec);
  const run = { status };
  service.look(run, 0);
  assert.deepEqual(said, ["--ready --status=running", "WATCHDOG=1"]);
  // The loop hangs.
  for (let ms = 50; ms < 9000; ms += 50) service.look(run, ms * 1000);
  assert.equal(said.length, 2);
  status.add(Count.cycles, 1);
  service.look(run, 9e6);
  for (let ms = 9050; ms <= 10_000; ms += 50) {
    status.add(Count.cycles, 1);
    service.look(run, ms * 1000);
  }
  assert.deepEqual(said.slice(2), ["WATCHDOG=1", "WATCHDOG=1"]);
  service.end();
  assert.equal(said.at(-1), "STOPPING=1");
});

test("service: outside a unit nothing is said", () => {
  const service = new Service({}, () => assert.fail("said something"));
  service.look({ status: new Status(pendulumSpec) }, 0);
  service.end();
});

test("service: a run tells systemd's program, and ends in order by SIGTERM", async () => {
  const folder = ownFolder("service");
  const [bin, heard] = [join(folder, "bin"), join(folder, "heard")];
  mkdirSync(bin);
  writeFileSync(join(bin, "systemd-notify"), `#!/bin/sh\necho "$@" >>${heard}\n`);
  chmodSync(join(bin, "systemd-notify"), 0o755);
  const board = await startEmulated({ image: pendulumImage });
  try {
    writeFileSync(join(folder, "robot.yaml"), patientRobot(board, folder));
    writeFileSync(join(folder, "policy.onnx"), await exportPolicy(randomPolicy(1)));
    const env = {
      ...process.env,
      PATH: `${bin}:${process.env["PATH"]}`,
      NOTIFY_SOCKET: join(folder, "socket"),
      WATCHDOG_USEC: "300000",
    };
    const words = [resolve("dist/src/cli/main.js"), "run", "robot.yaml", "--policy", "policy.onnx"];
    const child = spawn(process.execPath, words, { cwd: folder, env, stdio: "ignore" });
    const linesOf = (): string[] =>
      existsSync(heard) ? readFileSync(heard, "utf8").trim().split("\n") : [];
    while (linesOf().filter((line) => line === "WATCHDOG=1").length < 3) {
      assert.equal(child.exitCode, null);
      await delay(20);
    }
    child.kill("SIGTERM");
    assert.deepEqual(await once(child, "exit"), [0, null]);
    while (!linesOf().includes("STOPPING=1")) {
      await delay(20);
    }
    // They are programs of their own, and may overtake each other.
    assert.ok(linesOf().includes("--ready --status=running"));
  } finally {
    await board.close();
  }
});
