#include <math.h>
#include <string.h>

#include "check.h"
#include "device.h"
#include "messages.h"

/* A joint that holds where it is, a hand that is let go at once, a fan that runs down. */
enum { JOINT, HAND, FAN };

static struct sinew_channel channels[] = {
    {.name = "fan_speed", .unit = "rad/s", .low = -10.0f, .high = 10.0f},
    {.name = "joint", .unit = "rad", .low = -3.0f, .high = 3.0f},
    {.name = "joint_goal", .unit = "rad", .low = -2.0f, .high = 2.0f,
     .stop = SINEW_STOP_CATEGORY_RAMP_AND_HOLD, .position = 1},
    {.name = "hand_force", .unit = "N", .low = 1.0f, .high = 5.0f,
     .stop = SINEW_STOP_CATEGORY_OFF},
    {.name = "fan_torque", .unit = "N*m", .low = -1.0f, .high = 1.0f},
};

static float joint;
static float told[3];
static bool told_driven[3];

static void start(void) { joint = 0.5f; }

static bool tick(const float *applied, const bool *driven) {
  memcpy(told, applied, sizeof told);
  memcpy(told_driven, driven, sizeof told_driven);
  return true;
}

static void observe(float *observation) {
  observation[0] = 7.0f;
  observation[1] = joint;
}

static const struct sinew_target arm_rig = {.name = "arm",
                                            .period_us = 10000,
                                            .channels = channels,
                                            .observation_count = 2,
                                            .action_count = 3,
                                            .start = start,
                                            .tick = tick,
                                            .observe = observe};

static const float goal[3] = {1.5f, 4.0f, -1.0f};

static bool let_go(int which) { return !told_driven[which] && told[which] == 0.0f; }

static bool near(float value, float wanted) { return fabsf(value - wanted) < 1e-6f; }

static uint32_t driven_said(void) {
  device_run(5000);
  return device_reply(SINEW_STATE)[SINEW_STATE_DRIVEN];
}

static void driving(void) {
  device_start(&arm_rig, 0);
  device_run(2000);
  CHECK(device_arm(1, 300000) == SINEW_RESULT_ACCEPTED);
  CHECK(device_command(2, 50000, goal, 3));
  device_run(2000);
}

static void nothing_is_driven_before_a_command(void) {
  device_start(&arm_rig, 0);
  device_run(2000);
  for (int which = 0; which < 3; which++) CHECK(let_go(which));
  CHECK(device_arm(1, 300000) == SINEW_RESULT_ACCEPTED);
  device_run(2000);
  for (int which = 0; which < 3; which++) CHECK(let_go(which));
  CHECK(driven_said() == 0);
  /* A position that nobody ever asked for is not held either. */
  device_run(500000);
  CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPED);
  for (int which = 0; which < 3; which++) CHECK(let_go(which));
}

static void each_actuator_stops_in_its_own_way(void) {
  driving();
  for (int which = 0; which < 3; which++) CHECK(told_driven[which] && told[which] == goal[which]);
  CHECK(driven_said() == 3);
  CHECK(device_command(3, 50000, goal, 3));
  CHECK(device_stop(SINEW_DEVICE_REASON_HOST) == SINEW_RESULT_ACCEPTED);
  joint = 0.7f;
  for (int ms = 1; ms < 100; ms++) {
    device_run(1000);
    const float left = (float)(100 - ms) / 100.0f;
    CHECK(told_driven[JOINT] && near(told[JOINT], 0.5f + left));
    CHECK(let_go(HAND));
    CHECK(told_driven[FAN] && near(told[FAN], -left));
  }
  device_run(1000);
  CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPED);
  CHECK(told_driven[JOINT] && told[JOINT] == 0.5f);
  CHECK(let_go(HAND) && let_go(FAN) && !signbit(told[FAN]));
  CHECK(driven_said() == 1);
}

/* An arm that is let go by a reset would fall. */
static void a_held_place_is_held_until_the_next_command(void) {
  driving();
  device_run(300000);
  CHECK(device.stop.reason == SINEW_DEVICE_REASON_EXPIRED);
  CHECK(device_reset() == SINEW_RESULT_ACCEPTED);
  joint = -1.0f;
  device_run(100000);
  CHECK(told_driven[JOINT] && told[JOINT] == 0.5f);
  CHECK(device_stop(SINEW_DEVICE_REASON_HOST) == SINEW_RESULT_ACCEPTED);
  device_run(2000);
  CHECK(told_driven[JOINT] && told[JOINT] == 0.5f);
  CHECK(device_reset() == SINEW_RESULT_ACCEPTED);
  CHECK(device_arm(20, 300000) == SINEW_RESULT_ACCEPTED);
  device_run(2000);
  CHECK(told_driven[JOINT] && told[JOINT] == 0.5f && let_go(HAND) && let_go(FAN));
  CHECK(device_command(21, 50000, goal, 3));
  device_run(1000);
  CHECK(told[JOINT] == 1.5f && told_driven[HAND] && told_driven[FAN]);
}

