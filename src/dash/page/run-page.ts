import type { Spec } from "../../core/spec.ts";
import type { Hello, State } from "../message.ts";
import { Buttons } from "./buttons.ts";
import { ChannelCard } from "./channel-card.ts";
import { showContract } from "./contract-table.ts";
import { Differences } from "./differences.ts";
import { byId, Facts, say } from "./element.ts";
import { Feed } from "./feed.ts";
import { History } from "./history.ts";
import { causeOf, type Judged, reasonsOf } from "./judgement.ts";
import { readPalette } from "./palette.ts";
import type { Curve } from "./plot.ts";
import { showPolicies } from "./policy-facts.ts";
import { stopOnSpace } from "./stop-key.ts";
import { Timing } from "./timing.ts";
import { Traces } from "./traces.ts";
import { sizeWord, spaced, timeWord } from "./words.ts";

const windowUsMax = 30e6;
/** A page whose newest state is older does not know how the robot stands. */
const ageMsMax = 1000;
/** The browser is on the robot's own computer, which has other things to do. */
const turnEveryMs = 100;

/** What is made anew for each run that the page meets. */
interface Scene {
  readonly hello: Hello;
  readonly traces: Traces;
  readonly cards: readonly ChannelCard[];
  readonly differences: Differences;
  readonly history: History;
  readonly timing: Timing;
  readonly counts: Facts;
  readonly policies: Facts;
  readonly log: Facts;
}

const buttons = new Buttons();
let judged: Judged | null = null;
let scene: Scene | null = null;
let state: State | null = null;
/** This page's clock less the server's; more where a state was long on its way, so the least. */
let offsetMs = Number.POSITIVE_INFINITY;
let windowUs = 10e6;

const feed = new Feed({
  hello: (hello, spec) => {
    buttons.greet(hello);
    scene = setScene(hello, spec);
  },
  state: (told) => {
    state = told;
    offsetMs = Math.min(offsetMs, performance.now() - told.nowUs / 1000);
    buttons.shownUs = told.nowUs;
    showState(scene!, told);
  },
  step: (step) => {
    judged = { mode: step.mode, reasons: step.reasons, verdict: step.verdict };
    scene!.traces.push(step);
    scene!.differences.push(step);
  },
});

function setScene(hello: Hello, spec: Spec): Scene {
  const traces = new Traces(spec, windowUsMax);
  const actions = hello.action.map((channel, at) => {
    const { low, high } = hello.limits[at]!;
    const asked: Curve = { values: traces.asked[at]!, colour: "asked" };
    const given: Curve = { values: traces.given[at]!, colour: "given" };
    const range = [spec.action[at]!.low, spec.action[at]!.high] as const;
    const wide = range[1] - range[0];
    const options = { curves: [asked, given], range, wide, limits: [low, high], verdicts: true };
    return new ChannelCard(channel, options, ["asked", "sent"]);
  });
  const observations = hello.observation.map((channel, at) => {
    const seen: Curve = { values: traces.observation[at]!, colour: "given" };
    const wide = spec.observation[at]!.high - spec.observation[at]!.low;
    const ends = hello.seen[at]!;
    const limits = ends === null ? [] : [ends.low, ends.high];
    const options = { curves: [seen], range: null, wide, limits, verdicts: false };
    return new ChannelCard(channel, options, ["now"]);
  });
  byId("actions").replaceChildren(...actions.map(({ element }) => element));
  byId("observations").replaceChildren(...observations.map(({ element }) => element));
  say(byId("robot"), hello.robot);
  showContract(byId("contract"), hello);
  return {
    hello,
    traces,
    cards: [...actions, ...observations],
    differences: new Differences(byId("differences"), spec, hello.startUs),
    history: new History(byId("history")),
    timing: new Timing(byId("timing"), hello.periodUs),
    counts: new Facts(byId("counts")),
    policies: new Facts(byId("policies")),
    log: new Facts(byId("log")),
  };
}

function showState({ hello, counts, history, log, policies, timing }: Scene, told: State): void {
  const { status } = told;
  say(byId("mode"), status.mode);
  byId("mode").className = `mode ${status.mode}`;
  const stopped = status.device === "stopped" ? ` (${spaced(status.deviceReason)})` : "";
  const line = status.stopLine === "open" ? ", stop line open" : "";
  say(byId("device"), `device ${status.device}${stopped}${line}`);
  document.title = `${status.mode} · ${hello.robot}`;
  const seconds = (told.stepUs - hello.startUs) / 1e6;
  counts.set("running for", `${seconds.toFixed(0)} s at ${(1e6 / hello.periodUs).toFixed(0)} Hz`);
  counts.set("cycles", String(status.cycles));
  counts.set("missed, late", `${status.missed}, ${status.late}`);
  counts.set("limited, refused", `${status.limited}, ${status.refused}`);
  counts.set("stop line", status.stopLine);
  counts.set("commands dropped", String(told.droppedCommands));
  if (told.failedReads > 0) counts.set("failed reads", String(told.failedReads));
  counts.set("steps not shown here", String(told.missed));
  showPolicies(policies, status, hello);
  const { bytes, written, dropped, unwritten } = told.log;
  log.set("log", status.logPath);
  log.set("written", `${written} steps; file ${sizeWord(bytes)}, with room ahead`);
  log.set("lost", `${dropped} dropped, ${unwritten} not written`);
  history.draw(told.events, hello.startUs);
  if (told.times !== undefined) timing.draw(told.times, readPalette());
}

/** How old the newest state is. */
function ageMs(): number {
  if (state === null) return Number.POSITIVE_INFINITY;
  return performance.now() - offsetMs - state.nowUs / 1000;
}

/** What is wrong, if anything is. */
function alarmOf(): string {
  const cause = state?.status.mode === "stopped" ? causeOf(state.events) : "";
  if (feed.farewell !== "") return `${feed.farewell} ${cause}`.trim();
  if (state === null) return "";
  if (ageMs() > ageMsMax) return `No news: what you see is ${timeWord(ageMs() * 1000)} old.`;
  const { nowUs, stepUs, log } = state;
  const periodUs = scene!.hello.periodUs;
  if (nowUs - stepUs > Math.max(1e6, 3 * periodUs)) return "The control loop does not turn.";
  if (log.dropped + log.unwritten > 0) {
    return `The log lost ${log.dropped + log.unwritten} steps. Is the disk full?`;
  }
  return cause;
}

function turn(): void {
  feed.turn(performance.now());
  const live = feed.farewell === "" && ageMs() <= ageMsMax;
  document.body.classList.toggle("stale", !live);
  say(byId("link"), live ? "live" : state === null ? "connecting" : "not live");
  say(byId("alarm"), alarmOf());
  say(byId("reasons"), live && judged !== null ? reasonsOf(judged) : "");
  if (scene === null || state === null || document.hidden) return;
  buttons.permit(state.permitted, live);
  // Time goes on between two states.
  const nowUs = state.nowUs + (live ? ageMs() * 1000 : 0);
  const palette = readPalette();
  for (const card of scene.cards) card.draw(scene.traces, palette, nowUs, windowUs);
  scene.differences.draw();
}

stopOnSpace(() => void buttons.ask("stop"));
byId("window").addEventListener("change", ({ target }) => {
  windowUs = Number((target as HTMLSelectElement).value) * 1e6;
});
setInterval(turn, turnEveryMs);
turn();
