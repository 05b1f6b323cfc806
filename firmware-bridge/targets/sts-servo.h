/* One Feetech STS3215 at 7.4 V without a load, simulated: its registers and its motor. Built with
   SINEW_SCS it has the registers of an SCS0009, whose 1024 counts span 300 degrees; the motor stays
   what it is. */
#ifndef SINEW_STS_SERVO_H
#define SINEW_STS_SERVO_H

#include <stdbool.h>
#include <stdint.h>

#include "servo-motor.h"

#define SINEW_STS_REGISTERS 71u

#ifdef SINEW_SCS
#define SINEW_STS_IS_SCS 1
#else
#define SINEW_STS_IS_SCS 0
#endif

/* Addresses; words take two bytes, the low one first, of an SCS the high one. */
enum {
  SINEW_STS_MODEL = 3,
  SINEW_STS_ID = 5,
  SINEW_STS_RETURN_DELAY = 7, /* in units of 2 us */
  SINEW_STS_POSITION_MIN = 9,
  SINEW_STS_POSITION_MAX = 11,
  SINEW_STS_MODE = 33, /* not of an SCS, which is a motor where both limits are 0 */
  SINEW_STS_TORQUE = 40,
  SINEW_STS_GOAL = 42,
  SINEW_STS_LOCK = SINEW_STS_IS_SCS ? 48 : 55,
  SINEW_STS_PRESENT = 56, /* position, velocity, load, voltage, temperature */
};

struct sinew_sts_servo {
  uint8_t registers[SINEW_STS_REGISTERS];
  struct sinew_servo_motor motor;
};

/* As it leaves the factory, but for its id, at `position` of 4096 counts a turn, let go. */
void sinew_sts_start(struct sinew_sts_servo *servo, uint8_t id, uint16_t position);

/* One turn of 1 ms. */
void sinew_sts_tick(struct sinew_sts_servo *servo);

/* Sets a register as the bus may: not one that only tells, nor below 40 while it is locked. */
void sinew_sts_set(struct sinew_sts_servo *servo, uint32_t address, uint8_t value);

/* Brings the registers that tell of the present up to date. */
void sinew_sts_tell(struct sinew_sts_servo *servo);

uint16_t sinew_sts_word(const struct sinew_sts_servo *servo, uint32_t address);

#endif
