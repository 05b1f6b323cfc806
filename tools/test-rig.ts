// What the rig is worth: firmware, or a host, without one of its protections must fail a scenario,
// and whole ones must pass it.
//   node dist/tools/test-rig.js [part of a mutant's name]
// Needs a C compiler. Ends with "N passed, N failed"; exit 1 on a failure.
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { monotonicClock } from "../src/core/clock.ts";
import { buildNative } from "../src/hil/native-program.ts";
import { startProgram } from "../src/hil/program-board.ts";
import { parseScenario } from "../src/hil/scenario.ts";
import { type Bench, runTrial, type Trial } from "../src/hil/trial.ts";
import { firmwareMutants, hostMutants, type Mutant } from "./rig-mutants.ts";

const clock = monotonicClock();

async function trial(scenario: string, sources: string, bench: Bench): Promise<Trial> {
  const path = `test/hil/scenarios/${scenario}.yaml`;
  const parsed = parseScenario(scenario, readFileSync(path, "utf8"), path);
  const program = buildNative(sources, parsed.drives);
  const start = () => startProgram(program, [], { stopLine: true });
  const target = { name: "native", by: "native", stopLine: true, drives: () => true, start };
  return runTrial(parsed, target, bench);
}

/** What a file below `folder` reads with an edit. */
function editedFile(
  { name }: Mutant,
  folder: string,
  [file, from, to]: Mutant["edits"][number],
): string {
  const parts = readFileSync(join(folder, file), "utf8").split(from);
  if (parts.length !== 2) throw new Error(`${name}: ${file} has ${parts.length - 1} "${from}"`);
  return parts.join(to);
}

/** Puts the mutant's edits into the files below `folder`. */
function edit(mutant: Mutant, folder: string): void {
  for (const one of mutant.edits) {
    writeFileSync(join(folder, one[0]), editedFile(mutant, folder, one));
  }
}

/** What a scenario sees of firmware with the mutant's edits, or of the whole. */
async function onFirmware(scenario: string, mutant: Mutant | null, folder: string): Promise<Seen> {
  let sources = "firmware-bridge";
  if (mutant !== null) {
    sources = join(folder, "firmware");
    cpSync("firmware-bridge", sources, { recursive: true });
    edit(mutant, join(sources, "core"));
  }
  const startedAt = new Date().toISOString();
  const policy = "models/pendulum/policy.onnx";
  const bench = { clock, startedAt, folder: join(folder, "logs"), policy, seed: 1 };
  return (await trial(scenario, sources, bench)).verdict;
}

/** The same of a host, in a copy of the program. */
function onHost(scenario: string, mutant: Mutant, folder: string): Seen {
  cpSync("dist", join(folder, "dist"), { recursive: true });
  for (const name of ["node_modules", "src", "models", "firmware-bridge", "package.json"]) {
    symlinkSync(resolve(name), join(folder, name));
  }
  edit(mutant, join(folder, "dist/src"));
  const path = resolve(`test/hil/scenarios/${scenario}.yaml`);
  const words = ["dist/src/cli/main.js", "hil", path, "--target", "native", "--json"];
  const { stdout, stderr } = spawnSync(process.execPath, words, { cwd: folder, encoding: "utf8" });
  if (stdout === "") throw new Error(`${mutant.name}: ${stderr}`);
  return JSON.parse(stdout) as Seen;
}

/** What a trial came to. */
type Seen = Pick<Trial["verdict"], "ok" | "faults">;

async function main(): Promise<void> {
  const count = { passed: 0, failed: 0 };
  const tell = (good: boolean, line: string): void => {
    count[good ? "passed" : "failed"]++;
    process.stdout.write(`${good ? "ok    " : "NOT OK"} ${line}\n`);
  };
  const inFolder = async (see: (folder: string) => Promise<Seen> | Seen): Promise<Seen> => {
    const folder = mkdtempSync(join(tmpdir(), "sinew-test-rig-"));
    try {
      return await see(folder);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };
  const part = process.argv[2] ?? "";
  const chosen = [...firmwareMutants, ...hostMutants].filter(({ name }) => name.includes(part));
  for (const mutant of chosen) {
    const folder = firmwareMutants.includes(mutant) ? "firmware-bridge/core" : "dist/src";
    // Not after minutes, that a place has changed since.
    for (const one of mutant.edits) editedFile(mutant, folder, one);
  }
  const scenarios = new Set<string>();
  for (const mutant of chosen) {
    const { name, scenario, sees } = mutant;
    scenarios.add(scenario);
    const { faults } = await inFolder((folder) =>
      firmwareMutants.includes(mutant)
        ? onFirmware(scenario, mutant, folder)
        : onHost(scenario, mutant, folder),
    );
    const seen = faults.join("; ");
    tell(sees.test(seen), `${name}: ${scenario} ${seen || "sees nothing"}`);
  }
  for (const scenario of scenarios) {
    const { ok, faults } = await inFolder((folder) => onFirmware(scenario, null, folder));
    tell(ok, `whole: ${scenario} ${faults.join("; ")}`);
  }
  process.stdout.write(`${count.passed} passed, ${count.failed} failed\n`);
  process.exitCode = count.failed > 0 ? 1 : 0;
}

await main();
