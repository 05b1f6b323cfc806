#include <math.h>

#include "check.h"
#include "device.h"
#include "messages.h"
#include "pendulum.h"

static const uint32_t from_us[] = {0, 0x80000000u - 50000u, 0u - 50000u, 0u - 12000u};
#define FROM (sizeof from_us / sizeof from_us[0])

static uint8_t told(void) { return device_reply(SINEW_STATE)[SINEW_STATE_STOP_LINE]; }

/* Driven with its line closed; the command stands for longer than any of these tests. */
static void driven_from(uint32_t at_us) {
  const float value = 2.0f;
  device_start_on_line(&sinew_pendulum, at_us);
  device_run(20000);
  CHECK(device_arm(1, 900000) == SINEW_RESULT_ACCEPTED);
  CHECK(device_command(2, 900000, &value, 1));
}

static void a_board_without_one_says_so(void) {
  device_start(&sinew_pendulum, 0);
  device_stop_open = true;
  device_run(20000);
  CHECK(told() == SINEW_STOP_LINE_NONE);
  CHECK(device_arm(1, 100000) == SINEW_RESULT_ACCEPTED);
}

static void it_must_be_seen_closed_first(void) {
  for (size_t at = 0; at < FROM; at++) {
    device_start_on_line(&sinew_pendulum, from_us[at]);
    CHECK(device_arm(1, 900000) == SINEW_RESULT_STOP_LINE);
    device_run(4000);
    CHECK(device_arm(2, 900000) == SINEW_RESULT_STOP_LINE);
    device_run(1000);
    CHECK(device_arm(3, 900000) == SINEW_RESULT_ACCEPTED);
    CHECK(device.stats.arms_refused == 2);
  }
}

static void open_it_cannot_be_armed(void) {
  const float value = 1.0f;
  device_start_on_line(&sinew_pendulum, 0);
  device_stop_open = true;
  device_run(3000000);
  CHECK(told() == SINEW_STOP_LINE_OPEN);
  CHECK(device_arm(1, 900000) == SINEW_RESULT_STOP_LINE);
  CHECK(!device_command(2, 900000, &value, 1));
  CHECK(device.stop.mode == SINEW_DEVICE_MODE_DISARMED);
  device_stop_open = false;
  device_run(10000);
  CHECK(told() == SINEW_STOP_LINE_CLOSED);
  CHECK(device.stop.mode == SINEW_DEVICE_MODE_DISARMED);
  CHECK(device_arm(3, 900000) == SINEW_RESULT_ACCEPTED);
}

static void opened_it_stops_by_the_ramp_and_latches(void) {
  for (size_t at = 0; at < FROM; at++) {
    driven_from(from_us[at]);
    device_stop_open = true;
    /* The first turn sees it, and five more must. */
    device_run(5000);
    CHECK(device.stop.mode == SINEW_DEVICE_MODE_ARMED && device.drive.applied[0] == 2.0f);
    device_run(1000);
    CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPING);
    for (int ms = 1; ms < 100; ms++) {
      device_run(1000);
      CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPING);
      CHECK(fabsf(device.drive.applied[0] - 2.0f * (float)(100 - ms) / 100.0f) < 1e-6f);
    }
    device_run(1000);
    CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPED && device.drive.applied[0] == 0.0f);
    device_run(5000);
    const uint8_t *state = device_reply(SINEW_STATE);
    CHECK(state[SINEW_STATE_MODE] == SINEW_DEVICE_MODE_STOPPED);
    CHECK(state[SINEW_STATE_REASON] == SINEW_DEVICE_REASON_STOP_LINE);
    CHECK(state[SINEW_STATE_STOP_LINE] == SINEW_STOP_LINE_OPEN && device.stop.trips == 0);
  }
}

static void closed_again_it_starts_nothing(void) {
  const float value = 1.0f;
  driven_from(0);
  device_stop_open = true;
  device_run(20000);
  device_stop_open = false;
  device_run(20000);
  /* The stop goes on to its end, whatever the line reads now. */
  CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPING);
  CHECK(!device_command(3, 900000, &value, 1));
  device_run(200000);
  CHECK(told() == SINEW_STOP_LINE_CLOSED);
  CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPED && device.drive.applied[0] == 0.0f);
  CHECK(device.stop.reason == SINEW_DEVICE_REASON_STOP_LINE);
  CHECK(device_arm(4, 900000) == SINEW_RESULT_MUST_RESET);
  CHECK(!device_command(5, 900000, &value, 1));
  CHECK(device_reset() == SINEW_RESULT_ACCEPTED);
  CHECK(!device_command(6, 900000, &value, 1));
  CHECK(device_arm(7, 900000) == SINEW_RESULT_ACCEPTED);
  CHECK(device_command(8, 900000, &value, 1) && device.drive.applied[0] == 1.0f);
}

