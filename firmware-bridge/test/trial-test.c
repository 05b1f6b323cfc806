#include <math.h>
#include <string.h>

#include "check.h"
#include "device.h"
#include "messages.h"
#include "pd-servo.h"
#include "pendulum.h"

static const uint32_t from_us[] = {0, 0x80000000u - 50000u, 0u - 50000u, 0u - 12000u};
#define FROM (sizeof from_us / sizeof from_us[0])

static bool nothing_is_driven(void) {
  return device.drive.applied[0] == 0.0f && !device.drive.driven[0];
}

static void it_trips_as_when_armed_and_drives_nothing(void) {
  const float value = 2.0f;
  for (size_t at = 0; at < FROM; at++) {
    device_start(&sinew_pendulum, from_us[at]);
    device_run(5000);
    CHECK(device_try(1, 300000) == SINEW_RESULT_ACCEPTED && nothing_is_driven());
    CHECK(device_command(2, 40000, &value, 1) && nothing_is_driven());
    const uint8_t *state = device_reply(SINEW_STATE);
    CHECK(state[SINEW_STATE_MODE] == SINEW_DEVICE_MODE_TRIAL);
    CHECK(state[SINEW_STATE_DRIVEN] == 0);
    CHECK(sinew_get_u16(state + SINEW_STATE_ACKNOWLEDGED) == 2);
    device_run(20000);
    CHECK(device_command(3, 50000, &value, 1) && nothing_is_driven());
    device_run(49000);
    CHECK(device.stop.mode == SINEW_DEVICE_MODE_TRIAL && nothing_is_driven());
    device_run(1000);
    CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPED && nothing_is_driven());
    CHECK(device.stop.reason == SINEW_DEVICE_REASON_EXPIRED && device.stop.trips == 1);
    device_run(5000);
    state = device_reply(SINEW_STATE);
    CHECK(state[SINEW_STATE_MODE] == SINEW_DEVICE_MODE_STOPPED);
    CHECK(!device_command(4, 50000, &value, 1));
    CHECK(device_arm(5, 50000) == SINEW_RESULT_MUST_RESET);
    CHECK(device_reset() == SINEW_RESULT_ACCEPTED);
    CHECK(device_arm(6, 50000) == SINEW_RESULT_ACCEPTED);
    CHECK(device_command(7, 50000, &value, 1) && device.drive.applied[0] == 2.0f);
  }
}

static void without_a_command_it_expires_too(void) {
  device_start(&sinew_pendulum, 0);
  CHECK(device_try(1, 30000) == SINEW_RESULT_ACCEPTED);
  /* Who missed the answer may ask again. */
  CHECK(device_try(2, 40000) == SINEW_RESULT_ACCEPTED);
  device_run(39000);
  CHECK(device.stop.mode == SINEW_DEVICE_MODE_TRIAL);
  device_run(1000);
  CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPED && nothing_is_driven());
}

static void it_leads_to_nothing_but_its_stop(void) {
  const float value = 1.0f;
  device_start(&sinew_pendulum, 0);
  device_try(1, 300000);
  CHECK(device_arm(2, 300000) == SINEW_RESULT_MUST_RESET);
  CHECK(device_reset() == SINEW_RESULT_NOT_STOPPED);
  CHECK(device_lockstep(true) == SINEW_RESULT_MUST_RESET);
  CHECK(device_command(3, 300000, &value, 1));
  CHECK(device_try(4, 300000) == SINEW_RESULT_MUST_RESET);
  CHECK(device.stop.mode == SINEW_DEVICE_MODE_TRIAL && nothing_is_driven());
  CHECK(device_stop(SINEW_DEVICE_REASON_OPERATOR) == SINEW_RESULT_ACCEPTED);
  CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPED && nothing_is_driven());
  CHECK(device.stop.reason == SINEW_DEVICE_REASON_OPERATOR && device.stop.trips == 0);
  CHECK(device_try(5, 300000) == SINEW_RESULT_MUST_RESET);
  device_reset();
  device_arm(6, 300000);
  CHECK(device_try(7, 300000) == SINEW_RESULT_MUST_RESET);
  CHECK(device.stop.mode == SINEW_DEVICE_MODE_ARMED);
}

static void it_takes_what_an_armed_device_takes(void) {
  const float beyond = 2.5f;
  const float value = 1.0f;
  device_start(&sinew_pendulum, 0);
  device_try(10, 300000);
  CHECK(!device_command(10, 50000, &value, 1) && device.stats.old_sequence == 1);
  CHECK(!device_command(11, 0, &value, 1) && device.stats.expired == 1);
  CHECK(!device_command(12, 1500000, &value, 1) && device.stats.too_far_ahead == 1);
  CHECK(!device_command(13, 50000, &beyond, 1) && device.stats.out_of_range == 1);
  device_stall(300000);
  CHECK(!device_command(14, 50000, &value, 1) && device.stats.not_armed == 1);
  CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPED);
}

static void an_open_stop_line_ends_it(void) {
  device_start_on_line(&sinew_pendulum, 0);
  device_run(10000);
  device_try(1, 900000);
  device_stop_open = true;
  device_run(10000);
  CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPED && nothing_is_driven());
  CHECK(device.stop.reason == SINEW_DEVICE_REASON_STOP_LINE);
  CHECK(device_reset() == SINEW_RESULT_STOP_LINE);
  CHECK(device_try(2, 900000) == SINEW_RESULT_STOP_LINE);
}

/* What a stop left held stays where it was held, also where it has sagged since. */
static void what_is_held_stays_where_it_is(void) {
  const float there = 1.0f;
  device_start(&sinew_pd_servo, 0);
  device_arm(1, 300000);
  CHECK(device_command(2, 50000, &there, 1));
  device_run(150000);
  CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPED && device.drive.driven[0]);
  const float held = device.drive.applied[0];
  CHECK(held > 0.0f && held < 1.0f);
  for (uint16_t round = 0; round < 5; round++) {
    CHECK(device_reset() == SINEW_RESULT_ACCEPTED);
    CHECK(device_try((uint16_t)(10 + 2 * round), 300000) == SINEW_RESULT_ACCEPTED);
    CHECK(device_command((uint16_t)(11 + 2 * round), 50000, &there, 1));
    for (int ms = 0; ms < 100; ms++) {
      device_run(1000);
      CHECK(device.drive.applied[0] == held && device.drive.driven[0]);
    }
    CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPED);
  }
}

const struct test trial_tests[] = {
    {"a trial trips as when armed, and drives nothing", it_trips_as_when_armed_and_drives_nothing},
    {"a trial without a command expires too", without_a_command_it_expires_too},
    {"a trial leads to nothing but its stop", it_leads_to_nothing_but_its_stop},
    {"a trial takes what an armed device takes", it_takes_what_an_armed_device_takes},
    {"an open stop line ends a trial", an_open_stop_line_ends_it},
    {"what is held stays where it is in a trial", what_is_held_stays_where_it_is},
    {0, 0},
};
