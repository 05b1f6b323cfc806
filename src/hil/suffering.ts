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
import { altering } from "./faulty-line.ts";
import type { Host } from "./host.ts";
import type { Medium } from "./medium.ts";
import type { Rig } from "./rig.ts";
import type { Fault } from "./scenario.ts";
import {
  clockJumps,
  commandsBecome,
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
  // These two are of the host's own making.
  if (kind === "block" || kind === "disk_full") return null;
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
    case "out_of_range":
      return altering(values(1e6));
    case "stuck":
      return altering(observationsStick());
    case "stale":
      return altering(samplesRepeat());
    default:
      return altering(clockJumps(ms * 1000));
  }
}
