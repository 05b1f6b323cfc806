#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "line-drive.h"
#include "odrive-axis.h"

static float number(const char *line) { return strtof(drive_tell(line), NULL); }

static void begin(void) { drive_begin(&sinew_odrive_axis_device); }

static void power(const char *order) {
  (void)drive_tell("u 0");
  (void)drive_tell("sc");
  (void)drive_tell(order);
  (void)drive_tell("w axis0.requested_state 8");
  drive_pass(4000);
}

static void answers_as_its_documentation_shows(void) {
  begin();
  CHECK(drive_says("f 0", "0.000000 0.000000\r\n"));
  CHECK(drive_says("r axis0.error *22", "")); /* a wrong sum */
  CHECK(drive_says("r axis0.error *23", "0*48\r\n"));
  CHECK(drive_says("r axis0.error ; comment", "0\r\n"));
  CHECK(drive_says("r axis0.nothing", "invalid property\r\n"));
  CHECK(drive_says("r axis1.error", "invalid property\r\n"));
  CHECK(drive_says("f 123456", "invalid motor 123456\r\n"));
  CHECK(drive_says("x", "unknown command\r\n"));
  CHECK(drive_says("f", "invalid command format\r\n"));
  CHECK(drive_says("w axis0.controller.input_pos -123.456", ""));
  CHECK(drive_says("r axis0.controller.input_pos", "-123.4560\r\n"));
  CHECK(drive_says("r fw_version_minor", "5\r\n"));
}

static void an_overlong_line_is_none(void) {
  begin();
  char line[400];
  memset(line, ' ', sizeof line - 1);
  memcpy(line, "r axis0.error", 13);
  line[sizeof line - 1] = 0;
  CHECK(drive_says(line, ""));
  CHECK(drive_says("r axis0.error", "0\r\n"));
}

static void power_comes_by_request_and_goes_by_request(void) {
  begin();
  (void)drive_tell("c 0 0.05");
  drive_pass(100000);
  CHECK(drive_says("f 0", "0.000000 0.000000\r\n"));
  power("c 0 0.05");
  CHECK(drive_says("r axis0.current_state", "8\r\n"));
  drive_pass(50000);
  CHECK(number("r axis0.torque") > 0.04f);
  (void)drive_tell("w axis0.requested_state 1");
  drive_pass(1000);
  CHECK(drive_says("r axis0.current_state", "1\r\n"));
  CHECK(drive_says("r axis0.torque", "0.000000\r\n"));
}

static void it_goes_to_positions_and_turns_at_velocities(void) {
  begin();
  power("p 0 0 0 0");
  (void)drive_tell("p 0 0.25 0 0");
  drive_pass(800000);
  CHECK(fabsf(number("f 0") - 0.25f) < 0.01f);
  (void)drive_tell("v 0 2 0");
  drive_pass(800000);
  CHECK(fabsf(strtof(strchr(drive_tell("f 0"), ' '), NULL) - 2.0f) < 0.2f);
}

static void a_position_begins_where_the_axis_is(void) {
  begin();
  power("v 0 2 0");
  drive_pass(500000);
  (void)drive_tell("w axis0.requested_state 1");
  drive_pass(3000000);
  const float place = number("f 0");
  CHECK(place > 0.5f);
  power("p 0 0 0 0");
  CHECK(fabsf(number("r axis0.controller.input_pos") - place) < 0.01f);
}

static void its_watchdog_takes_the_power_in_its_own_time(void) {
  begin();
  (void)drive_tell("w axis0.config.watchdog_timeout 0.1");
  (void)drive_tell("w axis0.config.enable_watchdog 1");
  power("c 0 0.05");
  for (int turn = 0; turn < 10; turn++) {
    (void)drive_tell("c 0 0.05");
    drive_pass(90000);
    CHECK(drive_says("r axis0.current_state", "8\r\n"));
  }
  (void)drive_tell("u 0");
  drive_pass(99000);
  CHECK(drive_says("r axis0.current_state", "8\r\n"));
  drive_pass(3000);
  CHECK(drive_says("r axis0.current_state", "1\r\n"));
  CHECK(drive_says("r axis0.error", "2048\r\n"));
  CHECK(drive_says("r axis0.torque", "0.000000\r\n"));
  const float silent_us = number("r axis0.silent_us");
  CHECK(silent_us >= 100000.0f && silent_us <= 102000.0f);
  /* An order feeds it, and gives no power; nor does a request while the error is there. */
  (void)drive_tell("c 0 0.05");
  (void)drive_tell("w axis0.requested_state 8");
  drive_pass(20000);
  CHECK(drive_says("r axis0.current_state", "1\r\n"));
  CHECK(drive_says("r axis0.torque", "0.000000\r\n"));
  power("c 0 0.05");
  CHECK(drive_says("r axis0.current_state", "8\r\n"));
}

static void any_bytes_do_no_harm(void) {
  begin();
  for (int i = 0; i < 100000; i++) {
    const char byte = (char)random_word();
    drive_send(&byte, 1);
    if (i % 50 == 0) drive_pass(1000);
  }
  (void)drive_tell("");
  CHECK(drive_says("r axis0.current_state", "1\r\n"));
  CHECK(drive_says("f 0", "0.000000 0.000000\r\n"));
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
