#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import { messageOf, SinewError } from "../core/errors.ts";

/** Each command by its name, in the order of the help: only what is asked for is loaded. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  train: async () => (await import("./train.ts")).trainCommand(),
  sweep: async () => (await import("./sweep.ts")).sweepCommand(),
  evaluate: async () => (await import("./evaluate.ts")).evaluateCommand(),
  plot: async () => (await import("./plot.ts")).plotCommand(),
  film: async () => (await import("./film.ts")).filmCommand(),
  "check-env": async () => (await import("./check-env.ts")).checkEnvCommand(),
  export: async () => (await import("./export.ts")).exportCommand(),
  import: async () => (await import("./import.ts")).importCommand(),
  inspect: async () => (await import("./inspect.ts")).inspectCommand(),
  sign: async () => (await import("./sign.ts")).signCommand(),
  verify: async () => (await import("./verify.ts")).verifyCommand(),
  contract: async () => (await import("./contract.ts")).contractCommand(),
  scan: async () => (await import("./scan.ts")).scanCommand(),
  init: async () => (await import("./init.ts")).initCommand(),
  calibrate: async () => (await import("./calibrate.ts")).calibrateCommand(),
  wiggle: async () => (await import("./wiggle.ts")).wiggleCommand(),
  doctor: async () => (await import("./doctor.ts")).doctorCommand(),
  run: async () => (await import("./run.ts")).runCommand(),
  ctl: async () => (await import("./ctl.ts")).ctlCommand(),
  bridge: async () => (await import("./bridge.ts")).bridgeCommand(),
  replay: async () => (await import("./replay.ts")).replayCommand(),
  retrain: async () => (await import("./retrain.ts")).retrainCommand(),
  hil: async () => (await import("./hil.ts")).hilCommand(),
  failsafe: async () => (await import("./failsafe.ts")).failsafeCommand(),
  demo: async () => (await import("./demo.ts")).demoCommand(),
};

const program = new Command("sinew")
  .description("Carries a learned policy from the simulator to the motor.")
  .version("0.1.0")
  .addHelpText(
    "after",
    `
Start here:  npm run demo

Exit codes:
  0  done
  1  done, and the answer is no: a replay differs, a gate says no, a run ended by a fault
  2  could not be done

A software stop is not an emergency stop: keep a switch that cuts the motors' power within reach.`,
  );

const asked = process.argv[2] ?? "";
for (const name of Object.hasOwn(commands, asked) ? [asked] : Object.keys(commands)) {
  program.addCommand(await commands[name]());
}

// Commander would exit with 1 on a wrong flag; here 1 means "the answer is no".
for (const command of [program, ...program.commands]) {
  command.exitOverride();
  // An error is one line, its suggestion included.
  command.configureOutput({
    outputError: (text, write) => write(`${text.trim().replaceAll(/\s*\n\s*/g, " ")}\n`),
  });
}

// `sinew ... | head` closes the pipe early, and a terminal may go away: what was begun, perhaps on
// a motor, is still done.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE" && error.code !== "EIO") throw error;
  });
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else {
    const code = error instanceof SinewError ? error.code : "bug";
    process.stderr.write(`sinew: ${messageOf(error)} [${code}]\n`);
    if (!(error instanceof SinewError) && error instanceof Error) {
      process.stderr.write(`${error.stack}\n`);
    }
    process.exitCode = 2;
  }
}
