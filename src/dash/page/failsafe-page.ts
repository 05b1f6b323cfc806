import { nameOfMode } from "../../core/step.ts";
import { commands, permittedIn } from "../../edge/commands.ts";
import { Count, Request } from "../../edge/status.ts";
import type { MissPolicy } from "../../edge/tick.ts";
import { nameOfDeviceMode, nameOfDeviceReason } from "../../link/device.ts";
import type { LogEvent } from "../../log/event.ts";
import type { Fallback } from "../../safety/recovery.ts";
import { ChannelCard } from "./channel-card.ts";
import { Differences } from "./differences.ts";
import { byId, make, say } from "./element.ts";
import { FailsafeBench, type Onlooker } from "./failsafe-bench.ts";
import { type Faults, faults } from "./failsafe-fault.ts";
import { servoSpec } from "./failsafe-servo.ts";
import { History } from "./history.ts";
import { causeOf, type Judged, reasonsOf } from "./judgement.ts";
import { ModeTable } from "./mode-table.ts";
import { readPalette } from "./palette.ts";
import type { Curve } from "./plot.ts";
import { stopOnSpace } from "./stop-key.ts";
import { Traces } from "./traces.ts";

const windowUs = 10e6;
const eventsShown = 24;
const requests: Readonly<Record<string, number>> = {
  arm: Request.arm,
  stop: Request.stop,
  reset: Request.reset,
  hold: Request.hold,
  resume: Request.resume,
};

const on: Faults = new Set();
const table = new ModeTable(byId("table"));
const buttons = new Map<string, HTMLButtonElement>();
let onMiss: MissPolicy = "coast";
let fallback: Fallback = "stop";
let world = begin();

/** A bench and what is seen of it; another one begins where a run would begin anew. */
function begin() {
  const traces = new Traces(servoSpec, windowUs);
  const differences = new Differences(byId("differences"), servoSpec, 1e6);
  const events: LogEvent[] = [];
  const seen: { judged: Judged | null; refusals: number } = { judged: null, refusals: 0 };
  const onlooker: Onlooker = {
    step: (step) => {
      seen.judged = { mode: step.mode, reasons: step.reasons, verdict: step.verdict };
      traces.push(step);
      differences.push(step);
    },
    event: (event) => {
      events.push(event);
      if (events.length > eventsShown) events.shift();
      if (event.kind === "transition") table.mark(event);
    },
  };
  const bench = new FailsafeBench(on, onMiss, onlooker, fallback);
  const [channel] = servoSpec.action;
  const range = [channel!.low, channel!.high] as const;
  const asked: Curve = { values: traces.asked[0]!, colour: "asked" };
  const given: Curve = { values: traces.given[0]!, colour: "given" };
  const place: Curve = { values: traces.observation[0]!, colour: "given" };
  const driven = { curves: [asked, given], range, wide: 2, limits: [], verdicts: true };
  const observed = { curves: [place], range, wide: 2, limits: [], verdicts: false };
  const cards = [
    new ChannelCard({ ...channel!, name: "goal" }, driven, ["asked", "sent"]),
    new ChannelCard({ ...channel!, name: "place" }, observed, ["now"]),
  ];
  byId("cards").replaceChildren(...cards.map(({ element }) => element));
  return { bench, traces, differences, events, seen, cards, history: new History(byId("history")) };
}

function ask(name: string): void {
  const { bench, events } = world;
  events.push({
    timeUs: bench.nowUs,
    kind: "answer",
    command: name,
    source: "you",
    ok: true,
    line: "",
  });
  say(byId("answer"), "");
  bench.status.ask(requests[name]!);
}

for (const { name, help } of commands.filter((command) => command.name in requests)) {
  const button = make("button", name, name[0]!.toUpperCase() + name.slice(1));
  button.type = "button";
  button.title = name === "stop" ? `${help} (space)` : help;
  button.addEventListener("click", () => ask(name));
  buttons.set(name, button);
  byId("buttons").append(button);
}

for (const group of new Set(faults.map((fault) => fault.group))) {
  const field = make("fieldset");
  field.append(make("legend", "", group));
  for (const { key, label } of faults.filter((fault) => fault.group === group)) {
    const box = make("input");
    box.type = "checkbox";
    box.id = key;
    box.addEventListener("change", () => {
      if (box.checked) on.add(key);
      else on.delete(key);
      // A link that was lost is opened by a run of its own.
      if (key === "unplugged" && !box.checked && world.bench.ended) world = begin();
    });
    const line = make("label");
    line.append(box, make("span", "", label));
    field.append(line);
  }
  byId("faults").append(field);
}

for (const [label, act] of [
  ["The servo fails", () => world.bench.servo.fail()],
  ["The program hangs for 0.6 s", () => world.bench.hang()],
] as const) {
  const button = make("button", "small", label);
  button.type = "button";
  button.addEventListener("click", act);
  byId("faults").append(button);
}

byId("miss").addEventListener("change", ({ target }) => {
  onMiss = (target as HTMLSelectElement).value as MissPolicy;
  world = begin();
});

byId("fallback").addEventListener("change", ({ target }) => {
  fallback = (target as HTMLSelectElement).value as Fallback;
  world = begin();
});

function turn(ms: number): void {
  requestAnimationFrame(turn);
  const { bench, traces, cards, differences, history, events, seen } = world;
  bench.turn(ms);
  const { status, servo, nowUs } = bench;
  const mode = nameOfMode(status.mode);
  say(byId("mode"), mode);
  byId("mode").className = `mode ${mode}`;
  const why = servo.stopped ? ` (${nameOfDeviceReason(servo.reason)})` : "";
  say(byId("device"), `device ${nameOfDeviceMode(servo.mode)}${why}`);
  say(byId("reasons"), seen.judged === null ? "" : reasonsOf(seen.judged));
  const over = "The link is lost and the run has ended. Plug it in: that begins another.";
  say(byId("alarm"), bench.ended ? over : mode === "stopped" ? causeOf(events) : "");
  const refusals = status.count(Count.refusedRequests) + status.count(Count.refusedHolds);
  if (refusals > seen.refusals) say(byId("answer"), "That was refused: see the reasons above.");
  seen.refusals = refusals;
  const permitted = permittedIn(status);
  for (const [name, button] of buttons) button.disabled = bench.ended || !permitted.includes(name);
  table.show(status.mode);
  const palette = readPalette();
  for (const card of cards) card.draw(traces, palette, nowUs, windowUs);
  differences.draw();
  history.draw(events, 1e6);
  point("place", servo.place);
  const at = traces.count === 0 ? Number.NaN : traces.asked[0]![traces.place(traces.count - 1)]!;
  if (Number.isFinite(at)) point("goal", Math.min(2, Math.max(-2, at)));
}

function point(id: string, angle: number): void {
  byId(id).setAttribute("transform", `rotate(${((angle * 180) / Math.PI).toFixed(2)})`);
}

stopOnSpace(() => ask("stop"));
requestAnimationFrame(turn);
