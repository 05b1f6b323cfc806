import { Mode, nameOfMode, namesOfReasons, Reason } from "../core/step.ts";
import { policyChanges } from "../edge/policy-record.ts";
import type { Run } from "../edge/run.ts";
import { policiesOf } from "../edge/run-status.ts";
import type { ShadowShares } from "../edge/shadow-counts.ts";
import { Count, Measure } from "../edge/status.ts";
import { nameOfDeviceMode } from "../link/device.ts";
import type { Show } from "./show.ts";

/** The media type of Prometheus' text. */
export const metricsType = "text/plain; version=0.0.4; charset=utf-8";

/** Upper edges of the times, powers of 2, where the histograms are exact: 1 us to 1 s. */
const edgesUs = Array.from({ length: 21 }, (_, at) => 2 ** at);

const counters: readonly [count: Count, name: string, help: string][] = [
  [Count.cycles, "cycles", "Cycles that ran"],
  [Count.policyCalls, "policy_calls", "Cycles in which the policy was asked"],
  [Count.late, "cycles_late", "Cycles that were not over when the next was due"],
  [Count.missed, "cycles_missed", "Cycles that never ran because the next was due"],
  [Count.limited, "actions_limited", "Actions that the gate bounded while driving"],
  [Count.refused, "actions_refused", "Actions that the gate refused while driving"],
  [Count.droppedCommands, "commands_dropped", "Commands that the link could not take"],
  [Count.refusedRequests, "requests_refused", "Requests to arm or reset that were refused"],
  [Count.failedReads, "reads_failed", "Cycles that asked the device and got no whole answer"],
];

const times: readonly [measure: Measure, name: string, help: string][] = [
  [Measure.lateness, "loop_lateness", "From when a cycle should have started to when it did"],
  [Measure.total, "loop_cycle", "From the start of a cycle to its command being sent"],
  [Measure.read, "loop_read", "Reading the newest observation"],
  [Measure.decide, "loop_decide", "The policy's answer"],
  [Measure.guard, "loop_guard", "The gate"],
  [Measure.write, "loop_write", "Sending the command"],
  [Measure.log, "loop_log", "Handing the step to the log"],
  [Measure.age, "observation_age", "Of the observation when its action was sent"],
  [Measure.roundTrip, "round_trip", "From a command to the device's acknowledgement"],
];

/** How a run stands as Prometheus reads it; `nowUs` is of the host's monotonic clock. */
export function metricsOf(show: Show, nowUs: number): string {
  const { run } = show;
  const page = new MetricsText();
  page.one("running", "gauge", "Whether the control loop runs", run?.running === true ? 1 : 0);
  if (run === null) return page.text;
  const { status, members } = run;
  const { id, path } = members.driver;
  const names = { robot: show.robot.robot, policy_id: id, policy_path: path };
  page.one("run_info", "gauge", "Which robot and policy this is", 1, names);
  for (const [count, name, help] of counters) {
    page.one(`${name}_total`, "counter", help, status.count(count));
  }
  const ageUs = nowUs - status.live().timeUs;
  page.one("last_cycle_age_seconds", "gauge", "Since the newest cycle started", ageUs / 1e6);
  showModes(page, run);
  showPolicies(page, run, nowUs);
  showLog(page, run, show.logBytes);
  for (const [measure, name, help] of times) {
    const histogram = status.histogram(measure);
    const below = histogram.below([...edgesUs, Number.POSITIVE_INFINITY]);
    page.times(`${name}_seconds`, help, below, histogram.sum() / 1e6);
  }
  return page.text;
}

function showModes(page: MetricsText, { status }: Run): void {
  page.head("mode", "gauge", "1 for the mode that the supervisor is in");
  for (const mode of Object.values(Mode)) {
    page.line("mode", status.mode === mode ? 1 : 0, { mode: nameOfMode(mode) });
  }
  const device = { mode: nameOfDeviceMode(status.deviceMode) };
  page.one("device_mode", "gauge", "1 for the mode that the device last told", 1, device);
  const found = namesOfReasons(status.reasons);
  page.head("reason", "gauge", "1 for each reason that the gate has in the newest cycle");
  for (const reason of Object.keys(Reason)) {
    page.line("reason", found.includes(reason) ? 1 : 0, { reason });
  }
}

