// The command line as a person meets it: the compiled program, in a process of its own.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { exportPolicy } from "../../src/policy/export.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { hashContract, rampingToZero } from "../../src/wire/device-contract.ts";
import { randomPolicy } from "../policy/random-policy.ts";

const main = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "sinew-cli-"));
after(() => rmSync(folder, { recursive: true }));

// Runs of this user that are no part of this test are none of its business.
const env = { ...process.env, XDG_RUNTIME_DIR: folder };

interface Answer {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function sinew(...words: readonly string[]): Promise<Answer> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...words], { env }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });
}

const verbs = [
  ...["train", "sweep", "evaluate", "plot", "film", "check-env", "export", "inspect", "contract"],
  ...["import", "sign", "verify", "scan", "init", "wiggle"],
  ...["calibrate", "run", "ctl", "bridge", "replay", "retrain", "hil", "demo"],
];

test("--help names every verb", async () => {
  const { code, out } = await sinew("--help");
  assert.equal(code, 0);
  for (const verb of verbs) assert.match(out, new RegExp(`^  ${verb}\\b`, "m"));
  assert.match(out, /not an emergency stop/);
});

test("every verb's --help tells its options, an example, and ends with 0", async () => {
  const answers = await Promise.all(verbs.map((verb) => sinew(verb, "--help")));
  answers.forEach(({ code, out }, at) => {
    assert.equal(code, 0, verbs[at]);
    assert.match(out, /Options:/);
    assert.match(out, verbs[at] === "demo" ? /npm run demo/ : new RegExp(`npx sinew ${verbs[at]}`));
    // An option that takes a value says what it is when it is left out, or that it must be there.
    for (const line of out.split("\n").filter((text) => /^ {2}--[a-z-]+ </.test(text))) {
      const rest = out.slice(out.indexOf(line)).split(/\n {2}-/)[0];
      const required = /--(policy|port|run|key|joint) </.test(line);
      assert.ok(required || /default:/.test(rest), `${verbs[at]}: ${line}`);
    }
  });
});

const policy = join(folder, "policy.onnx");
const ready = exportPolicy(randomPolicy(1)).then((bytes) => writeFileSync(policy, bytes));

const robot = (link: string): string =>
  `robot: r\nlink:\n  ${link}\njoints: { pole_torque: { unlimited: true } }\n`;
function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function folderWith(name: string, content: string): string {
  const path = mkdtempSync(join(folder, "run-"));
  writeFileSync(join(path, name), content);
  return path;
}

const badWorld = `
export const spec = {
  observation: [{ name: "x", unit: "m", low: -1, high: 1 }],
  action: [{ name: "f", unit: "N", low: -1, high: 1 }],
  periodUs: 50000,
};
export const episodeStepsMax = 10;
export const makeWorld = () => ({ reset() { throw new Error("no\\npower"); }, step() {} });
`;

