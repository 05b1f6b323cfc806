import type { Clock } from "../core/clock.ts";
import type { Channel } from "../core/spec.ts";
import { commands, permittedIn } from "../edge/commands.ts";
import type { Controls } from "../edge/controls.ts";
import type { Robot } from "../edge/robot.ts";
import type { Run } from "../edge/run.ts";
import { statusOf } from "../edge/run-status.ts";
import { Count, Measure } from "../edge/status.ts";
import { eventOfTransition } from "../edge/transition-event.ts";
import type { LogEvent } from "../log/event.ts";
import type { Limits } from "../safety/limits.ts";
import {
  type Bounds,
  edgesUs,
  type Hello,
  type PageChannel,
  type State,
  type Times,
} from "./message.ts";

/** Newest events that a page is told. */
const eventsShown = 24;

/** What there is to see of a run, read from what its threads publish. Nothing here waits. */
export class Show {
  /** Of the log's file, as it was last asked for. */
  logBytes = 0;
  readonly robot: Robot;
  readonly policyPath: string;
  readonly #controls: Controls;
  readonly #clock: Pick<Clock, "now">;

  constructor(robot: Robot, policyPath: string, controls: Controls, clock: Pick<Clock, "now">) {
    this.robot = robot;
    this.policyPath = policyPath;
    this.#controls = controls;
    this.#clock = clock;
  }

  /** Null before there is one. */
  get run(): Run | null {
    return this.#controls.run;
  }

  hello(
    { spec, limits, startUs }: Pick<Run, "spec" | "limits" | "startUs">,
    viewer: number,
  ): Hello {
    return {
      kind: "hello",
      viewer,
      robot: this.robot.robot,
      policyPath: this.policyPath,
      observation: spec.observation.map(pageChannel),
      action: spec.action.map(pageChannel),
      periodUs: spec.periodUs,
      startUs,
      limits: limits.action.map(({ low, high }) => ({ low, high })),
      seen: spec.observation.map((_, at) => seenBoundsOf(limits, at)),
      // A page shows how it stands anyway, and has no file to tell of.
      commands: commands
        .filter(({ name, argument }) => name !== "status" && argument === undefined)
        .map(commandOf),
    };
  }

  /** The newest commands, answers and changes of mode and of the policy, oldest first. */
  events({ commands, members, status }: Run): LogEvent[] {
    const transitions = status.transitions().map((one) => eventOfTransition(one, status.why));
    const all = [...commands, ...transitions, ...members.events()];
    all.sort((a, b) => a.timeUs - b.timeUs);
    return all.slice(-eventsShown);
  }

  /** `missed`: steps that its reader was not shown. */
  state(run: Run, missed: number, withTimes: boolean): State {
    const { status } = run;
    const { written, dropped, unwritten } = run.logCounts;
    return {
      kind: "state",
      nowUs: this.#clock.now(),
      stepUs: status.live().timeUs,
      status: statusOf(run),
      permitted: permittedIn(status),
      failedReads: status.count(Count.failedReads),
      droppedCommands: status.count(Count.droppedCommands),
      log: { bytes: this.logBytes, written, dropped, unwritten },
      missed,
      events: this.events(run),
      ...(withTimes && { times: timesOf(run) }),
    };
  }
}

function commandOf({ name, help }: Hello["commands"][number]): Hello["commands"][number] {
  return { name, help };
}

function seenBoundsOf({ seen = [], ends = [] }: Limits, at: number): Bounds | null {
  const joint = ends.find((one) => one?.positionAt === at) ?? seen.find((one) => one.at === at);
  return joint === undefined ? null : { low: joint.low, high: joint.high };
}

function pageChannel({ name, unit, low, high }: Channel): PageChannel {
  const bound = (value: number): number | null => (Number.isFinite(value) ? value : null);
  return { name, unit, low: bound(low), high: bound(high) };
}

function timesOf({ status }: Run): Record<keyof typeof Measure, Times> {
  const names = Object.keys(Measure) as (keyof typeof Measure)[];
  const entries = names.map((name) => {
    const histogram = status.histogram(Measure[name]);
    const below = histogram.below(edgesUs);
    const counts = below.map((count, at) => count - (below[at - 1] ?? 0)).slice(1);
    // What is below the first edge counts with the first bar.
    counts[0]! += below[0]!;
    return [name, { ...histogram.percentiles(), counts }];
  });
  return Object.fromEntries(entries);
}
