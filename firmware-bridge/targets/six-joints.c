#include "six-joints.h"

#define JOINTS 6u

/* Each joint: 20 rad/s, well damped; a turn is 1 ms. */
static const float stiffness_per_tick = 400.0f * 1e-3f; /* rad/s per rad */
static const float damping_per_tick = 32.0f * 1e-3f;
static const float speed_max = 8.0f;
static const float seconds_per_tick = 1e-3f;

#define ANGLE(at) {.name = "joint" #at "_angle", .unit = "rad", .low = -3.2f, .high = 3.2f}
#define SPEED(at) {.name = "joint" #at "_velocity", .unit = "rad/s", .low = -8.0f, .high = 8.0f}
#define AIM(at)                                                                            \
  {.name = "joint" #at "_target", .unit = "rad", .low = -3.0f, .high = 3.0f,               \
   .stop = SINEW_STOP_CATEGORY_RAMP_AND_HOLD, .position = at - 1}

static const struct sinew_channel channels[] = {
    ANGLE(1), ANGLE(2), ANGLE(3), ANGLE(4), ANGLE(5), ANGLE(6),
    SPEED(1), SPEED(2), SPEED(3), SPEED(4), SPEED(5), SPEED(6),
    AIM(1),   AIM(2),   AIM(3),   AIM(4),   AIM(5),   AIM(6),
};

static float angles[JOINTS];
static float speeds[JOINTS];

static void start(void) {
  for (uint8_t joint = 0; joint < JOINTS; joint++) {
    angles[joint] = 0.0f;
    speeds[joint] = 0.0f;
  }
}

static bool tick(const float *applied, const bool *driven) {
  for (uint8_t joint = 0; joint < JOINTS; joint++) {
    const float pull = driven[joint] ? (applied[joint] - angles[joint]) * stiffness_per_tick : 0.0f;
    float speed = speeds[joint] + (pull - speeds[joint] * damping_per_tick);
    if (!sinew_finite(speed)) {
      start();
      return false;
    }
    if (speed > speed_max) speed = speed_max;
    if (speed < -speed_max) speed = -speed_max;
    speeds[joint] = speed;
    angles[joint] += speed * seconds_per_tick;
  }
  return true;
}

static void observe(float *observation) {
  for (uint8_t joint = 0; joint < JOINTS; joint++) {
    observation[joint] = angles[joint];
    observation[JOINTS + joint] = speeds[joint];
  }
}

const struct sinew_target sinew_six_joints = {
    .name = "six-joints",
    .period_us = 4000,
    .channels = channels,
    .observation_count = 2 * JOINTS,
    .action_count = JOINTS,
    .simulated = true,
    .start = start,
    .tick = tick,
    .observe = observe,
};