const bad: readonly [name: string, words: () => readonly string[], told: RegExp][] = [
  ["no verb of that name", () => ["fly"], /unknown command 'fly'/],
  ["no such option", () => ["train", "--sped", "3"], /unknown option '--sped'/],
  ["a word for a number", () => ["train", "--steps", "many"], /whole number from 1/],
  ["a number out of range", () => ["train", "--gamma", "1.5"], /number from 0 to 1/],
  ["an unknown environment", () => ["train", "--env", "moon"], /"moon".*pendulum/],
  ["no checkpoint", () => ["train", "--resume", "--folder", folder], /no run was saved there/],
  ["a folder that is a file", () => ["train", "--folder", policy], /cannot write/],
  ["a folder below a file", () => ["train", "--folder", join(policy, "run")], /cannot write/],
  ["an unknown preset", () => ["train", "--preset", "best"], /'best' is invalid.*lillicrap/],
  [
    "a checkpoint of another version",
    () => ["train", "--resume", "--folder", folderWith("checkpoint", "SINEWCP1 and what follows")],
    /another version/,
  ],
  [
    "a damaged checkpoint",
    () => ["train", "--resume", "--folder", folderWith("checkpoint", "SINEWCP2 and what follows")],
    /is damaged/,
  ],
  [
    "an environment that throws at once",
    () => ["evaluate", "--random", "--env", file("bad.mjs", badWorld)],
    /bad\.mjs threw in reset: no power/,
  ],
  [
    "films of what cannot be drawn",
    () => ["train", "--film-every", "9", "--env", file("bad.mjs", badWorld)],
    /bad\.mjs cannot be drawn.*leave --film-every off/,
  ],
  [
    "a missing policy",
    () => ["inspect", join(folder, "none.onnx")],
    /none\.onnx cannot be read: there is no such file/,
  ],
  [
    "a folder for a policy",
    () => ["evaluate", folder],
    /is a folder: give the file in it, as \S*.x/,
  ],
  ["a policy that is text", () => ["inspect", file("text.onnx", "hello")], /text\.onnx: .*ONNX/],
  [
    "a cut policy",
    () => ["evaluate", file("cut.onnx", readFileSync(policy).subarray(0, 999))],
    /cut\.onnx: /,
  ],
  [
    "a robot's policy that is text",
    () => [
      "run",
      file("r.yaml", robot("serial: { path: x }")),
      "--policy",
      file("t.onnx", "hello"),
    ],
    /t\.onnx: .*ONNX/,
  ],
  ["neither a policy nor --random", () => ["evaluate"], /--random/],
  ["a policy and --random", () => ["evaluate", policy, "--random"], /leave .*policy\.onnx out/],
  ["a policy and a task", () => ["evaluate", policy, "--env", "hopper"], /--env hopper/],
  ["a missing robot file", () => ["run", "none.yaml", "--policy", policy], /none.yaml/],
  [
    "malformed YAML, by line and column",
    () => ["run", file("bad.yaml", "robot: r\nlink: [\n"), "--policy", policy],
    /bad\.yaml:\d+:\d+/,
  ],
  [
    "an unknown key, by line and column",
    () => [
      "run",
      file("key.yaml", `${robot("serial: { path: x }")}colour: red\n`),
      "--policy",
      policy,
    ],
    /key\.yaml:5:\d+.*"colour"/,
  ],
  [
    "a missing port",
    () => ["run", file("port.yaml", robot("serial: { path: /dev/none }")), "--policy", policy],
    /\/dev\/none/,
  ],
  [
    "an unreachable broker",
    () => [
      "run",
      file("mqtt.yaml", robot('mqtt: { url: "mqtt://127.0.0.1:1" }')),
      "--policy",
      policy,
    ],
    /127\.0\.0\.1:1/,
  ],
  [
    "a password for all to read",
    () => ["bridge", "--port", "/dev/none", "--url", "mqtt://me:s3cret@h"],
    /"mqtt:\/\/\.\.\.@h" is no broker: .*passwords in a file/,
  ],
  ["a bridge without its port", () => ["bridge", "--port", "/dev/none"], /\/dev\/none/],
  [
    "a log that is not a log",
    () => ["replay", file("a.mcap", "hi"), "--policy", policy],
    /a\.mcap/,
  ],
  [
    "retraining without its run",
    () => ["retrain", file("b.mcap", "hi"), "--run", folder, "--policy", policy],
    /b\.mcap/,
  ],
  [
    "networks and a policy at once",
    () => ["export", folder, "--networks", folder, "--last"],
    /leave --last and --out off/,
  ],
  ["networks without their run", () => ["export", folder, "--networks", folder], /no run was sav/],
  ["an export without its run", () => ["export", folder], /no run was saved there/],
];

for (const [name, words, told] of bad) {
  test(`one clear line and exit code 2: ${name}`, async () => {
    await ready;
    const { code, out, err } = await sinew(...words());
    assert.equal(code, 2, err);
    assert.equal(out, "");
    assert.match(err, told);
    assert.equal(err.trim().split("\n").length, 1, err);
  });
}

test("inspect prints the contract as a table, and as JSON", async () => {
  await ready;
  const { code, out } = await sinew("inspect", policy);
  assert.equal(code, 0);
  assert.match(out, /observation\[2\] +pole_velocity +rad\/s +-8 +8/);
  assert.match(out, /action\[0\] +pole_torque +N\*m +-2 +2/);
  assert.match(out, /holds on this machine/);
  const { contract, proofError } = JSON.parse((await sinew("inspect", policy, "--json")).out);
  assert.equal(contract.spec.periodUs, 50_000);
  assert.ok(proofError <= 1e-5);
});

