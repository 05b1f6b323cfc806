#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "odrive-axis.h"

static const struct sinew_line_device *const device = &sinew_odrive_axis_device;
static uint32_t now_us;
static char said[SINEW_LINE_SAID_MAX + 1];

static void pass(uint32_t us) {
  for (const uint32_t end_us = now_us + us; now_us != end_us;) {
    const uint32_t due_us = device->run(now_us);
    now_us = (int32_t)(end_us - due_us) > 0 ? due_us : end_us;
    (void)device->run(now_us);
  }
}

static const char *tell(const char *line) {
  uint8_t out[SINEW_LINE_SAID_MAX];
  (void)device->answer(out);
  for (; *line != 0; line++) device->receive((uint8_t)*line, now_us);
  device->receive('\n', now_us);
  const size_t length = device->answer(out);
  memcpy(said, out, length);
  said[length] = 0;
  return said;
}

static bool says(const char *line, const char *answer) { return strcmp(tell(line), answer) == 0; }

static float number(const char *line) { return strtof(tell(line), NULL); }

static void begin(void) {
  now_us = 0xffffff00u; /* the clock wraps soon */
  device->start(now_us);
}

static void power(const char *order) {
  (void)tell("u 0");
  (void)tell("sc");
  (void)tell(order);
  (void)tell("w axis0.requested_state 8");
  pass(4000);
}

static void answers_as_its_documentation_shows(void) {
  begin();
  CHECK(says("f 0", "0.000000 0.000000\r\n"));
  CHECK(says("r axis0.error *22", "")); /* a wrong sum */
  CHECK(says("r axis0.error *23", "0*48\r\n"));
  CHECK(says("r axis0.error ; comment", "0\r\n"));
  CHECK(says("r axis0.nothing", "invalid property\r\n"));
  CHECK(says("r axis1.error", "invalid property\r\n"));
  CHECK(says("f 123456", "invalid motor 123456\r\n"));
  CHECK(says("x", "unknown command\r\n"));
  CHECK(says("f", "invalid command format\r\n"));
  CHECK(says("w axis0.controller.input_pos -123.456", ""));
  CHECK(says("r axis0.controller.input_pos", "-123.4560\r\n"));
  CHECK(says("r fw_version_minor", "5\r\n"));
}

static void an_overlong_line_is_none(void) {
  begin();
  char line[400];
  memset(line, ' ', sizeof line - 1);
  memcpy(line, "r axis0.error", 13);
  line[sizeof line - 1] = 0;
  CHECK(says(line, ""));
  CHECK(says("r axis0.error", "0\r\n"));
}

static void power_comes_by_request_and_goes_by_request(void) {
  begin();
  (void)tell("c 0 0.05");
  pass(100000);
  CHECK(says("f 0", "0.000000 0.000000\r\n"));
  power("c 0 0.05");
  CHECK(says("r axis0.current_state", "8\r\n"));
  pass(50000);
  CHECK(number("r axis0.torque") > 0.04f);
  (void)tell("w axis0.requested_state 1");
  pass(1000);
  CHECK(says("r axis0.current_state", "1\r\n"));
  CHECK(says("r axis0.torque", "0.000000\r\n"));
}

static void it_goes_to_positions_and_turns_at_velocities(void) {
  begin();
  power("p 0 0 0 0");
  (void)tell("p 0 0.25 0 0");
  pass(800000);
  CHECK(fabsf(number("f 0") - 0.25f) < 0.01f);
  (void)tell("v 0 2 0");
  pass(800000);
  (void)tell("f 0");
  CHECK(fabsf(strtof(strchr(said, ' '), NULL) - 2.0f) < 0.2f);
}

static void a_position_begins_where_the_axis_is(void) {
  begin();
  power("v 0 2 0");
  pass(500000);
  (void)tell("w axis0.requested_state 1");
  pass(3000000);
  const float place = number("f 0");
  CHECK(place > 0.5f);
  power("p 0 0 0 0");
  CHECK(fabsf(number("r axis0.controller.input_pos") - place) < 0.01f);
}

static void its_watchdog_takes_the_power_in_its_own_time(void) {
  begin();
  (void)tell("w axis0.config.watchdog_timeout 0.1");
  (void)tell("w axis0.config.enable_watchdog 1");
  power("c 0 0.05");
  for (int turn = 0; turn < 10; turn++) {
    (void)tell("c 0 0.05");
    pass(90000);
    CHECK(says("r axis0.current_state", "8\r\n"));
  }
  (void)tell("u 0");
  pass(99000);
  CHECK(says("r axis0.current_state", "8\r\n"));
  pass(3000);
  CHECK(says("r axis0.current_state", "1\r\n"));
  CHECK(says("r axis0.error", "2048\r\n"));
  CHECK(says("r axis0.torque", "0.000000\r\n"));
  const float silent_us = number("r axis0.silent_us");
  CHECK(silent_us >= 100000.0f && silent_us <= 102000.0f);
  /* An order feeds it, and gives no power; nor does a request while the error is there. */
  (void)tell("c 0 0.05");
  (void)tell("w axis0.requested_state 8");
  pass(20000);
  CHECK(says("r axis0.current_state", "1\r\n"));
  CHECK(says("r axis0.torque", "0.000000\r\n"));
  power("c 0 0.05");
  CHECK(says("r axis0.current_state", "8\r\n"));
}

static void any_bytes_do_no_harm(void) {
  begin();
  for (int i = 0; i < 100000; i++) {
    device->receive((uint8_t)random_word(), now_us);
    if (i % 50 == 0) pass(1000);
  }
  device->receive('\n', now_us);
  CHECK(says("r axis0.current_state", "1\r\n"));
  CHECK(says("f 0", "0.000000 0.000000\r\n"));
}

const struct test odrive_tests[] = {
    {"odrive: answers as its documentation shows", answers_as_its_documentation_shows},
    {"odrive: an overlong line is none", an_overlong_line_is_none},
    {"odrive: power comes and goes by request", power_comes_by_request_and_goes_by_request},
    {"odrive: positions and velocities", it_goes_to_positions_and_turns_at_velocities},
    {"odrive: a position begins where the axis is", a_position_begins_where_the_axis_is},
    {"odrive: its watchdog takes the power", its_watchdog_takes_the_power_in_its_own_time},
    {"odrive: any bytes do no harm", any_bytes_do_no_harm},
    {0, 0},
};
