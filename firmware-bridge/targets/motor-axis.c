#include "motor-axis.h"

#include "torque-motor.h"

#define COUNTS_PER_TURN 4096.0f

static const float turns_per_rad = 0.15915494f;
/* Of the motor's 2e-4 kg*m^2: 20 rad/s and critically damped, per turn and per turn/s. */
static const float stiffness = 0.5f;
static const float damping = 0.038f;
static const float velocity_gain = 0.038f;
/* What the motor's friction takes, per turn/s. */
static const float friction = 0.012566f;
static const float torque_limit = 0.1f;

static float within(float value, float limit) {
  if (value < -limit) return -limit;
  return value > limit ? limit : value;
}

static float torque_of(const struct sinew_motor_axis *axis, enum sinew_axis_order order,
                       float value) {
  switch (order) {
    case SINEW_AXIS_POSITION:
      return stiffness * (value - axis->turns) - damping * axis->turns_per_s;
    case SINEW_AXIS_VELOCITY:
      return velocity_gain * (value - axis->turns_per_s) + friction * value;
    case SINEW_AXIS_EFFORT:
      return value;
    case SINEW_AXIS_BRAKE:
      return -velocity_gain * axis->turns_per_s;
    default:
      return 0.0f;
  }
}

void sinew_motor_axis_start(struct sinew_motor_axis *axis) {
  sinew_torque_motor.start();
  axis->turns = 0.0f;
  axis->turns_per_s = 0.0f;
  axis->torque = 0.0f;
  axis->counts = 0;
  axis->seen = sinew_torque_motor_counts;
}

void sinew_motor_axis_tick(struct sinew_motor_axis *axis, enum sinew_axis_order order, float value,
                           float torque_max) {
  const bool driven = order != SINEW_AXIS_OFF;
  const float most = torque_max < torque_limit ? torque_max : torque_limit;
  const float torque = within(torque_of(axis, order, value), most);
  axis->torque = driven ? torque : 0.0f;
  if (!sinew_torque_motor.tick(&axis->torque, &driven)) sinew_motor_axis_start(axis);
  axis->counts += (int16_t)(uint16_t)(sinew_torque_motor_counts - axis->seen);
  axis->seen = sinew_torque_motor_counts;
  float observation[2];
  sinew_torque_motor.observe(observation);
  axis->turns = (float)axis->counts / COUNTS_PER_TURN;
  axis->turns_per_s = observation[1] * turns_per_rad;
}
