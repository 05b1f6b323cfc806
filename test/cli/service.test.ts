import assert from "node:assert/strict";
import { execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
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

const unit = readFileSync("docs/systemd/sinew@.service", "utf8");

/** What the unit says of `key`, for a robot `arm-1`. */
function told(key: string): string {
  const [, value] = new RegExp(`^${key}=(.*)$`, "m").exec(unit) ?? [];
  assert.ok(value !== undefined, key);
  return value.replaceAll("%i", "arm-1");
}

test("service: the unit and what docs/robot.md says of it are of one mind", () => {
  const text = readFileSync("docs/robot.md", "utf8");
  const [, section] = /\n## As a service\n([\s\S]*?)\n## /.exec(text)!;
  const says = (words: string): void => assert.ok(section.includes(words), words);
  const [program, command, file, ...others] = told("ExecStart").split(" ");
  assert.deepEqual([command, others], ["run", []]);
  const { name, bin } = JSON.parse(readFileSync("package.json", "utf8"));
  const [, prefix] = /^(\/.+)\/node_modules\/\.bin\/sinew$/.exec(program)!;
  assert.ok(Object.hasOwn(bin, "sinew"));
  says(`npm install --prefix ${prefix} `);
  says(`${prefix}/node_modules/${name}/docs/systemd/sinew@.service /etc/systemd/system/`);
  says(`install -D -m 644 arm-1.yaml ${file}\n`);
  const user = told("User");
  assert.match(section, new RegExp(`useradd --system .* ${user}\n`));
  says(`sudo -u ${user} ${program} ctl arm arm-1\n`);
  assert.equal(told("WorkingDirectory"), `/var/lib/${told("StateDirectory")}`);
  says(`It works in \`${told("WorkingDirectory")}\``);
  says(`the group \`${told("SupplementaryGroups")}\``);
  // The socket is where a person who becomes that user looks for it.
  says("/tmp/sinew-<uid>/arm-1.sock");
  assert.doesNotMatch(unit, /^(PrivateTmp|Environment\w*|PAMName|DynamicUser)=/m);
  assert.deepEqual([told("StartLimitBurst"), told("StartLimitIntervalSec")], ["3", "60"]);
  assert.equal(told("Restart"), "on-failure");
});

const analyze = { skip: spawnSync("systemd-analyze", ["--version"]).status !== 0 };

test("service: systemd knows every word of the unit", analyze, () => {
  const folder = ownFolder("unit");
  const here = unit.replace(/^ExecStart=\S+/m, `ExecStart=${process.execPath}`);
  writeFileSync(join(folder, "sinew@.service"), here);
  const { stdout, stderr, status } = spawnSync(
    "systemd-analyze",
    ["verify", join(folder, "sinew@.service")],
    { encoding: "utf8" },
  );
  // It warns of what it does not know, and goes on.
  assert.deepEqual([status, stdout, stderr], [0, "", ""]);
});

test("service: a run of a unit is found by who becomes its user", async () => {
  const folder = ownFolder("service-ctl");
  const board = await startEmulated({ image: pendulumImage });
  const main = resolve("dist/src/cli/main.js");
  // As systemd and sudo have it, but for the folder that is /tmp there.
  const { XDG_RUNTIME_DIR: _, ...without } = process.env;
  const env = { ...without, TMPDIR: folder };
  try {
    writeFileSync(join(folder, "robot.yaml"), patientRobot(board, folder));
    writeFileSync(join(folder, "policy.onnx"), await exportPolicy(randomPolicy(1)));
    const words = [main, "run", "robot.yaml", "--policy", "policy.onnx"];
    const child = spawn(process.execPath, words, { cwd: folder, env, stdio: "ignore" });
    const asked = (own: NodeJS.ProcessEnv): Promise<string> => {
      const ask = [main, "ctl", "status", "bench"];
      const asking = promisify(execFile)(process.execPath, ask, { cwd: "/", env: own });
      return asking.then(({ stdout }) => stdout).catch(() => "");
    };
    while (!/^bench {2}disarmed/.test(await asked(env))) {
      assert.equal(child.exitCode, null);
      await delay(20);
    }
    assert.ok(existsSync(join(folder, `sinew-${process.getuid!()}`, "bench.sock")));
    mkdirSync(join(folder, "runtime"));
    const kept = { ...env, XDG_RUNTIME_DIR: join(folder, "runtime") };
    assert.match(await asked(kept), /^bench {2}disarmed/);
    child.kill("SIGTERM");
    assert.deepEqual(await once(child, "exit"), [0, null]);
  } finally {
    await board.close();
  }
});
