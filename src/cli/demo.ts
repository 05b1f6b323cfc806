import { mkdirSync, rmSync } from "node:fs";
import { Argument, Command } from "commander";
import type { DemoOptions } from "./demo-stage.ts";
import { numberWithin, wholeNumber } from "./option.ts";
import { Terminal } from "./terminal.ts";

type Options = Omit<DemoOptions, "steps"> & { readonly steps?: number };

/** How long each demo trains at most, environment steps. */
const stepsOf = { pendulum: 8_000, "servo-arm": 12_000 } as const;

/** `sinew demo`. */
export function demoCommand(): Command {
  return new Command("demo")
    .description("The whole loop on an emulated RP2040: train, prove, drive, log, replay, retrain.")
    .addArgument(
      new Argument("[task]", "a pendulum on our firmware, or six servos on a serial bus")
        .choices(Object.keys(stepsOf))
        .default("pendulum"),
    )
    .option("--seed <number>", "seed of everything random", wholeNumber(0, 2 ** 32), 0)
    .option(
      "--steps <count>",
      `environment steps of training, at most (default: ${stepsOf.pendulum}, servo-arm ` +
        `${stepsOf["servo-arm"]})`,
      wholeNumber(1_000, 1e7),
    )
    .option("--seconds <s>", "length of each drive, in seconds", numberWithin(6, 3600), 13)
    .option("--folder <path>", "where everything is left; emptied first", "runs/demo")
    .option("--json", "print the table as one JSON object on stdout, and nothing else there", false)
    .addHelpText("after", "\nExamples:\n  npm run demo\n  npx sinew demo servo-arm")
    .action(act);
}

async function act(task: keyof typeof stepsOf, options: Options): Promise<void> {
  const { demoPendulum } = await import("./demo-pendulum.ts");
  const { demoArm } = await import("./demo-arm.ts");
  rmSync(options.folder, { recursive: true, force: true });
  mkdirSync(options.folder, { recursive: true });
  const demo = task === "pendulum" ? demoPendulum : demoArm;
  await demo({ ...options, steps: options.steps ?? stepsOf[task] }, new Terminal(options));
}