test("contract writes the header, and says whether one is this one", async () => {
  await ready;
  const robot = join(folder, "arm.yaml");
  const out = join(folder, "contract.h");
  const lines = ["robot: arm", "link: { serial: { path: /dev/x } }", `policy: ${policy}`];
  writeFileSync(robot, `${lines.join("\n")}\n`);
  const first = await sinew("contract", robot, "--out", out, "--json");
  assert.equal(first.code, 0, first.err);
  const { hash, path } = JSON.parse(first.out);
  assert.equal(path, out);
  assert.equal(hash, hashContract(rampingToZero(pendulumSpec)).toString(16).padStart(8, "0"));
  assert.match(readFileSync(out, "utf8"), new RegExp(`SINEW_CONTRACT_HASH 0x${hash}u`));
  assert.equal((await sinew("contract", robot, "--out", out, "--check")).code, 0);
  writeFileSync(robot, `${lines.join("\n")}\nstops: { pole_torque: off }\n`);
  const other = await sinew("contract", robot, "--out", out, "--check", "--json");
  assert.equal(other.code, 1);
  assert.notEqual(JSON.parse(other.out).hash, hash);
  // The device meets the loop, which may turn faster than the policy's rate.
  writeFileSync(robot, `${lines.join("\n")}\ncontrol: { rateHz: 100 }\n`);
  const faster = await sinew("contract", robot, "--out", out, "--json");
  const expected = hashContract(rampingToZero({ ...pendulumSpec, periodUs: 10_000 }));
  assert.equal(JSON.parse(faster.out).hash, expected.toString(16).padStart(8, "0"));
});

