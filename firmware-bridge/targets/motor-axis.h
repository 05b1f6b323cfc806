/* One motor with a drive's control loop, simulated: the torque motor with its encoder, in turns,
   turns/s and N*m. A turn of the loop is 1 ms. */
#ifndef SINEW_MOTOR_AXIS_H
#define SINEW_MOTOR_AXIS_H

#include <stdbool.h>
#include <stdint.h>

enum sinew_axis_order {
  SINEW_AXIS_OFF,
  SINEW_AXIS_POSITION,
  SINEW_AXIS_VELOCITY,
  SINEW_AXIS_EFFORT,
  /* Brakes to rest by itself, and keeps no place. */
  SINEW_AXIS_BRAKE,
};

struct sinew_motor_axis {
  float turns;
  float turns_per_s;
  float torque;
  /* The encoder's count, without the counter's wrap, and the counter as it was seen last. */
  int32_t counts;
  uint16_t seen;
};

void sinew_motor_axis_start(struct sinew_motor_axis *axis);

/* One turn under `order`, to `value` turns, turns/s or N*m, with at most `torque_max` N*m. */
void sinew_motor_axis_tick(struct sinew_motor_axis *axis, enum sinew_axis_order order, float value,
                           float torque_max);

#endif