static void open_it_takes_no_reset(void) {
  driven_from(0);
  device_stop_open = true;
  device_run(300000);
  CHECK(device_reset() == SINEW_RESULT_STOP_LINE);
  CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPED);
  CHECK(device.stop.reason == SINEW_DEVICE_REASON_STOP_LINE);
  device_stop_open = false;
  device_run(10000);
  CHECK(device_reset() == SINEW_RESULT_ACCEPTED);
}

/* A contact that bounces, and noise: what lasts shorter than 5 ms is neither. */
static void what_is_short_does_not_count(void) {
  for (size_t at = 0; at < FROM; at++) {
    driven_from(from_us[at]);
    for (int ms = 0; ms < 500; ms++) {
      device_stop_open = ms % 5 != 0;
      device_run(1000);
      CHECK(device.stop.mode == SINEW_DEVICE_MODE_ARMED);
    }
    device_stop_open = true;
    device_run(6000);
    CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPING);
    for (int ms = 0; ms < 500; ms++) {
      device_stop_open = ms % 5 == 0;
      device_run(1000);
      CHECK(device_arm(9, 900000) == SINEW_RESULT_STOP_LINE);
    }
  }
}

/* Ends of one stall are two looks: the time between them counts, however few they are. */
static void a_stall_does_not_hide_it(void) {
  driven_from(0);
  device_stop_open = true;
  device_run(1000);
  device_stall(40000);
  (void)sinew_session_run(&device);
  CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPING);
  CHECK(device.stop.reason == SINEW_DEVICE_REASON_STOP_LINE);
}

static void the_first_reason_stays(void) {
  driven_from(0);
  device_stop(SINEW_DEVICE_REASON_OPERATOR);
  device_stop_open = true;
  device_run(300000);
  CHECK(device.stop.reason == SINEW_DEVICE_REASON_OPERATOR);
  driven_from(0);
  device_run(900000);
  CHECK(device.stop.reason == SINEW_DEVICE_REASON_EXPIRED);
  device_stop_open = true;
  device_run(300000);
  CHECK(device.stop.reason == SINEW_DEVICE_REASON_EXPIRED);
}

/* A frame may come between two turns. */
static void a_frame_does_not_pass_it(void) {
  const float value = -2.0f;
  driven_from(0);
  device_stop_open = true;
  device_run(1000);
  device_stall(5500);
  CHECK(!device_command(3, 900000, &value, 1));
  CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPING);
}

static void it_goes_by_the_held_clock(void) {
  const float value = 1.0f;
  device_start_on_line(&sinew_pendulum, 123456);
  device_run(10000);
  CHECK(device_lockstep(true) == SINEW_RESULT_ACCEPTED);
  CHECK(device_arm(1, 900000) == SINEW_RESULT_ACCEPTED);
  CHECK(device_command(2, 900000, &value, 1));
  device_stop_open = true;
  device_stall(5000000);
  (void)sinew_session_run(&device);
  CHECK(device_step(4) && device.stop.mode == SINEW_DEVICE_MODE_ARMED);
  CHECK(device_step(1) && device.stop.mode == SINEW_DEVICE_MODE_STOPPING);
}

const struct test stop_line_tests[] = {
    {"a board without a stop line says so", a_board_without_one_says_so},
    {"a stop line must be seen closed before ARM", it_must_be_seen_closed_first},
    {"an open stop line refuses ARM and moves nothing", open_it_cannot_be_armed},
    {"a stop line that opens stops by the ramp and latches",
     opened_it_stops_by_the_ramp_and_latches},
    {"a stop line that closes again starts nothing", closed_again_it_starts_nothing},
    {"an open stop line refuses RESET", open_it_takes_no_reset},
    {"a stop line is debounced both ways", what_is_short_does_not_count},
    {"a stall does not hide an open stop line", a_stall_does_not_hide_it},
    {"an open stop line does not change an earlier reason", the_first_reason_stays},
    {"no frame passes an open stop line", a_frame_does_not_pass_it},
    {"in lockstep the stop line goes by the same clock", it_goes_by_the_held_clock},
    {0, 0},
};
