#include "servo-motor.h"

#define TURN (SINEW_SERVO_TURN_COUNTS << 16)

int32_t sinew_servo_between(int32_t value, int32_t low, int32_t high) {
  return value < low ? low : value > high ? high : value;
}

uint16_t sinew_servo_motor_counts(const struct sinew_servo_motor *motor) {
  return (uint16_t)(motor->position >> 16);
}

static void drive(struct sinew_servo_motor *motor, const struct sinew_servo_law *law,
                  int32_t goal) {
  if (!motor->driven) {
    motor->target = motor->position;
    motor->driven = true;
  }
  const int32_t way = (goal << 16) - motor->target;
  motor->target += sinew_servo_between(way, -law->slew_per_tick, law->slew_per_tick);
  /* Beyond an error of so much the duty is at its end anyway. */
  const int32_t error = sinew_servo_between(motor->target - motor->position, -law->error_max,
                                            law->error_max) >> 8;
  motor->duty =
      sinew_servo_between((error * law->duty_per_count) >> 16, -law->duty_max, law->duty_max);
}

void sinew_servo_motor_tick(struct sinew_servo_motor *motor, const struct sinew_servo_law *law,
                            bool driven, int32_t goal) {
  if (driven) {
    drive(motor, law, goal);
  } else {
    motor->driven = false;
    motor->duty = 0;
  }
  const int32_t drag = motor->driven ? law->drag_driven : law->drag_free;
  int32_t speed = motor->speed + ((law->push * motor->duty) >> 12);
  speed -= ((motor->speed >> 4) * drag) >> 12;
  /* Friction stops a motor, it does not turn it back. */
  speed = speed > law->coulomb ? speed - law->coulomb
          : speed < -law->coulomb ? speed + law->coulomb
                                  : 0;
  motor->speed = speed;
  motor->position += speed >> 4;
  if (motor->position >= TURN) motor->position -= TURN;
  if (motor->position < 0) motor->position += TURN;
}
