import { writeFileSync } from "node:fs";
import { Command, Option } from "commander";
import { SinewError } from "../core/errors.ts";
import { wholeNumber } from "./option.ts";
import { Terminal } from "./terminal.ts";

interface Options {
  readonly out: string;
  readonly x: "step" | "seconds";
  readonly smooth: number;
  readonly json: boolean;
}

/** `sinew plot`. */
export function plotCommand(): Command {
  return new Command("plot")
    .description("Draw learning curves of runs; those that differ in the seed alone are one curve.")
    .argument("<runs...>", "folders of training runs, or folders of such folders")
    .option("--out <path>", "the picture", "curve.svg")
    .addOption(
      new Option("--x <quantity>", "what the curves run along")
        .choices(["step", "seconds"])
        .default("step"),
    )
    .option(
      "--smooth <count>",
      "points averaged, each with those before",
      wholeNumber(1, 10_000),
      1,
    )
    .option("--json", "print the result as one JSON object on stdout", false)
    .addHelpText("after", "\nExample:\n  npx sinew plot runs/pendulum-0 runs/pendulum-1 --smooth 3")
    .action(act);
}

async function act(folders: readonly string[], options: Options): Promise<void> {
  const { curveSvg } = await import("../learn/curve.ts");
  const { runsIn, seriesOf } = await import("../learn/run-folder.ts");
  const terminal = new Terminal(options);
  const runs = folders.flatMap(runsIn);
  const series = seriesOf(runs);
  const tasks = new Set(runs.flatMap(({ report }) => (report === undefined ? [] : [report.task])));
  const title = [...tasks].join(", ") || "learning curves";
  const svg = curveSvg({ title, series, x: options.x, smooth: options.smooth });
  try {
    writeFileSync(options.out, svg);
  } catch (error) {
    throw new SinewError("usage", `cannot write ${options.out}`, { cause: error });
  }
  terminal.line(`curve       ${options.out}: ${runs.length} runs in ${series.length} curves`);
  terminal.result({
    curve: options.out,
    series: series.map(({ label, runs: lines }) => ({ label, runs: lines.length })),
  });
}
