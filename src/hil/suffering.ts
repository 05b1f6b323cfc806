import { spawnSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../core/clock.ts";
import { SinewError } from "../core/errors.ts";
import { Rng } from "../core/rng.ts";
import {
  delaying,
  dropping,
  duplicating,
  flipping,
  type LineFault,
  reordering,
  sound,
  truncating,
} from "../link/line-fault.ts";
import type { Board } from "./board.ts";
import { type Fault, troubleOf } from "./fault.ts";
import { altering } from "./faulty-line.ts";
import { type Host, prlimit } from "./host.ts";
import type { Medium } from "./medium.ts";
import type { Rig } from "./rig.ts";
import {
  clockJumps,
  commandsBecome,
  framesMisfit,
  observationsBecome,
  observationsStick,
  samplesRepeat,
} from "./tamper.ts";

/** What a fault can be done to. */
export interface Stage {
  readonly board: Board;
  readonly rig: Rig;
  readonly medium: Medium;
  readonly host: Host;
  readonly clock: Clock;
  /** Of which frames it hits. */
  readonly seed: number;
}

const lookMs = 2;

/** Lets the fault happen, at its times after `armedUs`; returns when it began. */
export async function suffer(fault: Fault, stage: Stage, armedUs: number): Promise<number> {
  const { clock, host } = stage;
  const until = async (seconds: number): Promise<void> => {
    const atUs = armedUs + seconds * 1e6;
    // A host that has ended has no more of it to suffer.
    while (clock.now() < atUs && host.runs()) await sleep(lookMs);
  };
  await until(fault.from);
  const faultUs = clock.now();
  const end = await begin(fault, stage);
  if (end !== null) {
    await until(fault.to);
    await end();
  }
  return faultUs;
}

/** Begins the fault; returns what ends it, null where nothing can. */
async function begin(fault: Fault, stage: Stage): Promise<(() => Promise<void>) | null> {
  const { kind } = fault;
  const { rig, medium, host } = stage;
  if (kind === "sigkill") {
    host.child.kill("SIGKILL");
    return null;
  }
  if (kind === "sigstop") {
    host.child.kill("SIGSTOP");
    return async () => {
      host.child.kill("SIGCONT");
    };
  }
  if (kind === "unplug") {
    rig.unplug();
    return () => rig.plug();
  }
  if (kind === "stop_line") {
    const { setStopLine } = stage.board;
    if (setStopLine === null) throw new SinewError("board", "its emulator has no stop line");
    setStopLine(true);
    return async () => setStopLine(false);
  }
  if (kind === "broker") {
    await medium.stopBroker();
    return () => medium.startBroker();
  }
  if (kind === "disk_fills") {
    fillDisk(host.child.pid!);
    return null;
  }
  // It was full from the beginning.
  if (kind === "disk_full") return null;
  if (troubleOf(fault) !== null) {
    host.child.kill("SIGUSR2");
    return async () => {
      host.child.kill("SIGUSR2");
    };
  }
  const lines = [
    ...(fault.on === "from_device" ? [] : [rig.toDevice]),
    ...(fault.on === "to_device" ? [] : [rig.fromDevice]),
  ];
  lines.forEach((line, i) => {
    line.fault = lineFault(fault, new Rng(stage.seed, i));
  });
  return async () => {
    for (const line of lines) line.fault = sound;
  };
}

/** From now on no file of the process may grow, nor be written where it has grown to before. */
function fillDisk(pid: number): void {
  const { status } = spawnSync(prlimit, ["--pid", String(pid), "--fsize=1"]);
  if (status !== 0) throw new SinewError("board", "prlimit, of util-linux, did not fill the disk");
}

function lineFault({ kind, share, ms, on }: Fault, rng: Rng): LineFault {
  const values = on === "to_device" ? commandsBecome : observationsBecome;
  switch (kind) {
    case "drop":
      return dropping(rng, share);
    case "duplicate":
      return duplicating(rng, share);
    case "reorder":
      return reordering(rng, share);
    case "delay":
      return delaying(ms * 1000);
    case "flip":
      return flipping(rng, share);
    case "truncate":
      return truncating(rng, share);
    case "nan":
      return altering(values(Number.NaN));
    case "infinity":
      return altering(values(Number.POSITIVE_INFINITY));
    case "denormal":
      return altering(values(1e-40));
    case "out_of_range":
      return altering(values(1e6));
    case "length":
      return altering(framesMisfit());
    case "stuck":
      return altering(observationsStick());
    case "stale":
      return altering(samplesRepeat());
    default:
      return altering(clockJumps(ms * 1000));
  }
}
