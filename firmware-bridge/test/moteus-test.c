#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "line-drive.h"
#include "moteus-axis.h"

static void begin(void) { drive_begin(&sinew_moteus_axis_device); }

/* A float register's value. */
static float read_float(const char *number) {
  char line[64];
  snprintf(line, sizeof line, "can send 8101 1d%s", number);
  const char *at = strstr(drive_tell(line), "rcv 00000101 2d");
  if (at == NULL) return NAN;
  uint32_t word = 0;
  const char *hex = at + 15 + strlen(number);
  for (int i = 0; i < 4; i++) {
    const char pair[] = {hex[2 * i], hex[2 * i + 1], 0};
    word |= (uint32_t)strtoul(pair, NULL, 16) << (8 * i);
  }
  float value;
  memcpy(&value, &word, sizeof value);
  return value;
}

static bool mode_is(const char *hex) {
  char answer[64];
  snprintf(answer, sizeof answer, "OK\r\nrcv 00000101 2100%s\r\n", hex);
  return drive_says("can send 8101 1100", answer);
}

/* Position mode at `position` or with torque, by whole frames; good for 0.1 s (cdcccc3d). */
#define HOLD_QUARTER "can send 0001 01000a0e200000803e000000000d27cdcccc3d50"
#define HOLD_ZERO "can send 0001 01000a0e2000000000000000000d27cdcccc3d50"
/* NaN, 0, then 0.05 N*m with no gains. */
#define PUSH "can send 0001 01000a0e200000c07f000000000f22cdcc4c3d00000000000000000d27cdcccc3d"
#define TURN_TWO "can send 0001 01000a0e200000c07f000000400d27cdcccc3d50"
#define STOP "can send 0001 010000"

static void answers_as_its_documentation_shows(void) {
  begin();
  CHECK(drive_says("can send 8001 1100", "OK\r\nrcv 00000100 210000\r\n"));
  CHECK(drive_says("can send 8101 198202", "OK\r\nrcv 00000101 29820205000000\r\n"));
  CHECK(drive_says("can send 0101 1100", "OK\r\n"));       /* no answer is asked for */
  CHECK(drive_says("can send 8102 1100", "OK\r\n"));       /* another id */
  CHECK(drive_says("hello", "ERR unknown command\r\n"));
  CHECK(drive_says("can send 80x1 1100", "ERR invalid hex in id\r\n"));
}

static void a_sum_once_used_is_required(void) {
  begin();
  CHECK(drive_says("can send 8101 1100", "OK\r\nrcv 00000101 210000\r\n"));
  const char *answer = drive_tell("can send 8101 1100 *00");
  CHECK(strncmp(answer, "ERR checksum", 12) == 0);
  char line[64];
  bool found = false;
  for (int sum = 0; sum < 256; sum++) {
    snprintf(line, sizeof line, "can send 8101 1100 *%02X", (unsigned)sum);
    found = found || strstr(drive_tell(line), "rcv 00000101 210000 *") != NULL;
  }
  CHECK(found);
  CHECK(strncmp(drive_tell("can send 8101 1100"), "ERR checksum *", 14) == 0);
}

static void an_order_gives_power_and_a_stop_takes_it(void) {
  begin();
  CHECK(mode_is("00"));
  (void)drive_tell(PUSH);
  CHECK(mode_is("03"));
  drive_pass(4000);
  CHECK(mode_is("0a"));
  drive_pass(50000);
  CHECK(fabsf(read_float("03") - 0.05f) < 1e-6f);
  (void)drive_tell(STOP);
  drive_pass(1000);
  CHECK(mode_is("00"));
  CHECK(read_float("03") == 0.0f);
}

static void it_goes_to_positions_and_turns_at_velocities(void) {
  begin();
  for (int turn = 0; turn < 16; turn++) {
    (void)drive_tell(HOLD_QUARTER);
    drive_pass(50000);
  }
  CHECK(fabsf(read_float("01") - 0.25f) < 0.01f);
  for (int turn = 0; turn < 16; turn++) {
    (void)drive_tell(TURN_TWO);
    drive_pass(50000);
  }
  CHECK(fabsf(read_float("02") - 2.0f) < 0.2f);
}

static void a_timeout_latches_until_a_stop(void) {
  begin();
  for (int turn = 0; turn < 10; turn++) {
    (void)drive_tell(PUSH);
    drive_pass(90000);
    CHECK(mode_is("0a"));
  }
  (void)drive_tell(PUSH);
  drive_pass(99000);
  CHECK(mode_is("0a"));
  drive_pass(3000);
  CHECK(mode_is("0b"));
  const float silent_us = read_float("af02");
  CHECK(silent_us >= 100000.0f && silent_us <= 102000.0f);
  /* It brakes, and takes no order. */
  CHECK(read_float("03") < 0.0f && read_float("03") >= -0.02f);
  (void)drive_tell(PUSH);
  drive_pass(5000);
  CHECK(mode_is("0b"));
  drive_pass(2000000);
  CHECK(fabsf(read_float("02")) < 0.05f);
  (void)drive_tell(STOP);
  CHECK(mode_is("00"));
  (void)drive_tell(PUSH);
  drive_pass(5000);
  CHECK(mode_is("0a"));
}

static void each_order_begins_anew(void) {
  begin();
  (void)drive_tell(PUSH);
  (void)drive_tell(HOLD_ZERO);
  CHECK(read_float("22") == 0.0f && read_float("23") == 1.0f);
}

static void any_bytes_do_no_harm(void) {
  begin();
  for (int i = 0; i < 20000; i++) {
    char line[80] = "can send 8101 ";
    for (int at = 14; at < 14 + (int)(random_word() % 60u); at++) {
      line[at] = "0123456789abcdef"[random_word() % 16u];
    }
    (void)drive_tell(line);
    if (i % 50 == 0) drive_pass(1000);
  }
  for (int i = 0; i < 100000; i++) {
    const char byte = (char)random_word();
    drive_send(&byte, 1);
  }
  (void)drive_tell("");
  CHECK(true);
}

const struct test moteus_tests[] = {
    {"moteus: answers as its documentation shows", answers_as_its_documentation_shows},
    {"moteus: a sum once used is required", a_sum_once_used_is_required},
    {"moteus: an order gives power, a stop takes it", an_order_gives_power_and_a_stop_takes_it},
    {"moteus: positions and velocities", it_goes_to_positions_and_turns_at_velocities},
    {"moteus: a timeout latches until a stop", a_timeout_latches_until_a_stop},
    {"moteus: each order begins anew", each_order_begins_anew},
    {"moteus: any bytes do no harm", any_bytes_do_no_harm},
    {0, 0},
};
