#include "pd-servo.h"

/* The loop, at 1 kHz: 24 rad/s and nearly critically damped. */
static const float stiffness = 12.0f; /* N*m/rad */
static const float damping = 0.9f;    /* N*m*s/rad */
static const float torque_max = 1.5f; /* N*m */

/* The motor with its gear: 0.02 kg*m^2, 0.05 N*m*s/rad, stopped by its housing at 1.6 rad. */
static const float friction = 0.05f;
static const float speed_per_torque = 1e-3f / 0.02f; /* of one turn of 1 ms */
static const float speed_max = 20.0f;
static const float angle_max = 1.6f;
static const float seconds_per_tick = 1e-3f;

static const struct sinew_channel channels[] = {
    {.name = "joint_angle", .unit = "rad", .low = -1.6f, .high = 1.6f},
    {.name = "joint_velocity", .unit = "rad/s", .low = -20.0f, .high = 20.0f},
    {.name = "joint_target", .unit = "rad", .low = -1.5f, .high = 1.5f,
     .stop = SINEW_STOP_CATEGORY_RAMP_AND_HOLD, .position = 0},
};

static float angle;
static float speed;

static float within(float value, float limit) {
  if (value < -limit) return -limit;
  return value > limit ? limit : value;
}

static float torque_to(float target) {
  return within(stiffness * (target - angle) - damping * speed, torque_max);
}

/* Where a real servo sets its PWM and reads its sensor. */
static bool turn_motor(float torque) {
  const float next = speed + (torque - friction * speed) * speed_per_torque;
  if (!sinew_finite(next)) return false;
  speed = within(next, speed_max);
  const float free_angle = angle + speed * seconds_per_tick;
  angle = within(free_angle, angle_max);
  if (angle != free_angle) speed = 0.0f;
  return true;
}

static void start(void) {
  angle = 0.0f;
  speed = 0.0f;
}

static bool tick(const float *applied, const bool *driven) {
  /* A target that is not finite gets past `within`, but not past the motor. */
  if (turn_motor(driven[0] ? torque_to(applied[0]) : 0.0f)) return true;
  start();
  return false;
}

static void observe(float *observation) {
  observation[0] = angle;
  observation[1] = speed;
}

const struct sinew_target sinew_pd_servo = {
    .name = "pd-servo",
    .period_us = 20000,
    .channels = channels,
    .observation_count = 2,
    .action_count = 1,
    .simulated = true,
    .start = start,
    .tick = tick,
    .observe = observe,
};
