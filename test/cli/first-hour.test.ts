// The first hour with a robot as docs/first-hour.md tells it, on virtual servos behind a real port,
// and what is said where a joint is another one or turns the other way.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { spawn as spawnInPty } from "@lydell/node-pty";
import { monotonicClock } from "../../src/core/clock.ts";
import type { Board } from "../../src/hil/board.ts";
import { startEmulated } from "../../src/hil/emulated-board.ts";
import { scanPort } from "../../src/link/scan.ts";
import { readLog } from "../../src/log/reader.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import type { Limits } from "../../src/safety/limits.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { ownFolder, until } from "../edge/board-run.ts";
import { randomPolicy } from "../policy/random-policy.ts";

const main = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
const folder = ownFolder("first-hour");
const env = { ...process.env, XDG_RUNTIME_DIR: folder };
const robot = join(folder, "robot.yaml");
const armFile = join(folder, "arm.yaml");
const joints = ["pan", "lift", "elbow", "wrist", "roll", "grip"];
copyFileSync("models/servo-arm/policy.onnx", join(folder, "policy.onnx"));

function boardOf(name: string, protocol: "feetech" | "bridge"): Promise<Board> {
  return startEmulated({ image: resolve(`firmware-bridge/images/${name}.bin`), protocol });
}
let shared: Promise<Board> | null = null;
function servos(): Promise<Board> {
  shared ??= boardOf("rp2040-sts-bus", "feetech");
  return shared;
}

