#include <math.h>

#include "check.h"
#include "device.h"
#include "messages.h"
#include "pendulum.h"

static const uint32_t from_us[] = {0, 0x80000000u - 50000u, 0u - 50000u, 0u - 120000u};
#define FROM (sizeof from_us / sizeof from_us[0])

static bool at_rest(void) {
  return device.drive.applied[0] == 0.0f && !signbit(device.drive.applied[0]);
}

static void moving(uint32_t at_us, float value, uint32_t ahead_us) {
  device_start(&sinew_pendulum, at_us);
  device_run(5000);
  CHECK(device_arm(1, 300000) == SINEW_RESULT_ACCEPTED);
  CHECK(device_command(2, ahead_us, &value, 1));
}

static void expiry_trips_to_the_turn(void) {
  for (size_t at = 0; at < FROM; at++) {
    moving(from_us[at], -2.0f, 50000);
    device_run(49000);
    CHECK(device.stop.mode == SINEW_DEVICE_MODE_ARMED && device.drive.applied[0] == -2.0f);
    device_run(1000);
    CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPING);
    CHECK(device.stop.reason == SINEW_DEVICE_REASON_EXPIRED && device.stop.trips == 1);
    for (int ms = 1; ms < 100; ms++) {
      device_run(1000);
      CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPING);
      CHECK(fabsf(device.drive.applied[0] + 2.0f * (float)(100 - ms) / 100.0f) < 1e-6f);
    }
    device_run(1000);
    CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPED && at_rest());
    CHECK(device.stop.reason == SINEW_DEVICE_REASON_EXPIRED);
  }
}

static void share_stays_within_bounds(void) {
  struct sinew_stop stop = {0};
  CHECK(sinew_stop_share(&stop, 0) == 0.0f);
  for (size_t at = 0; at < FROM; at++) {
    sinew_stop_arm(&stop, SINEW_DEVICE_MODE_ARMED, from_us[at] + 1000000u);
    CHECK(sinew_stop_share(&stop, from_us[at]) == 1.0f);
    sinew_stop_begin(&stop, SINEW_DEVICE_REASON_HOST, from_us[at]);
    CHECK(sinew_stop_share(&stop, from_us[at] - 1000u) == 1.0f);
    CHECK(sinew_stop_share(&stop, from_us[at]) == 1.0f);
    CHECK(sinew_stop_share(&stop, from_us[at] + 25000u) == 0.75f);
    CHECK(sinew_stop_share(&stop, from_us[at] + 100000u) == 0.0f);
    CHECK(sinew_stop_share(&stop, from_us[at] + 100001u) == 0.0f);
    CHECK(sinew_stop_share(&stop, from_us[at] + 0x7fffffffu) == 0.0f);
  }
}

static void state_shows_the_stop(void) {
  moving(0, 1.0f, 50000);
  device_run(100000);
  const uint8_t *state = device_reply(SINEW_STATE);
  CHECK(state[SINEW_STATE_MODE] == SINEW_DEVICE_MODE_STOPPING);
  CHECK(state[SINEW_STATE_REASON] == SINEW_DEVICE_REASON_EXPIRED);
  CHECK(fabsf(float_at(state + SINEW_STATE_OBSERVATION + 12) - 0.5f) < 1e-6f);
}

static void arm_without_command_expires(void) {
  for (size_t at = 0; at < FROM; at++) {
    device_start(&sinew_pendulum, from_us[at]);
    device_arm(1, 250000);
    device_run(249000);
    CHECK(device.stop.mode == SINEW_DEVICE_MODE_ARMED && at_rest());
    device_run(1000);
    CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPING && at_rest());
    device_run(100000);
    CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPED && at_rest());
  }
}

static void a_stall_does_not_outlive_the_promise(void) {
  const float value = 2.0f;
  for (size_t at = 0; at < FROM; at++) {
    moving(from_us[at], 2.0f, 50000);
    device_stall(60000);
    /* Fresh by itself, but the device promised to stop before it came. */
    CHECK(!device_command(3, 50000, &value, 1));
    CHECK(device.stats.not_armed == 1);
    CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPING);
    CHECK(fabsf(device.drive.applied[0] - 1.8f) < 1e-6f);
    (void)sinew_session_run(&device);
    CHECK(fabsf(device.drive.applied[0] - 1.8f) < 1e-6f);
    device_run(90000);
    CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPED && at_rest());
    moving(from_us[at], 2.0f, 50000);
    device_stall(1000000);
    (void)sinew_session_run(&device);
    CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPED && at_rest());
  }
}

static void a_late_turn_sees_the_effort_of_its_own_time(void) {
  device_start(&rig, 0);
  const float values[2] = {3.0f, 1.0f};
  device_arm(1, 100000);
  CHECK(device_command(2, 10000, values, 2));
  device_stall(50000);
  /* The receiver notices first; the turns made up for afterwards begin before the stop. */
  sinew_session_receive(&device, 0);
  device_send(SINEW_ASK_STATS, 3, NULL, 0);
  CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPING);
  (void)sinew_session_run(&device);
  for (int turn = 0; turn < 50; turn++) {
    const int ramped_ms = turn + 1 > 10 ? turn + 1 - 10 : 0;
    CHECK(fabsf(rig_history[turn] - 3.0f * (1.0f - (float)ramped_ms / 100.0f)) < 1e-6f);
  }
  CHECK(fabsf(rig_applied[1] - 0.6f) < 1e-6f);
}

