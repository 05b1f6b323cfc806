/** A program with a fault, and the scenario that has to see it. */
export interface Mutant {
  readonly name: string;
  readonly scenario: string;
  /** What it has to see. */
  readonly sees: RegExp;
  /** File, what stands there once, and what stands there then. */
  readonly edits: readonly (readonly [file: string, from: string, to: string])[];
}

/** When the device's own watchdog trips. */
const watchdog = ["stop.c", "sinew_reached(now_us, stop->expires_us)"] as const;

/** Of the firmware, by files below its core/. */
export const firmwareMutants: readonly Mutant[] = [
  {
    name: "a watchdog that is 0.3 s late, which is not armed",
    scenario: "sigkill",
    sees: /never armed: .*did not arm: .*firmware does not stop by itself: [56]\d ms after/,
    edits: [[...watchdog, "sinew_reached(now_us, stop->expires_us + 300000u)"]],
  },
  {
    name: "no watchdog, which is not armed",
    scenario: "sigkill",
    sees: /never armed: .*did not arm: .*firmware does not stop by itself/,
    edits: [[...watchdog, "false"]],
  },
  {
    name: "a watchdog that is 0.3 s late where it matters",
    scenario: "sigkill",
    sees: /safe after 3\d\d/,
    edits: [[...watchdog, "sinew_reached(now_us, stop->expires_us + 300000u * (stop->mode == 1))"]],
  },
  {
    name: "a watchdog that waits for a loop that is blocked",
    scenario: "loop-blocked-for-long",
    sees: /safe after [2-9]\d\d|reason is (gate|host), not expired/,
    edits: [[...watchdog, "sinew_reached(now_us, stop->expires_us + 600000u * (stop->mode == 1))"]],
  },
  {
    name: "a trial that drives",
    scenario: "sigkill",
    sees: /it does .*, where the host said nothing|never armed: .*was driven in the trial/,
    edits: [
      [
        "session.c",
        "if (session->stop.mode == SINEW_DEVICE_MODE_ARMED) {\n    sinew_drive_c",
        "{\n    sinew_drive_c",
      ],
      [
        "session.c",
        "if (session->stop.mode == SINEW_DEVICE_MODE_ARMED) return;",
        "if (sinew_stop_live(&session->stop)) return;",
      ],
    ],
  },
  {
    name: "a stop line that nobody reads",
    scenario: "stop-line",
    sees: /reason is host, not stopLine/,
    edits: [["session.c", "session->hal->stop_open()", "false"]],
  },
  {
    name: "a stop line that does not latch",
    scenario: "stop-line",
    sees: /a second host was not refused/,
    edits: [
      [
        "session.c",
        "  if (line_open(session) && sinew_stop_live(",
        "  if (!line_open(session) && session->stop.reason == 7) session->stop.mode = 0;\n" +
          "  if (line_open(session) && sinew_stop_live(",
      ],
    ],
  },
  {
    name: "a stop without a ramp",
    scenario: "sigkill",
    sees: /off the ramp/,
    edits: [
      [
        "stop.c",
        "return (float)(SINEW_STOP_RAMP_US - elapsed_us) / (float)SINEW_STOP_RAMP_US;",
        "return 1.0f;",
      ],
    ],
  },
  {
    name: "a stop that does not latch",
    scenario: "sigkill",
    sees: /left its stop by itself/,
    edits: [
      [
        "stop.c",
        "stop->mode = SINEW_DEVICE_MODE_STOPPED;\n  }\n  return tripped;",
        "stop->mode = SINEW_DEVICE_MODE_DISARMED;\n  }\n  return tripped;",
      ],
    ],
  },
  {
    name: "values that nobody judges",
    scenario: "command-nan",
    sees: /was told NaN/,
    edits: [
      ["session.c", "return &session->stats.non_finite;", "return NULL;"],
      ["session.c", "wrong = &session->stats.out_of_range;", "wrong = NULL;"],
    ],
  },
  {
    name: "a stop that turns round",
    scenario: "sigkill",
    sees: /off the ramp/,
    edits: [["stop.c", "return (float)(SINEW_STOP_RAMP_US", "return -(float)(SINEW_STOP_RAMP_US"]],
  },
  {
    name: "limits that nobody keeps",
    scenario: "command-out-of-range",
    sees: /was told 1000000/,
    edits: [["session.c", "wrong = &session->stats.out_of_range;", "wrong = NULL;"]],
  },
  {
    name: "a joint that is let go where it is to be held",
    scenario: "ramp-and-hold",
    sees: /off the ramp .*joint1_target/,
    edits: [["drive.c", "if (driven) applied = within(", "if (false) applied = within("]],
  },
  {
    name: "a joint that is held where it was sent",
    scenario: "ramp-and-hold-stop-line",
    sees: /off the ramp .*joint_target/,
    edits: [["drive.c", "if (sinew_finite(position)) drive->hold[i] = position;", ""]],
  },
  {
    name: "a heater that is ramped down",
    scenario: "off",
    sees: /off the ramp .*heater_power/,
    edits: [["drive.c", "actions[i].stop == SINEW_STOP_CATEGORY_OFF || ", ""]],
  },
  {
    name: "a heater that is let go and driven at nothing",
    scenario: "off",
    sees: /it drives 1 actuators/,
    edits: [["drive.c", "driven = false;", "driven = drive->was_driven[i];"]],
  },
  {
    name: "commands of any length",
    scenario: "command-length",
    sees: /where the host said|was told|reason is host, not expired/,
    edits: [
      ["session.c", "if (length != SINEW_COMMAND_SIZE + 4 * count) {", "if (false) {"],
      ["session.c", "} else if (count != session->target->action_count) {", "} else if (false) {"],
    ],
  },
  {
    name: "denormals that count as zero",
    scenario: "policy-denormal",
    sees: /does 0 .*where the host said 9\.99/,
    edits: [
      [
        "drive.c",
        "memcpy(&drive->applied[i], &bits, sizeof bits);",
        "drive->applied[i] = 0; if (bits & 0x7f800000u) memcpy(&drive->applied[i], &bits, 4);",
      ],
    ],
  },
];