test("contract has the channels as robot.yaml says that the device has them", async () => {
  await ready;
  const robot = join(folder, "named.yaml");
  const out = join(folder, "named.h");
  const names = "observation: { gyro: pole_velocity, x: pole_cos, y: pole_sin }";
  const lines = ["robot: arm", "link: { serial: { path: /dev/x } }", `policy: ${policy}`];
  const mapped = (action: string): string[] => [...lines, `channels: { ${names}, ${action} }`, ""];
  writeFileSync(robot, mapped("action: { m1: pole_torque }").join("\n"));
  const { code, err, out: told } = await sinew("contract", robot, "--out", out, "--json");
  assert.equal(code, 0, err);
  const [cosine, sine, velocity] = pendulumSpec.observation;
  const [torque] = pendulumSpec.action;
  const observation = [
    { ...velocity, name: "gyro" },
    { ...cosine, name: "x" },
    { ...sine, name: "y" },
  ];
  const device = { ...pendulumSpec, observation, action: [{ ...torque, name: "m1" }] };
  const hash = hashContract(rampingToZero(device)).toString(16).padStart(8, "0");
  assert.equal(JSON.parse(told).hash, hash);
  const header = readFileSync(out, "utf8");
  const rows = ["OBSERVATION_GYRO 0u", "OBSERVATION_X 1u", "OBSERVATION_Y 2u", "ACTION_M1 0u"];
  for (const row of rows) assert.match(header, new RegExp(`^#define SINEW_${row}$`, "m"));
  assert.match(header, /\{"gyro", "rad\/s", -8\.0f, 8\.0f, .*\},\n {4}\{"x", "1", -1\.0f, 1\.0f/);
  writeFileSync(robot, mapped("action: { m1: pole_torqe }").join("\n"));
  const wrong = await sinew("contract", robot, "--out", out);
  assert.equal(wrong.code, 2);
  assert.match(
    wrong.err,
    /named\.yaml.*channels\.action: "pole_torqe" is not of .*is it pole_torque/,
  );
});

test("contract, calibrate and wiggle tell every mistake, with its place", async () => {
  await ready;
  const servos = "[{ id: 1, joint: pan, zeroCounts: unknown, sign: unknown }]";
  const link = (line: string): string => `robot: Arm\nlink: { ${line} }\ncolour: red\n`;
  const bus = file("bus.yaml", link(`feetech: { path: /dev/none, servos: ${servos} }`));
  const board = file("board.yaml", link("serial: { path: /dev/none }"));
  const both = /^\S+\.yaml:1:8: "robot": give a name.*\n\S+\.yaml:3:1: unknown key "colour".*\n$/;
  for (const words of [
    ["contract", board, "--policy", policy],
    ["calibrate", bus, "--policy", policy],
    ["wiggle", board, "--policy", policy, "--joint", "pole", "--yes"],
  ]) {
    const { code, out, err } = await sinew(...words);
    assert.deepEqual([code, out], [2, ""], words[0]);
    assert.match(err, both, words[0]);
    const { mistakes } = JSON.parse((await sinew(...words, "--json")).out);
    assert.deepEqual(
      mistakes.map(({ line }: { line: number }) => line),
      [1, 3],
    );
  }
  const lines = ["robot: arm", "link: { serial: { path: /dev/none } }"];
  lines.push(
    "control: { rateHz: 33 }",
    "stops: { pole: off }",
    "channels: { action: { m1: pole } }",
  );
  const fit = file("fit.yaml", `${lines.join("\n")}\n`);
  const places = [3, 4, 5, 5].map((line) => `\\S+fit\\.yaml:${line}:\\d+: .*\\n`).join("");
  for (const words of [
    ["contract", fit, "--policy", policy, "--out", join(folder, "none.h")],
    ["wiggle", fit, "--policy", policy, "--joint", "pole", "--yes"],
  ]) {
    const { code, out, err } = await sinew(...words);
    assert.deepEqual([code, out], [2, ""], words[0]);
    assert.match(err, new RegExp(`^${places}$`), words[0]);
  }
  assert.ok(!readdirSync(folder).includes("none.h"));
});

test("train, export and evaluate, the whole way through the command line", async () => {
  const run = join(folder, "run");
  const flags = ["--steps", "1200", "--learn-after", "200", "--folder", run, "--json"];
  flags.push("--evaluate-every", "500", "--film-every", "700");
  const trained = await sinew("train", ...flags);
  assert.equal(trained.code, 0, trained.err);
  const { bestReturn, randomReturn, policy: path } = JSON.parse(trained.out);
  assert.match(trained.err, /^noise +gaussian sigma 0\.2: rms 0\.20, /m);
  assert.match(trained.err, /^random +-1\d\d\d\.\d\d +uniform actions, on the first 100 of them$/m);
  const films = readdirSync(run).filter((name) => name.startsWith("film-"));
  assert.deepEqual(films, ["film-1008.svg"]);
  assert.match(trained.err, /^film +.*film-1008\.svg$/m);
  const report = JSON.parse(readFileSync(join(run, "report.json"), "utf8"));
  assert.deepEqual([report.randomReturn, report.randomStarts], [randomReturn, 100]);
  assert.match(readFileSync(join(run, "report.html"), "utf8"), /<th scope="row">random<\/th>/);
  const random = await sinew("evaluate", "--random", "--starts", "100", "--json");
  assert.equal(JSON.parse(random.out).mean, randomReturn);
  const out = join(folder, "exported.onnx");
  assert.equal((await sinew("export", run, "--out", out)).code, 0);
  assert.deepEqual(readFileSync(out), readFileSync(path));
  const nets = join(folder, "networks");
  const exported = await sinew("export", run, "--networks", nets, "--json");
  const names = ["actor", "actor-target", "critic", "critic-target"].map((name) => `${name}.onnx`);
  assert.deepEqual(readdirSync(nets).sort(), [...names].sort());
  const { networks } = JSON.parse(exported.out);
  assert.deepEqual(
    networks.map(({ path }: { path: string }) => path),
    names.map((name) => join(nets, name)),
  );
  const { mean } = JSON.parse((await sinew("evaluate", out, "--json")).out);
  assert.equal(mean, bestReturn);
});

test("a reader that closes the pipe ends nothing and costs no stack trace", async () => {
  const child = spawn(process.execPath, [main, "train", "--help"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stdout.destroy();
  let told = "";
  child.stderr.on("data", (part: Buffer) => {
    told += part.toString();
  });
  const [code] = (await once(child, "close")) as [number];
  assert.deepEqual({ code, told }, { code: 0, told: "" });
});