static void stop_works_in_every_mode(void) {
  device_start(&sinew_pendulum, 0);
  CHECK(device_stop(SINEW_DEVICE_REASON_OPERATOR) == SINEW_RESULT_ACCEPTED);
  CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPED && at_rest());
  CHECK(device.stop.reason == SINEW_DEVICE_REASON_OPERATOR);
  CHECK(device_stop(SINEW_DEVICE_REASON_GATE) == SINEW_RESULT_ACCEPTED);
  CHECK(device.stop.reason == SINEW_DEVICE_REASON_OPERATOR);
  moving(0, 1.0f, 50000);
  CHECK(device_stop(SINEW_DEVICE_REASON_SHUTDOWN) == SINEW_RESULT_ACCEPTED);
  CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPING && device.drive.applied[0] == 1.0f);
  device_run(40000);
  CHECK(device_stop(SINEW_DEVICE_REASON_GATE) == SINEW_RESULT_ACCEPTED);
  CHECK(fabsf(device.drive.applied[0] - 0.6f) < 1e-6f);
  device_run(60000);
  CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPED && at_rest());
  CHECK(device.stop.reason == SINEW_DEVICE_REASON_SHUTDOWN && device.stop.trips == 0);
}

static void a_reason_is_always_given(void) {
  const uint8_t odd[] = {SINEW_DEVICE_REASON_NONE, SINEW_DEVICE_REASON_FAULT + 1, 255};
  for (int at = 0; at < 3; at++) {
    device_start(&sinew_pendulum, 0);
    device_stop(odd[at]);
    CHECK(device.stop.reason == SINEW_DEVICE_REASON_HOST);
  }
}

static void reset_waits_for_the_end(void) {
  for (size_t at = 0; at < FROM; at++) {
    moving(from_us[at], 1.0f, 50000);
    CHECK(device_reset() == SINEW_RESULT_NOT_STOPPED);
    CHECK(device.stop.mode == SINEW_DEVICE_MODE_ARMED);
    device_run(100000);
    CHECK(device_reset() == SINEW_RESULT_NOT_STOPPED);
    CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPING);
    device_run(50000);
    CHECK(device_reset() == SINEW_RESULT_ACCEPTED);
    CHECK(device.stop.mode == SINEW_DEVICE_MODE_DISARMED);
    CHECK(device.stop.reason == SINEW_DEVICE_REASON_NONE && at_rest());
    CHECK(device_reset() == SINEW_RESULT_ACCEPTED);
    const float value = 0.5f;
    CHECK(!device_command(3, 1000, &value, 1));
    CHECK(device_arm(4, 100000) == SINEW_RESULT_ACCEPTED && at_rest());
    CHECK(device_command(5, 100000, &value, 1) && device.drive.applied[0] == 0.5f);
  }
}

/* Differences of times come round again after 71 minutes; what is latched must not. */
static void stopped_stays_stopped_for_hours(void) {
  moving(0, 2.0f, 50000);
  device_run(200000);
  for (int minute = 0; minute < 240; minute++) {
    device_stall(60000000);
    (void)sinew_session_run(&device);
    device_run(2000);
    CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPED && at_rest());
  }
  CHECK(device_reset() == SINEW_RESULT_ACCEPTED);
  for (int minute = 0; minute < 240; minute++) {
    device_stall(60000000);
    (void)sinew_session_run(&device);
    CHECK(device.stop.mode == SINEW_DEVICE_MODE_DISARMED && at_rest());
  }
}

static void a_fault_stops(void) {
  const float values[2] = {2.0f, 0.5f};
  device_start(&rig, 0);
  device_arm(1, 100000);
  CHECK(device_command(2, 100000, values, 2));
  rig_sound = false;
  device_run(1000);
  CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPING);
  CHECK(device.stop.reason == SINEW_DEVICE_REASON_FAULT);
  device_run(100000);
  CHECK(rig_applied[0] == 0.0f && rig_applied[1] == 0.0f);
  CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPED);
}

static void commands_keep_it_going(void) {
  float value = 1.0f;
  device_start(&sinew_pendulum, 0u - 2000000u);
  device_arm(0xfff0, 300000);
  for (uint16_t at = 1; at < 100; at++) {
    value = -value;
    CHECK(device_command((uint16_t)(0xfff0 + at), 100000, &value, 1));
    device_run(50000);
    CHECK(device.drive.applied[0] == value);
  }
  CHECK(device.stop.mode == SINEW_DEVICE_MODE_ARMED && device.stop.trips == 0);
}

const struct test stop_tests[] = {
    {"an expired command trips to the turn, ramps in 100 ms and latches", expiry_trips_to_the_turn},
    {"the share of the effort stays within 0 and 1", share_stays_within_bounds},
    {"STATE shows the stop", state_shows_the_stop},
    {"ARM without a command expires", arm_without_command_expires},
    {"a stall does not outlive the promise", a_stall_does_not_outlive_the_promise},
    {"turns made up for see the effort of their own time",
     a_late_turn_sees_the_effort_of_its_own_time},
    {"STOP works in every mode and the first reason stays", stop_works_in_every_mode},
    {"a stop always has a reason", a_reason_is_always_given},
    {"RESET waits for the end of the ramp", reset_waits_for_the_end},
    {"stopped and disarmed last for hours", stopped_stays_stopped_for_hours},
    {"a fault of the target stops", a_fault_stops},
    {"timely commands keep it armed over the ends of both counters", commands_keep_it_going},
    {0, 0},
};
