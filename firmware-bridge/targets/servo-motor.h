/* The motor of a servo and the control law of its firmware, without a load, in whole numbers. */
#ifndef SINEW_SERVO_MOTOR_H
#define SINEW_SERVO_MOTOR_H

#include <stdbool.h>
#include <stdint.h>

#define SINEW_SERVO_TURN_COUNTS 4096
#define SINEW_SERVO_TICK_US 1000u
#define SINEW_SERVO_COUNTS_PER_RAD (4096.0 / 6.283185307179586)

/* To the nearest whole number, of a positive constant. */
#define SINEW_SERVO_WHOLE(x) ((int32_t)((x) + 0.5))

/* An acceleration in rad/s^2 as counts a turn of 1 ms, gained in each, Q20. */
#define SINEW_SERVO_PER_TICK(x) ((x) * SINEW_SERVO_COUNTS_PER_RAD * 1e-6 * 1048576.0)

/* A servo as identified: supply in V, torque constant in N m/A, resistance in ohm, armature in
   kg m^2, Coulomb friction in N m, viscous friction in N m s/rad; its law: duty per rad of error, at
   most how much of it, up to what error in counts, and how fast its target moves in counts/s. */
#define SINEW_SERVO_LAW(volts, constant, ohm, armature, coulomb_nm, viscous, gain, most, error,  \
                        slew)                                                                     \
  {                                                                                               \
    .slew_per_tick = SINEW_SERVO_WHOLE((slew)*1e-3 * 65536.0),                                    \
    .duty_max = SINEW_SERVO_WHOLE((most)*4096.0), .error_max = (error) << 16,                     \
    .duty_per_count =                                                                             \
        SINEW_SERVO_WHOLE((gain) / SINEW_SERVO_COUNTS_PER_RAD * 4096.0 * 256.0),                  \
    .push = SINEW_SERVO_WHOLE(SINEW_SERVO_PER_TICK((constant) * (volts) / (ohm) / (armature))),   \
    .coulomb = SINEW_SERVO_WHOLE(SINEW_SERVO_PER_TICK((coulomb_nm) / (armature))),                \
    .drag_driven = SINEW_SERVO_WHOLE(((constant) * (constant) / (ohm) + (viscous)) / (armature) * \
                                     1e-3 * 65536.0),                                             \
    .drag_free = SINEW_SERVO_WHOLE((viscous) / (armature)*1e-3 * 65536.0),                        \
  }

struct sinew_servo_law {
  /* Counts, Q16. */
  int32_t slew_per_tick;
  int32_t error_max;
  /* Q12. */
  int32_t duty_max;
  /* Duty, Q12, per count: Q8. */
  int32_t duty_per_count;
  /* Speed gained in a tick, Q20: at full duty, and lost to Coulomb friction. */
  int32_t push;
  int32_t coulomb;
  /* Share of the speed that one tick takes, Q16: the motor's own with the friction's, and that. */
  int32_t drag_driven;
  int32_t drag_free;
};

struct sinew_servo_motor {
  /* Counts in Q16, within one turn: the encoder knows no other. */
  int32_t position;
  /* Counts a turn of 1 ms, Q20. */
  int32_t speed;
  /* Where the firmware wants it now, counts in Q16; it moves to the goal at its slew. */
  int32_t target;
  /* Share of the supply at the motor, Q12. */
  int32_t duty;
  bool driven;
};

/* One turn of 1 ms towards `goal`, in counts, where it is driven. The error is that of the encoder's
   number: a motor beyond the end of its turn is driven back the whole turn, which is why nobody may
   send it there. */
void sinew_servo_motor_tick(struct sinew_servo_motor *motor, const struct sinew_servo_law *law,
                            bool driven, int32_t goal);

/* Counts, from 0 to 4095. */
uint16_t sinew_servo_motor_counts(const struct sinew_servo_motor *motor);

int32_t sinew_servo_between(int32_t value, int32_t low, int32_t high);

#endif