interface Answer {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A command without a terminal. */
function sinew(...words: readonly string[]): Promise<Answer> {
  return new Promise((done) => {
    execFile(process.execPath, [main, ...words], { env, cwd: folder }, (error, out, err) => {
      done({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });
}

/** A command in a terminal of its own, in which each answer is typed once its question is there. */
async function inTerminal(
  words: readonly string[],
  answers: readonly (readonly [question: string, typed: string])[],
): Promise<{ readonly code: number; readonly told: string }> {
  const pty = spawnInPty(process.execPath, [main, ...words], {
    cols: 200,
    rows: 40,
    env,
    cwd: folder,
  });
  let told = "";
  let code: number | undefined;
  pty.onData((text) => (told += text));
  pty.onExit(({ exitCode }) => (code = exitCode));
  let from = 0;
  for (const [question, typed] of answers) {
    await until(
      `${question} in ${told}`,
      () => told.includes(question, from) || code !== undefined,
    );
    assert.ok(told.includes(question, from), `${question}: ${told}`);
    from = told.indexOf(question, from) + question.length;
    pty.write(typed);
  }
  await until("its end", () => code !== undefined);
  return { code: code!, told };
}

const text = (): string => readFileSync(robot, "utf8");
function change(from: RegExp, to: string): void {
  assert.match(text(), from);
  writeFileSync(robot, text().replaceAll(from, to));
}

/** How the servos are really built in, which a person can see: by id, joint and sense. */
type Mounting = Readonly<Record<number, readonly [joint: string, sign: number]>>;

/** A robot file that is whole, for what is not told by the document; each servo's line in it. */
async function wholeFile(): Promise<(joint: string) => number> {
  const entries = joints.map((joint, at) => {
    return `      - { id: ${at + 1}, joint: ${joint}, zeroCounts: 2048, sign: 1, maxSpeed: 1 }`;
  });
  const link = ["link:", "  feetech:", `    path: ${(await servos()).path}`, "    servos:"];
  const targets = "setpoints: [{ seconds: 0, target_x: 0.2, target_y: 0.1, target_z: 0.1 }]";
  // A wiggle does not go there first.
  const home = joints.map((joint) => `${joint}_position: 0.3`).join(", ");
  const start = `start: { home: { ${home} } }`;
  const times = ["observationAgeMs: 900", "commandTtlMs: 900", targets, start, ""];
  const lines = ["robot: arm", "policy: policy.onnx", ...link, ...entries, ...times];
  writeFileSync(armFile, lines.join("\n"));
  return (joint) => lines.findIndex((line) => line.includes(`joint: ${joint},`)) + 1;
}

/** What somebody types who sees what the servo of `joint` in the file really does. */
function answersOf(joint: string, mounting: Mounting): [question: string, typed: string][] {
  const row = new RegExp(`id: (\\d), joint: ${joint}, .*sign: (-?1),`);
  const [, id, sign] = row.exec(readFileSync(armFile, "utf8"))!.map(Number);
  const [moved, sense] = mounting[id];
  const question = `Did ${joint} move`;
  if (moved !== joint)
    return [
      [question, "another\r"],
      ["Which one moved?", `${moved}\r`],
    ];
  return [[question, sense === sign ? "yes\r" : "rev\r"]];
}

/** The commands of the document, in their order. */
const documented = [...readFileSync("docs/first-hour.md", "utf8").matchAll(/```\n([\s\S]*?)```/g)]
  .flatMap(([, body]) => body.trim().split("\n"))
  .map((line) => line.replace("npx sinew ", ""));

test("first hour: each command of the document does what it says there", async () => {
  const port = (await servos()).path;
  const words = (command: string): string[] => command.replace("/dev/ttyACM0", port).split(" ");
  const [list, scan, init, calibrate, wiggle, dryRun, run, drive, ...others] = documented;
  assert.deepEqual(others, []);

  assert.equal(list, "scan");
  assert.match((await sinew(...words(list))).out, /^(port +product|there is no serial port)/);

  const found = await sinew(...words(scan));
  assert.equal(found.code, 0, found.err);
  assert.match(found.out, /no register of theirs is written/);
  assert.match(found.out, /anything else behind that port may take what is sent for an order/);
  const other = await sinew(...words(scan), "--family", "odrive", "--baud", "1000000");
  assert.equal(other.code, 1, other.err);
  assert.match(other.out, /^sent *\n {2}an ODrive {2}r fw_version.*; at 1000000 bits\/s\n/m);
  assert.doesNotMatch(other.out, /PING|HELLO/);
  assert.match(
    found.out,
    /found Feetech servos at 1000000 bits\/s\nid {2}counts {2}state\n1 {3}2048 +well/,
  );
  assert.match(found.out, /\nnext {2}npx sinew init .*--link feetech --port \/dev\//);

  assert.match((await sinew("init")).err, /nobody is to be asked: give --policy <path>/);
  const written = await sinew(...words(init));
  assert.equal(written.code, 0, written.err);
  assert.match(
    written.out,
    /robot\.yaml:\d+: "link\.feetech\.servos\.5\.sign" is unknown: fill it in/,
  );
  assert.match(
    written.out,
    /\nnext {2}fill in setpoints\n {6}npx sinew calibrate robot\.yaml\n {6}npx sinew wiggle /,
  );
  const untouched = text();
  const again = await sinew(...words(init));
  assert.deepEqual([again.code, text() === untouched], [2, true]);
  assert.match(again.err, /robot\.yaml is there already/);

  // Nothing of it is taken for a value.
  const refused = await sinew(...words(dryRun));
  assert.equal(refused.code, 2);
  assert.equal(refused.err.match(/ is unknown: fill it in/g)?.length, 6 + 6 + 3, refused.err);
  assert.equal((await sinew(...words(drive))).err, refused.err);

  change(/target_x: unknown.*\}/g, "target_x: 0.24, target_y: 0.1, target_z: 0.16 }");
  // This machine has others to serve.
  writeFileSync(robot, `${text()}observationAgeMs: 900\ncommandTtlMs: 900\n`);
  const zeros = await sinew(...words(calibrate));
  assert.equal(zeros.code, 0, zeros.err);
  for (const [at, joint] of joints.entries()) {
    const [entry] = zeros.out.match(new RegExp(`- \\{ id: ${at + 1}, joint: ${joint}, .*`)) ?? [];
    assert.match(entry!, /zeroCounts: 2048, sign: unknown, maxSpeed: 0\.5 \}/);
    change(new RegExp(`- \\{ id: ${at + 1}, .*`, "g"), entry!);
  }

  const moved = await inTerminal(words(wiggle), [
    ["Is everybody clear of it?", "yes\r"],
    ["Did elbow move", "yes\r"],
  ]);
  assert.equal(moved.code, 0, moved.told);
  assert.match(
    moved.told,
    /it followed, \d+ ms behind: elbow_position [23]\.\d+ degrees of 3\.00 degrees/,
  );
  const place =
    text()
      .split("\n")
      .findIndex((row) => row.includes("joint: elbow,")) + 1;
  assert.match(moved.told, new RegExp(`robot\\.yaml:${place}: give id 3 \\(elbow\\) sign: 1\r`));
  change(/sign: unknown/g, "sign: 1");

  assert.equal((await sinew(...words(dryRun))).code, 0);
  const idle = await sinew(...words(run), "--seconds", "0.5");
  assert.equal(idle.code, 0, idle.err);
  const driven = await sinew(...words(drive), "--seconds", "1");
  assert.equal(driven.code, 0, driven.err + driven.out);
});

const wiggleLift = ["wiggle", "arm.yaml", "--joint", "lift", "--reset", "--seconds", "2"];
const wiggled = (mounting: Mounting) => {
  return inTerminal([...wiggleLift, "--yes"], answersOf("lift", mounting));
};

test("first hour: a servo that turns the other way is told, and mended so", async () => {
  const lineOf = await wholeFile();
  const { code, told } = await wiggled({ 2: ["lift", -1] });
  assert.equal(code, 1, told);
  const place = `arm\\.yaml:${lineOf("lift")}`;
  assert.match(told, new RegExp(`${place}: give id 2 \\(lift\\) sign: -1\r`));
  const text = readFileSync(armFile, "utf8");
  writeFileSync(armFile, text.replace(/(joint: lift,.*sign: )1/, "$1-1"));
  const again = await wiggled({ 2: ["lift", -1] });
  assert.equal(again.code, 0, again.told);
});

test("first hour: two joints that are swapped are told, and mended so", async () => {
  const lineOf = await wholeFile();
  const mounting: Mounting = { 2: ["elbow", 1], 3: ["lift", 1] };
  const { code, told } = await wiggled(mounting);
  assert.equal(code, 1, told);
  const places = `arm\\.yaml:${lineOf("lift")} and arm\\.yaml:${lineOf("elbow")}`;
  assert.match(told, new RegExp(`${places}: id 2 is elbow, not lift: swap the two`));
  const text = readFileSync(armFile, "utf8");
  const swap = /id: 2, joint: lift(.*\n.*)id: 3, joint: elbow/;
  writeFileSync(armFile, text.replace(swap, "id: 3, joint: lift$1id: 2, joint: elbow"));
  const again = await wiggled(mounting);
  assert.equal(again.code, 0, again.told);
});

test("first hour: a space stops a wiggle, and nothing is made of it", async () => {
  await wholeFile();
  const words = ["wiggle", "arm.yaml", "--joint", "pan", "--reset", "--seconds", "20", "--yes"];
  const { code, told } = await inTerminal(words, [["[2Karmed", " "]]);
  assert.equal(code, 1, told);
  assert.match(told, /keys {2}space stop {2}Ctrl-C end/);
  assert.match(told, /nothing can be said of it: it ended before the move was over/);
});

test("first hour: without a terminal nothing moves unasked, nor is it seen", async () => {
  await wholeFile();
  const asked = await sinew(...wiggleLift);
  assert.deepEqual([asked.code, asked.out.includes("cycles")], [2, false]);
  assert.match(asked.err, /nobody is at a terminal to be asked: give --yes to move it \[usage\]/);
  const { code, out } = await sinew(...wiggleLift, "--yes", "--json");
  const { ok, seen, verdict, advice, logPath } = JSON.parse(out);
  assert.deepEqual([code, ok, seen.outcome, seen.byPerson], [0, true, "right", false]);
  assert.ok(Math.abs(verdict.named.moved - 0.052) < 0.015, `${verdict.named.moved}`);
  assert.match(advice[0], /tells its own place, so only who looks at it sees/);
  // Through the same loop and the same log; the others were sent where they stood.
  const log = readLog(join(folder, logPath));
  assert.equal(log.metadata.get("runner"), "wiggle 1");
  for (const { action, observation } of log.steps()) {
    for (const at of [0, 2, 3, 4, 5]) assert.ok(Math.abs(action[at] - observation[at]) < 0.01);
  }
  // The gate itself permits nothing faster.
  const { action } = JSON.parse(log.metadata.get("limits")!) as Limits;
  for (const { rateMax } of action) assert.ok(rateMax < 0.524, `${rateMax}`);
  assert.ok(JSON.parse(log.metadata.get("start")!).near < 0.01);
});

test("first hour: a joint tied to another's observation is seen by itself", async (t) => {
  const board = await boardOf("rp2040-six-joints", "bridge");
  t.after(() => board.close());
  const { answer } = await scanPort(board.path, { family: "firmware" }, monotonicClock());
  assert.ok(answer?.family === "firmware");
  writeFileSync(join(folder, "six.onnx"), await exportPolicy(randomPolicy(1, answer.spec!)));
  const of = [2, 1, 3, 4, 5, 6];
  const tied = of.map((seen, at) => {
    const place = `position: joint${seen}_angle, velocity: joint${seen}_velocity`;
    return `  joint${at + 1}_target: { ${place}, low: -2.9, high: 2.9, deceleration: 20 }`;
  });
  const lines = ["robot: six", `link: { serial: { path: ${board.path} } }`, "policy: six.onnx"];
  const times = ["observationAgeMs: 900", "commandTtlMs: 900"];
  writeFileSync(join(folder, "six.yaml"), [...lines, ...times, "joints:", ...tied, ""].join("\n"));
  const words = ["wiggle", "six.yaml", "--seconds", "2", "--reset", "--yes", "--json", "--joint"];
  const swapped = await sinew(...words, "joint1_target");
  assert.equal(swapped.code, 1, swapped.err);
  const { seen, advice } = JSON.parse(swapped.out);
  assert.deepEqual([seen.outcome, seen.other], ["other", "joint2_target"]);
  const line = "six.yaml:7: joint1_target moves what joint1_angle tells of, not joint2_angle";
  assert.deepEqual(advice, [`${line}: give position: joint1_angle`]);
  const right = await sinew(...words, "joint3_target");
  assert.equal(right.code, 0, right.err + right.out);
  const bare = readFileSync(join(folder, "six.yaml"), "utf8").replace(/joints:[\s\S]*/, "");
  writeFileSync(join(folder, "six.yaml"), bare);
  const undescribed = await sinew("run", "six.yaml", "--arm", "--seconds", "1");
  assert.deepEqual([undescribed.code, undescribed.out], [2, ""]);
  assert.match(undescribed.err, /^six\.yaml:1:1: joints: "joint1_target" is a place \(rad\): say/);
  // By what the observations of a joint are called.
  const drafting = ["init", "--policy", "six.onnx", "--offline", "--link", "serial", "--yes"];
  const drafted = await sinew(...drafting, "--port", "/dev/none", "-o", "drafted.yaml");
  assert.equal(drafted.code, 0, drafted.err);
  const ties = /^ {2}joint1_target: \{ position: joint1_angle, velocity: joint1_velocity, low: -/m;
  assert.match(readFileSync(join(folder, "drafted.yaml"), "utf8"), ties);
});

test("first hour: init asks at a terminal, and says what it makes of the answers", async () => {
  const port = (await servos()).path;
  const words = ["init", "--policy", "policy.onnx", "--link", "feetech", "-o", "asked.yaml"];
  const { code, told } = await inTerminal(words, [
    ["The serial port", `${port}\r`],
    ["The robot's name [robot-1]", "Arm\r"],
    ["give a name like arm-1", "arm-7\r"],
    ["The id of pan [1]", "2\r"],
    ["The id of lift [2]", "one\r"],
    ["give a number, or unknown", "1\r"],
    ["The id of elbow [3]", "\r"],
    ["The id of wrist [4]", "unknown\r"],
    ["The id of roll [5]", "\r"],
    ["The id of grip [6]", "\r"],
    ["go to 0 in each joint", "y\r"],
  ]);
  assert.equal(code, 0, told);
  const file = readFileSync(join(folder, "asked.yaml"), "utf8");
  assert.match(file, /^robot: arm-7 /m);
  assert.match(
    file,
    /\{ id: 2, joint: pan, .*\n.*\{ id: 1, joint: lift, .*\n.*\{ id: 3, joint: elbow/,
  );
  assert.match(file, /\{ id: unknown, joint: wrist/);
  assert.match(file, /^ {2}home: \{ pan_position: 0, lift_position: 0, .*grip_position: 0 \}$/m);
  assert.match(told, /"link\.feetech\.servos\.3\.id" is unknown/);
  const left = await inTerminal(
    [...words.slice(0, -1), "left.yaml"],
    [["The serial port", "\x03"]],
  );
  assert.equal(left.code, 2);
  assert.match(left.told, /nobody answered: nothing was done \[usage\]/);
  assert.ok(!readdirSync(folder).includes("left.yaml"));
});

test("first hour: with firmware of ours init leaves nothing unknown", async (t) => {
  const board = await boardOf("rp2040-pendulum", "bridge");
  t.after(() => board.close());
  copyFileSync("models/pendulum/policy.onnx", join(folder, "pole.onnx"));
  const from = (policy: string, out: string): string[] => {
    return ["init", "--policy", policy, "--port", board.path, "--yes", "-o", out];
  };
  const pole = await sinew(...from("pole.onnx", "pole.yaml"));
  assert.equal(pole.code, 0, pole.err);
  assert.doesNotMatch(pole.out, /unknown/);
  assert.equal((await sinew("run", "pole.yaml", "--dry-run")).code, 0);
  const [cosine, sine, velocity] = pendulumSpec.observation;
  const order = { ...pendulumSpec, observation: [velocity, cosine, sine] };
  writeFileSync(join(folder, "order.onnx"), await exportPolicy(randomPolicy(1, order)));
  const ordered = await sinew(...from("order.onnx", "order.yaml"));
  assert.doesNotMatch(ordered.out, /unknown|this firmware/);
  const rows = ["pole_cos", "pole_sin", "pole_velocity"].map((name) => `    ${name}: ${name}\n`);
  const block = `  observation:\n${rows.join("")}limits:`;
  assert.ok(readFileSync(join(folder, "order.yaml"), "utf8").includes(block));
  const greeted = await sinew("run", "order.yaml", "--seconds", "1");
  assert.equal(greeted.code, 0, greeted.err);
  const others = { ...order, observation: [{ ...velocity, name: "gyro" }, cosine, sine] };
  writeFileSync(join(folder, "named.onnx"), await exportPolicy(randomPolicy(1, others)));
  const named = await sinew(...from("named.onnx", "named.yaml"));
  assert.match(
    named.out,
    /channels\.observation: "pole_velocity" is unknown: give the policy's name/,
  );
  assert.match(named.out, /this firmware has channels of other names: say under channels which/);
  assert.match(named.out, /^next +fill in channels$/m);
  const file = readFileSync(join(folder, "named.yaml"), "utf8").replace(
    /velocity: unknown/,
    "velocity: gyro",
  );
  writeFileSync(join(folder, "named.yaml"), file);
  assert.equal((await sinew("run", "named.yaml", "--dry-run")).code, 0);
  const arm = await sinew(...from("policy.onnx", "other.yaml"));
  assert.match(arm.out, /this firmware is not for this policy, and no run will take it: period/);
  const blind = await sinew("wiggle", "pole.yaml", "--joint", "pole", "--yes");
  assert.equal(blind.code, 2);
  assert.match(blind.err, /no observation tells where the joint of "pole_torque" is/);
});

test("first hour: init offline opens no port, and knows less", async () => {
  const words = ["init", "--policy", "policy.onnx", "--offline", "--port", "/dev/none", "--yes"];
  const unnamed = await sinew("init", "--policy", "policy.onnx", "--yes", "-o", "a.yaml");
  assert.match(unnamed.err, /nobody is to be asked: give --port <path>/);
  assert.match((await sinew(...words, "-o", "a.yaml")).err, /give --link <kind>/);
  assert.ok(!existsSync(join(folder, "a.yaml")));
  for (const link of ["feetech", "dynamixel", "odrive", "moteus"]) {
    const { code, out } = await sinew(...words, "--link", link, "-o", `${link}.yaml`);
    assert.equal(code, 0);
    assert.match(out, /(id|axis)" is unknown: fill it in/);
    const seen = "position: elbow_position, velocity: elbow_velocity";
    const row = `\n  elbow_position: { ${seen}, low: -0.8, high: 0.8, deceleration: 1 }\n`;
    assert.ok(readFileSync(join(folder, `${link}.yaml`), "utf8").includes(row));
  }
});

// Not behind all files of the whole run: an idle board takes a fifth of a core.
test("first hour: its board ends", async () => (await servos()).close());