/** Of the host, by files below src/ as they are compiled. */
export const hostMutants: readonly Mutant[] = [
  {
    name: "observations in another order",
    scenario: "nominal",
    sees: /pole_cos is \S+ \S+ s before the end/,
    edits: [
      [
        "wire/device-state.js",
        "this.observation[i] = frame",
        "this.observation[this.observation.length - 1 - i] = frame",
      ],
    ],
  },
  {
    name: "a policy that fails and is done as it last answered",
    scenario: "policy-throws",
    sees: /reason is host, not gate/,
    edits: [
      ["edge/tick.js", "step.proposed.fill(Number.NaN);", ""],
      ["edge/tick.js", "step.reasons |= Reason.policyFailed;", ""],
    ],
  },
  {
    name: "a swap without a blend",
    scenario: "swap",
    sees: /pole_torque jumped/,
    edits: [["edge/lineup.js", "if (share === 1)", "if (share > 0)"]],
  },
  {
    name: "a swap without a rescue",
    scenario: "swap-nan",
    sees: /it stopped early: gate/,
    edits: [["edge/lineup.js", "this.#rescue(action);", ""]],
  },
  {
    name: "a watch that does not mind what the gate bounds",
    scenario: "swap-shaking",
    sees: /"shadow","swap","keep"/,
    edits: [["edge/lineup.js", "watched.limited > limitedMax * watchCycles", "false"]],
  },
  {
    name: "a candidate for another robot",
    scenario: "swap-refused",
    sees: /shadow at 0\.5 s was answered yes/,
    edits: [["edge/members.js", "if (difference !== null)", "if (false)"]],
  },
  {
    name: "a state of any length",
    scenario: "observation-length",
    sees: /reason is host, not gate/,
    edits: [
      [
        "wire/device-state.js",
        "return (frame.getUint8(at.observationCount) ===",
        "return (true ||",
      ],
    ],
  },
  {
    name: "denormals that count as no numbers",
    scenario: "observation-denormal",
    sees: /it stopped early: gate/,
    edits: [
      [
        "core/step.js",
        "if (!Number.isFinite(values[at]))",
        "if (!Number.isFinite(Math.fround(1 / (values[at] || 1))))",
      ],
    ],
  },
  {
    name: "a broker's topics without the robot's name",
    scenario: "wrong-robot",
    sees: /the device was armed/,
    edits: [["link/mqtt.js", "const topic =", "const topic = place.prefix; const other ="]],
  },
  {
    name: "a clock that is the time of day",
    scenario: "wall-clock-jump",
    sees: /it stopped early/,
    edits: [["core/clock.js", "performance.now() * 1000 + offsetUs", "Date.now() * 1000"]],
  },
  {
    name: "a log that says nothing of a full disk",
    scenario: "disk-fills",
    sees: /the host said .*"logFailure":null/,
    edits: [["log/writer.js", "this.failure ??= messageOf(error);", ""]],
  },
  {
    name: "skipped cycles that nobody counts",
    scenario: "loop-blocked",
    sees: /the host said .*"missed":0/,
    edits: [["edge/loop.js", "status.add(Count.missed, behind);", ";"]],
  },
  {
    name: "cycles that are caught up",
    scenario: "loop-blocked-on-miss-hold",
    sees: /cycles are caught up/,
    edits: [
      ["edge/loop.js", "seq += behind;", ""],
      ["edge/loop.js", "dueUs += behind * periodUs;", ""],
    ],
  },
  {
    name: "a missed cycle that stops nothing",
    scenario: "loop-blocked-on-miss-stop",
    sees: /reason is host, not gate/,
    edits: [["edge/tick.js", "step.reasons |= Reason.missStopped;", ";"]],
  },
];
