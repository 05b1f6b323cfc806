// Trains Pendulum once a seed and tells each return on the 1,000 judged starts, noise off.
//   node dist/tools/learning-quality.js [--seeds 10] [--steps 20000] [--engine onnx] [--json]
// Exits 1 where the best policy of any seed returns less than -160; the optimum is -137.7.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { monotonicClock } from "../src/core/clock.ts";
import type { EngineKind } from "../src/learn/engine.ts";
import { defaultSettings } from "../src/learn/presets.ts";
import { train } from "../src/learn/train.ts";
import { openTask } from "../src/sim/tasks.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "10" },
    first: { type: "string", default: "0" },
    steps: { type: "string", default: String(defaultSettings.steps) },
    engine: { type: "string", default: "onnx" },
    set: { type: "string", multiple: true, default: [] },
    json: { type: "boolean", default: false },
  },
});

const meanReturnMin = -160;
const task = await openTask("pendulum");
const folder = mkdtempSync(join(tmpdir(), "sinew-learning-"));
const means: number[] = [];
for (let seed = Number(values.first); seed < Number(values.first) + Number(values.seeds); seed++) {
  const changes = Object.fromEntries(
    values.set.map((text) => {
      const [name, value] = text.split("=");
      return [name, JSON.parse(value)];
    }),
  );
  const { engine, steps } = values;
  const settings = {
    ...defaultSettings,
    ...{ seed, steps: Number(steps), engine: engine as EngineKind },
    ...changes,
  };
  const result = await train(settings, {
    task,
    folder: join(folder, String(seed)),
    clock: monotonicClock(),
    wallSeconds: () => 0,
    listener: {},
    resume: false,
  });
  means.push(result.best.mean);
  const row = {
    seed,
    best: result.best.mean,
    bestStep: result.bestStep,
    final: result.final.mean,
    worstStart: result.best.worst,
    seconds: result.seconds,
  };
  const text = Object.entries(row).map(([name, value]) => `${name} ${Number(value.toFixed(2))}`);
  process.stdout.write(values.json ? `${JSON.stringify(row)}\n` : `${text.join("  ")}\n`);
}
rmSync(folder, { recursive: true });
const passed = means.filter((mean) => mean >= meanReturnMin).length;
const sorted = [...means].sort((a, b) => a - b);
const median = sorted[Math.floor(sorted.length / 2)];
if (!values.json) {
  process.stdout.write(`median ${median.toFixed(2)}, worst ${sorted[0].toFixed(2)}\n`);
  process.stdout.write(`${passed} passed, ${means.length - passed} failed\n`);
}
if (passed < means.length) process.exitCode = 1;