static void a_place_is_held_within_the_limits(void) {
  driving();
  joint = 2.75f;
  device_stop(SINEW_DEVICE_REASON_HOST);
  device_run(200000);
  CHECK(told[JOINT] == 2.0f);
  driving();
  joint = -3.0f;
  device_stop(SINEW_DEVICE_REASON_HOST);
  for (int ms = 0; ms < 200; ms++) {
    device_run(1000);
    CHECK(told[JOINT] >= -2.0f && told[JOINT] <= 2.0f);
  }
  CHECK(told[JOINT] == -2.0f);
}

static void a_sensor_that_failed_leaves_the_goal(void) {
  const float odd[] = {NAN, INFINITY, -INFINITY};
  for (int at = 0; at < 3; at++) {
    driving();
    joint = odd[at];
    device_stop(SINEW_DEVICE_REASON_HOST);
    device_run(200000);
    CHECK(told_driven[JOINT] && told[JOINT] == 1.5f);
  }
}

static bool starts(void) {
  static struct sinew_session session;
  return sinew_session_start(&session, device.hal, &arm_rig, 1);
}

static void a_place_that_nothing_observes_is_not_held(void) {
  const struct sinew_channel was = channels[2];
  const uint32_t hash = sinew_contract_hash(&arm_rig);
  device_start(&arm_rig, 0);
  CHECK(starts());
  channels[2].position = 2;
  CHECK(!starts());
  channels[2].position = SINEW_NO_POSITION;
  CHECK(!starts());
  channels[2].position = 0;
  CHECK(!starts());
  channels[2] = was;
  channels[2].unit = "deg";
  CHECK(!starts());
  channels[2] = was;
  channels[2].stop = 3;
  CHECK(!starts());
  channels[2].stop = SINEW_STOP_CATEGORY_RAMP_TO_ZERO;
  CHECK(starts() && sinew_contract_hash(&arm_rig) != hash);
  channels[2] = was;
  CHECK(sinew_contract_hash(&arm_rig) == hash);
}

static void a_zero_beyond_the_limits_is_not_ramped_to(void) {
  const struct sinew_channel was = channels[4];
  const float odd[][2] = {{0.001f, 1.0f}, {-1.0f, -0.001f}, {NAN, 1.0f}, {-1.0f, NAN}};
  device_start(&arm_rig, 0);
  for (int at = 0; at < 4; at++) {
    channels[4].low = odd[at][0];
    channels[4].high = odd[at][1];
    channels[4].stop = SINEW_STOP_CATEGORY_RAMP_TO_ZERO;
    CHECK(!starts());
    channels[4].stop = SINEW_STOP_CATEGORY_OFF;
    CHECK(starts());
  }
  channels[4] = was;
  channels[4].low = 0.0f;
  CHECK(starts());
  channels[4] = was;
  channels[4].high = 0.0f;
  CHECK(starts());
  channels[4] = was;
}

static void channels_tell_how_they_stop(void) {
  const uint8_t wanted[3][2] = {{SINEW_STOP_CATEGORY_RAMP_AND_HOLD, 1},
                                {SINEW_STOP_CATEGORY_OFF, SINEW_NO_POSITION},
                                {SINEW_STOP_CATEGORY_RAMP_TO_ZERO, SINEW_NO_POSITION}};
  device_start(&arm_rig, 0);
  for (uint8_t which = 0; which < 3; which++) {
    const uint8_t query[2] = {SINEW_DIRECTION_ACTION, which};
    device_send(SINEW_QUERY, 1, query, 2);
    const uint8_t *channel = device_reply(SINEW_CHANNEL);
    CHECK(channel[SINEW_CHANNEL_STOP] == wanted[which][0]);
    CHECK(channel[SINEW_CHANNEL_POSITION] == wanted[which][1]);
  }
}

const struct test drive_tests[] = {
    {"nothing is driven before a command", nothing_is_driven_before_a_command},
    {"each actuator stops in its own way", each_actuator_stops_in_its_own_way},
    {"a held place is held through reset and ARM", a_held_place_is_held_until_the_next_command},
    {"a place is held within the limits", a_place_is_held_within_the_limits},
    {"where the sensor has failed the goal is held", a_sensor_that_failed_leaves_the_goal},
    {"a place that nothing observes cannot be held", a_place_that_nothing_observes_is_not_held},
    {"a zero beyond the limits is not ramped to", a_zero_beyond_the_limits_is_not_ramped_to},
    {"CHANNEL tells how each actuator stops", channels_tell_how_they_stop},
    {0, 0},
};
