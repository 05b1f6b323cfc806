import { writeFileSync } from "node:fs";
import { dirname, extname, join } from "node:path";
import { Command } from "commander";
import { SinewError } from "../core/errors.ts";
import type { Film } from "../sim/film.ts";
import { numberWithin, wholeNumber } from "./option.ts";
import { ofPolicyFile, readPolicyFile } from "./policy-file.ts";
import { Terminal, table } from "./terminal.ts";

interface Options {
  readonly out?: string;
  readonly seed: number;
  readonly seconds: number;
  readonly fps: number;
  readonly json: boolean;
}

/** `sinew film`. */
export function filmCommand(): Command {
  return new Command("film")
    .description("Film a policy in its simulator, noise off, as one file that moves by itself.")
    .argument("<policy>", "the policy's file, such as runs/pendulum-0/policy.onnx")
    .option("--out <path>", ".svg, or .png where SVG is not shown (default: film.svg beside it)")
    .option("--seed <number>", "seed of the start", wholeNumber(0, 2 ** 32), 1_000_000)
    .option("--seconds <s>", "longest film; an episode may end sooner", numberWithin(0.05, 120), 10)
    .option("--fps <rate>", "pictures per second, at most", numberWithin(1, 100), 25)
    .option("--json", "print the result as one JSON object on stdout", false)
    .addHelpText("after", "\nExample:\n  npx sinew film runs/pendulum-0/policy.onnx --out film.png")
    .action(act);
}

async function act(path: string, options: Options): Promise<void> {
  const { loadPolicy } = await import("../policy/policy.ts");
  const { openTaskOf } = await import("./policy-task.ts");
  const { recordFilm } = await import("../sim/film.ts");
  const out = options.out ?? join(dirname(path), "film.svg");
  const kind = extname(out).toLowerCase();
  if (kind !== ".svg" && kind !== ".png") {
    throw new SinewError("usage", `--out is "${out}": give a name that ends in .svg or .png`);
  }
  const terminal = new Terminal(options);
  const policy = await ofPolicyFile(path, () => loadPolicy(readPolicyFile(path)));
  try {
    const task = await openTaskOf(policy.contract);
    const film = await recordFilm(task, (observation, action) => policy.act(observation, action), {
      seed: options.seed,
      seconds: options.seconds,
      framesPerSecond: options.fps,
    });
    terminal.live(`drawing ${film.frames.length} pictures`);
    const bytes = await encoded(film, kind);
    write(out, bytes);
    const last = film.frames.at(-1)!;
    const ends = { terminated: "the world ended it", truncated: "a whole episode", cut: "cut" };
    const rows = [
      ["film", out],
      ["size", `${(bytes.length / 1000).toFixed(0)} KB, ${film.frames.length} pictures`],
      ["length", `${last.seconds.toFixed(2)} s: ${ends[film.end]}`],
      ["return", `${last.return.toFixed(2)} (seed ${options.seed}, noise off)`],
    ];
    for (const line of table(rows)) terminal.line(line);
    terminal.result({
      film: out,
      bytes: bytes.length,
      frames: film.frames.length,
      framesPerSecond: film.framesPerSecond,
      seconds: last.seconds,
      return: last.return,
      end: film.end,
    });
  } finally {
    await policy.close();
  }
}

async function encoded(film: Film, kind: ".svg" | ".png"): Promise<Uint8Array> {
  if (kind === ".png") return (await import("../sim/film-png.ts")).filmPng(film);
  return new TextEncoder().encode((await import("../sim/film-svg.ts")).filmSvg(film));
}

function write(path: string, bytes: Uint8Array): void {
  try {
    writeFileSync(path, bytes);
  } catch (error) {
    throw new SinewError("usage", `cannot write ${path}: give another --out`, { cause: error });
  }
}
