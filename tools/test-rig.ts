// What the rig is worth: firmware without one of its protections must fail a scenario, and whole
// firmware must pass it.
//   node dist/tools/test-rig.js
// Needs a C compiler. Ends with "N passed, N failed"; exit 1 on a failure.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monotonicClock } from "../src/core/clock.ts";
import { buildNative } from "../src/hil/native-program.ts";
import { startProgram } from "../src/hil/program-board.ts";
import { parseScenario } from "../src/hil/scenario.ts";
import { type Bench, runTrial, type Trial } from "../src/hil/trial.ts";

/** Firmware with a fault, and the scenario that has to see it. */
interface Mutant {
  readonly name: string;
  readonly scenario: string;
  /** What it has to see. */
  readonly sees: RegExp;
  /** File below core/, what stands there once, and what stands there then. */
  readonly edits: readonly (readonly [file: string, from: string, to: string])[];
}

/** When the device's own watchdog trips. */
const watchdog = ["stop.c", "sinew_reached(now_us, stop->expires_us)"] as const;

const mutants: readonly Mutant[] = [
  {
    name: "a watchdog that is 0.3 s late, which is not armed",
    scenario: "sigkill",
    sees: /never armed: .*did not arm: .*firmware does not stop by itself: [56]\d ms after/,
    edits: [[...watchdog, "sinew_reached(now_us, stop->expires_us + 300000u)"]],
  },
  {
    name: "no watchdog, which is not armed",
    scenario: "sigkill",
    sees: /never armed: .*did not arm: .*firmware does not stop by itself/,
    edits: [[...watchdog, "false"]],
  },
  {
    name: "a watchdog that is 0.3 s late where it matters",
    scenario: "sigkill",
    sees: /safe after 30\d/,
    edits: [[...watchdog, "sinew_reached(now_us, stop->expires_us + 300000u * (stop->mode == 1))"]],
  },
  {
    name: "a trial that drives",
    scenario: "sigkill",
    sees: /it does .*, where the host said nothing|never armed: .*was driven in the trial/,
    edits: [
      [
        "session.c",
        "if (session->stop.mode == SINEW_DEVICE_MODE_ARMED) {\n    sinew_drive_c",
        "{\n    sinew_drive_c",
      ],
      [
        "session.c",
        "if (session->stop.mode == SINEW_DEVICE_MODE_ARMED) return;",
        "if (sinew_stop_live(&session->stop)) return;",
      ],
    ],
  },
  {
    name: "a stop line that nobody reads",
    scenario: "stop-line",
    sees: /reason is host, not stopLine/,
    edits: [["session.c", "session->hal->stop_open()", "false"]],
  },
  {
    name: "a stop line that does not latch",
    scenario: "stop-line",
    sees: /a second host was not refused/,
    edits: [
      [
        "session.c",
        "  if (line_open(session) && sinew_stop_live(",
        "  if (!line_open(session) && session->stop.reason == 7) session->stop.mode = 0;\n" +
          "  if (line_open(session) && sinew_stop_live(",
      ],
    ],
  },
  {
    name: "a stop without a ramp",
    scenario: "sigkill",
    sees: /off the ramp/,
    edits: [
      [
        "stop.c",
        "return (float)(SINEW_STOP_RAMP_US - elapsed_us) / (float)SINEW_STOP_RAMP_US;",
        "return 1.0f;",
      ],
    ],
  },
  {
    name: "a stop that does not latch",
    scenario: "sigkill",
    sees: /left its stop by itself/,
    edits: [
      [
        "stop.c",
        "stop->mode = SINEW_DEVICE_MODE_STOPPED;\n  }\n  return tripped;",
        "stop->mode = SINEW_DEVICE_MODE_DISARMED;\n  }\n  return tripped;",
      ],
    ],
  },
  {
    name: "values that nobody judges",
    scenario: "command-nan",
    sees: /was told NaN/,
    edits: [
      ["session.c", "return &session->stats.non_finite;", "return NULL;"],
      ["session.c", "wrong = &session->stats.out_of_range;", "wrong = NULL;"],
    ],
  },
  {
    name: "a stop that turns round",
    scenario: "sigkill",
    sees: /off the ramp/,
    edits: [["stop.c", "return (float)(SINEW_STOP_RAMP_US", "return -(float)(SINEW_STOP_RAMP_US"]],
  },
  {
    name: "limits that nobody keeps",
    scenario: "command-out-of-range",
    sees: /was told 1000000/,
    edits: [["session.c", "wrong = &session->stats.out_of_range;", "wrong = NULL;"]],
  },
];

const clock = monotonicClock();

async function trial(scenario: string, sources: string, bench: Bench): Promise<Trial> {
  const path = `test/hil/scenarios/${scenario}.yaml`;
  const program = buildNative(sources, "pendulum");
  const start = () => startProgram(program, [], { stopLine: true });
  const target = { name: "native", by: "native", stopLine: true, canDrive: () => true, start };
  return runTrial(parseScenario(scenario, readFileSync(path, "utf8"), path), target, bench);
}

/** The firmware's sources with the mutant's edits, in a folder of their own. */
function mutated({ name, edits }: Mutant, folder: string): string {
  const sources = join(folder, name.replaceAll(" ", "-"));
  cpSync("firmware-bridge", sources, { recursive: true });
  for (const [file, from, to] of edits) {
    const path = join(sources, "core", file);
    const parts = readFileSync(path, "utf8").split(from);
    if (parts.length !== 2) throw new Error(`${name}: ${file} has ${parts.length - 1} "${from}"`);
    writeFileSync(path, parts.join(to));
  }
  return sources;
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "sinew-test-rig-"));
  const startedAt = new Date().toISOString();
  const policy = "models/pendulum/policy.onnx";
  const count = { passed: 0, failed: 0 };
  const tell = (good: boolean, line: string): void => {
    count[good ? "passed" : "failed"]++;
    process.stdout.write(`${good ? "ok    " : "NOT OK"} ${line}\n`);
  };
  try {
    for (const [turn, mutant] of mutants.entries()) {
      const bench = { clock, startedAt, folder: join(folder, `logs-${turn}`), policy, seed: 1 };
      const { verdict } = await trial(mutant.scenario, mutated(mutant, folder), bench);
      const seen = verdict.faults.join("; ");
      tell(mutant.sees.test(seen), `${mutant.name}: ${mutant.scenario} ${seen || "sees nothing"}`);
    }
    for (const [turn, scenario] of [...new Set(mutants.map((one) => one.scenario))].entries()) {
      const bench = { clock, startedAt, folder: join(folder, `whole-${turn}`), policy, seed: 1 };
      const { verdict } = await trial(scenario, "firmware-bridge", bench);
      tell(verdict.ok, `whole firmware: ${scenario} ${verdict.faults.join("; ")}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  process.stdout.write(`${count.passed} passed, ${count.failed} failed\n`);
  process.exitCode = count.failed > 0 ? 1 : 0;
}

await main();
