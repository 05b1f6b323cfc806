#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import { messageOf, SinewError } from "../core/errors.ts";
import { bridgeCommand } from "./bridge.ts";
import { calibrateCommand } from "./calibrate.ts";
import { checkEnvCommand } from "./check-env.ts";
import { contractCommand } from "./contract.ts";
import { ctlCommand } from "./ctl.ts";
import { demoCommand } from "./demo.ts";
import { doctorCommand } from "./doctor.ts";
import { evaluateCommand } from "./evaluate.ts";
import { exportCommand } from "./export.ts";
import { failsafeCommand } from "./failsafe.ts";
import { filmCommand } from "./film.ts";
import { hilCommand } from "./hil.ts";
import { importCommand } from "./import.ts";
import { inspectCommand } from "./inspect.ts";
import { plotCommand } from "./plot.ts";
import { replayCommand } from "./replay.ts";
import { retrainCommand } from "./retrain.ts";
import { runCommand } from "./run.ts";
import { sweepCommand } from "./sweep.ts";
import { trainCommand } from "./train.ts";

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

for (const command of [
  trainCommand(),
  sweepCommand(),
  evaluateCommand(),
  plotCommand(),
  filmCommand(),
  checkEnvCommand(),
  exportCommand(),
  importCommand(),
  inspectCommand(),
  contractCommand(),
  calibrateCommand(),
  doctorCommand(),
  runCommand(),
  ctlCommand(),
  bridgeCommand(),
  replayCommand(),
  retrainCommand(),
  hilCommand(),
  failsafeCommand(),
  demoCommand(),
]) {
  program.addCommand(command);
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
