// Compiles the headers of `npx sinew contract`, as C11 and as C++, for contracts of every shape:
// the firmware's own hash of each channel table must be the header's.
//   node dist/tools/test-contract.js [--seed 1] [--count 20]
// Needs a C and a C++ compiler. Ends with "N passed, N failed"; exit 1 on a failure.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Rng } from "../src/core/rng.ts";
import { contractHeader } from "../src/wire/contract-header.ts";
import { randomContract } from "../test/wire/random-contract.ts";
import { coreSources } from "./firmware-sources.ts";

/** A port of no actuators that states the contract and says which hash the core makes of it. */
const program = `
#include <stdio.h>
#include "session.h"
#include "contract.h"
int main(void) {
  const struct sinew_target target = {
    .name = "test", .period_us = SINEW_CONTRACT_PERIOD_US, .channels = sinew_contract_channels,
    .observation_count = SINEW_CONTRACT_OBSERVATIONS, .action_count = SINEW_CONTRACT_ACTIONS,
  };
  const unsigned long told = SINEW_CONTRACT_HASH, made = sinew_contract_hash(&target);
  printf("%08lx %08lx\\n", told, made);
  return told == made ? 0 : 1;
}
`;

/** As a sketch would have it: the header alone must be C++ too. */
const sketch = `
extern "C" {
#include "target.h"
#include "contract.h"
}
int main() { return sizeof sinew_contract_channels > 0 && SINEW_CONTRACT_HASH != 1u ? 0 : 1; }
`;

function run(command: string, words: readonly string[]): string | null {
  const result = spawnSync(command, words, { cwd: "firmware-bridge", encoding: "utf8" });
  if (result.status === 0) return null;
  return `${command}: ${result.error ?? `${result.stdout}${result.stderr}`.trim()}`;
}

/** What went wrong with one contract; null where nothing did. */
function fault(folder: string, seed: number): string | null {
  writeFileSync(join(folder, "contract.h"), contractHeader(randomContract(new Rng(seed))));
  const flags = ["-Wall", "-Wextra", "-Werror", "-Icore", `-I${folder}`];
  const built = join(folder, "program");
  const source = join(folder, "program.c");
  const sketchSource = join(folder, "sketch.cpp");
  return (
    run("cc", ["-std=c11", ...flags, ...coreSources, source, "-o", built]) ??
    run(built, []) ??
    run("c++", ["-std=gnu++11", ...flags, sketchSource, "-o", built]) ??
    run(built, [])
  );
}

const { values } = parseArgs({
  options: { seed: { type: "string", default: "1" }, count: { type: "string", default: "20" } },
});
const folder = mkdtempSync(join(tmpdir(), "sinew-contract-"));
const count = { passed: 0, failed: 0 };
try {
  writeFileSync(join(folder, "program.c"), program);
  writeFileSync(join(folder, "sketch.cpp"), sketch);
  const first = Number(values.seed);
  for (let seed = first; seed < first + Number(values.count); seed++) {
    const why = fault(folder, seed);
    count[why === null ? "passed" : "failed"]++;
    if (why !== null) process.stdout.write(`NOT OK seed ${seed} ${why}\n`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.stdout.write(`${count.passed} passed, ${count.failed} failed\n`);
process.exitCode = count.failed > 0 ? 1 : 0;
