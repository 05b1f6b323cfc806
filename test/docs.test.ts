// The documents name only commands that there are, with options that they have.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { parseRobot } from "../src/edge/robot.ts";
import { exportPolicy } from "../src/policy/export.ts";
import { randomPolicy } from "./policy/random-policy.ts";

const documents = [
  "README.md",
  "ARCHITECTURE.md",
  "CONTRIBUTING.md",
  "firmware-bridge/PROTOCOL.md",
  "firmware-bridge/README.md",
  ...readdirSync("docs")
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name)),
];
const benches = readdirSync("tools/bench")
  .filter((file) => file.endsWith(".ts") && file !== "main.ts")
  .map((file) => file.slice(0, -3));
const main = fileURLToPath(new URL("../src/cli/main.js", import.meta.url));
const scripts: Readonly<Record<string, string>> = JSON.parse(
  readFileSync("package.json", "utf8"),
).scripts;

/** Command lines of a document: in fenced blocks and in back-quotes, without their comments. */
function commandsIn(text: string): string[] {
  const fenced = [...text.matchAll(/```[a-z]*\n([\s\S]*?)```/g)].flatMap(([, body]) =>
    body.split("\n"),
  );
  const quoted = [...text.matchAll(/`([^`\n]+)`/g)].map(([, body]) => body);
  return [...fenced, ...quoted]
    .map((line) => line.split("#")[0].trim())
    .filter((line) => /^(npx sinew|npm run|node dist\/)/.test(line));
}

const helps = new Map<string, string>();
function helpOf(verb: string): string {
  const known = helps.get(verb);
  if (known !== undefined) return known;
  const help = execFileSync(process.execPath, [main, verb, "--help"], { encoding: "utf8" });
  helps.set(verb, help);
  return help;
}

function check(command: string): void {
  // A log has the time in its name when its run began.
  for (const [, log] of command.matchAll(/(\S+)\.mcap\b/g)) assert.match(log, /[Z*]$/, command);
  const words = command.split(/\s+/);
  if (words[0] === "node") {
    const source = words[1].replace(/^dist\//, "").replace(/\.js$/, ".ts");
    assert.ok(existsSync(source), `${command}: no ${source}`);
    return;
  }
  const script = words.slice(2).find((word) => !word.startsWith("--")) ?? "--";
  if (words[0] === "npm") {
    assert.ok(script in scripts, `${command}: no such script`);
    if (script === "bench") checkBench(command, words.slice(words.indexOf("--") + 1));
    return;
  }
  if (script.startsWith("--")) return;
  for (const flag of words.filter((word) => word.startsWith("--"))) {
    assert.ok(helpOf(script).includes(`${flag} `), `${command}: no option ${flag}`);
  }
}

function checkBench(command: string, [name, ...words]: readonly string[]): void {
  assert.ok(name === "<name>" || benches.includes(name), `${command}: no such benchmark`);
  const source = readFileSync("tools/bench/main.ts", "utf8");
  for (const flag of words.filter((word) => word.startsWith("--"))) {
    assert.ok(new RegExp(`"?${flag.slice(2)}"?: \\{ type:`).test(source), `${command}: no ${flag}`);
  }
}

test("README.md tells how many scenarios there are, to the ten", () => {
  const count = readdirSync("test/hil/scenarios").filter((name) => name.endsWith(".yaml")).length;
  const [, said] = readFileSync("README.md", "utf8").match(/\bover (\d+) scenarios\b/) ?? [];
  assert.equal(Number(said), 10 * Math.floor((count - 1) / 10), `there are ${count}`);
});

test("docs/benchmarks.md has the command of each benchmark and a place for its table", () => {
  const text = readFileSync("docs/benchmarks.md", "utf8");
  for (const name of benches) {
    assert.ok(text.includes(`npm run bench -- ${name}`), name);
    assert.match(text, new RegExp(`<!-- bench:${name} -->\\n(.*\\n)*<!-- /bench:${name} -->\\n`));
  }
});

for (const path of documents) {
  test(`${path}: its commands and its links are there`, () => {
    const text = readFileSync(path, "utf8");
    for (const command of commandsIn(text)) check(command);
    for (const [, target] of text.matchAll(/\]\(([^)#]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      assert.ok(existsSync(join(dirname(path), target)), `${path}: no ${target}`);
    }
  });
}

/** The YAML of a document. */
function yamlIn(path: string): string[] {
  const text = readFileSync(path, "utf8");
  return [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, body]) => body);
}

for (const path of documents) {
  const robots = yamlIn(path).filter((body) => /^robot: [a-z]/m.test(body));
  if (robots.length === 0) continue;
  test(`${path}: its robot files are read`, () => {
    for (const body of robots) parseRobot(body, path);
  });
}

test("docs/your-board.md: its robot.yaml has a contract, with the stop that it names", async () => {
  const [robot] = yamlIn("docs/your-board.md");
  const folder = mkdtempSync(join(tmpdir(), "sinew-board-"));
  // What firmware-bridge/targets/pd-servo.c observes and is told.
  const angle = (name: string, most: number) => ({ name, unit: "rad", low: -most, high: most });
  const observation = [
    angle("joint_angle", 1.6),
    { ...angle("joint_velocity", 20), unit: "rad/s" },
  ];
  const spec = { observation, action: [angle("joint_target", 1.5)], periodUs: 20_000 };
  const contract = (text: string): string => {
    writeFileSync(join(folder, "robot.yaml"), text);
    const words = [main, "contract", "robot.yaml", "--policy", "policy.onnx"];
    const { status, stderr } = spawnSync(process.execPath, words, {
      cwd: folder,
      encoding: "utf8",
    });
    return status === 0 ? readFileSync(join(folder, "contract.h"), "utf8") : stderr;
  };
  try {
    writeFileSync(join(folder, "policy.onnx"), await exportPolicy(randomPolicy(1, spec)));
    const header = contract(robot);
    assert.match(header, /SINEW_ACTION_JOINT_TARGET/);
    assert.match(
      header,
      /\{"joint_target", "rad", .*, 1u, 0u\},/,
      "it holds what is observed first",
    );
    const words = [main, "run", "robot.yaml", "--policy", "policy.onnx", "--dry-run"];
    const dry = spawnSync(process.execPath, words, { cwd: folder, encoding: "utf8" });
    assert.equal(dry.status, 0, dry.stderr);
    assert.match(
      contract(robot.replace(/stops:\n.*\n/, "")),
      /^robot\.yaml:1:1: stops: "joint_target" is told in rad/,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("docs/runs.md: its program runs where sinew is installed, and is called back", () => {
  const [, program] = readFileSync("docs/runs.md", "utf8").match(/```js\n([\s\S]*?)```/) ?? [];
  const folder = mkdtempSync(join(tmpdir(), "sinew-program-"));
  try {
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(resolve("."), join(folder, "node_modules/sinew"));
    writeFileSync(join(folder, "program.mjs"), program);
    const words = ["program.mjs"];
    const told = execFileSync(process.execPath, words, { cwd: folder, encoding: "utf8" });
    assert.match(told, /^1000: -\d+\.\d, the best\n(\d+: .*\n){10}kept: .*policy\.onnx, -/);
    assert.ok(existsSync(join(folder, "runs/from-a-program/policy.onnx")));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