/** Of what there is not, such as a policy in the shadow, there are no samples. */
function showPolicies(page: MetricsText, run: Run, nowUs: number): void {
  const seconds = (name: string, help: string, us: number): void => {
    page.one(name, "gauge", help, us / 1e6);
  };
  const told = policiesOf(run);
  const { second, secondAs, secondPath, shadow, watch } = told;
  seconds("loop_period_seconds", "From one cycle to the next", run.spec.periodUs);
  seconds(
    "policy_period_seconds",
    "From one answer of the policy to the next",
    told.policyPeriodUs,
  );
  seconds(
    "policy_age_seconds",
    "Since the policy that drives began to",
    nowUs - told.policySinceUs,
  );
  page.head(
    "policy_changes_total",
    "counter",
    "What happened to policies, a rollback by its cause",
  );
  policyChanges.forEach(([what, why], kind) => {
    const labels = { what, ...(why !== null && { why }) };
    page.line("policy_changes_total", run.status.policies.countOf(kind), labels);
  });
  if (second !== null) {
    const names = { as: secondAs, policy_id: second, policy_path: secondPath! };
    page.one(
      "second_info",
      "gauge",
      "The policy that is asked beside the one that drives",
      1,
      names,
    );
  }
  if (shadow !== null) showShadow(page, shadow);
  if (watch === null) return;
  const cycles = (name: string, help: string, many: number): void => {
    page.one(name, "gauge", help, many);
  };
  cycles("watch_cycles", "Armed cycles of the watch after a swap, so far", watch.cycles);
  cycles("watch_whole_cycles", "With so many of them the watch is over", watch.ofCycles);
  cycles("watch_limited_cycles", "Those of them that the gate has bounded", watch.limited);
  cycles("watch_limited_most_cycles", "With more of those it goes back", watch.limitedMost);
}

function showShadow(page: MetricsText, shadow: ShadowShares): void {
  const { cycles, limited, refused, distanceMean, distanceMax } = shadow;
  page.one("second_cycles", "gauge", "Armed cycles in which the second one was compared", cycles);
  page.head("second_ratio", "gauge", "Share of them that the gate would not have passed on");
  page.line("second_ratio", limited, { verdict: "limited" });
  page.line("second_ratio", refused, { verdict: "refused" });
  if (distanceMean === null || distanceMax === null) return;
  const apart = (kind: string, help: string, share: number): void => {
    page.one(`second_distance_${kind}_ratio`, "gauge", help, share);
  };
  apart("mean", "From what was asked for to its answers, as a share of the range", distanceMean);
  apart("max", "The largest of those, of any action", distanceMax);
}

function showLog(page: MetricsText, run: Run, bytes: number): void {
  const { logCounts } = run;
  page.head("log_steps_total", "counter", "What became of the steps; durable ones are written too");
  for (const fate of ["written", "durable", "dropped", "unwritten"] as const) {
    page.line("log_steps_total", logCounts[fate], { fate });
  }
  page.one("log_bytes", "gauge", "Size of the log's file", bytes);
}

type Labels = Readonly<Record<string, string>>;

/** Prometheus' text format, in which every name begins with `sinew_`. */
class MetricsText {
  text = "";

  head(name: string, type: "counter" | "gauge" | "histogram", help: string): void {
    this.text += `# HELP sinew_${name} ${help}.\n# TYPE sinew_${name} ${type}\n`;
  }

  line(name: string, value: number, labels: Labels = {}): void {
    const words = Object.entries(labels).map(([key, word]) => `${key}="${escaped(word)}"`);
    const braces = words.length === 0 ? "" : `{${words.join(",")}}`;
    this.text += `sinew_${name}${braces} ${value}\n`;
  }

  one(name: string, type: "counter" | "gauge", help: string, value: number, labels?: Labels): void {
    this.head(name, type, help);
    this.line(name, value, labels);
  }

  /** `below`: how many were below each edge, and at the end how many there were. */
  times(name: string, help: string, below: readonly number[], sumSeconds: number): void {
    this.head(name, "histogram", `${help}; the sum is within 2 %`);
    edgesUs.forEach((edgeUs, at) => {
      this.line(`${name}_bucket`, below[at]!, { le: String(edgeUs / 1e6) });
    });
    this.line(`${name}_bucket`, below.at(-1)!, { le: "+Inf" });
    this.line(`${name}_sum`, sumSeconds);
    this.line(`${name}_count`, below.at(-1)!);
  }
}

function escaped(word: string): string {
  return word.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
}
