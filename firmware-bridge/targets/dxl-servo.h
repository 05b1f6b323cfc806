/* One Dynamixel XL330-M288 at 5 V without a load, simulated: its control table, its motor and its
   Bus Watchdog. Source of the table: ROBOTIS e-Manual. */
#ifndef SINEW_DXL_SERVO_H
#define SINEW_DXL_SERVO_H

#include <stddef.h>
#include <stdint.h>

#include "servo-motor.h"

#define SINEW_DXL_TABLE 232u
/* Behind the table, where no read comes: what an answer to a PING tells, model and firmware. */
#define SINEW_DXL_PING SINEW_DXL_TABLE
#define SINEW_DXL_PING_BYTES 3u

/* Addresses; numbers have the low byte first. */
enum {
  SINEW_DXL_MODEL = 0,
  SINEW_DXL_FIRMWARE = 6,
  SINEW_DXL_ID = 7,
  SINEW_DXL_RETURN_DELAY = 9, /* in units of 2 us */
  SINEW_DXL_MODE = 11,
  SINEW_DXL_SECOND_ID = 12, /* 255 is none */
  SINEW_DXL_POSITION_MAX = 48,
  SINEW_DXL_POSITION_MIN = 52,
  SINEW_DXL_TORQUE = 64,
  SINEW_DXL_STATUS_LEVEL = 68,
  SINEW_DXL_WATCHDOG = 98, /* in units of 20 ms; 255, which is -1, once it has tripped */
  SINEW_DXL_GOALS = 100,
  SINEW_DXL_GOAL = 116,
  SINEW_DXL_PRESENT = 120, /* tells only, up to 167 */
  SINEW_DXL_VELOCITY = 128,
  SINEW_DXL_POSITION = 132,
  SINEW_DXL_INDIRECT = 168,
  /* No servo has this: after how long a silence, in us, the watchdog tripped last. */
  SINEW_DXL_SILENCE = 228,
};

/* What a servo answers to what it does not do. */
enum { SINEW_DXL_RANGE = 4, SINEW_DXL_LIMIT = 6, SINEW_DXL_ACCESS = 7 };

struct sinew_dxl_servo {
  uint8_t table[SINEW_DXL_TABLE + SINEW_DXL_PING_BYTES];
  struct sinew_servo_motor motor;
  /* When it was last spoken to. */
  uint32_t heard_us;
  /* Where its watchdog stopped it, counts. */
  int32_t stays;
};

/* As it leaves the factory, but for its id, at `position` counts, let go. */
void sinew_dxl_start(struct sinew_dxl_servo *servo, uint8_t id, uint16_t position);

/* One turn of 1 ms. */
void sinew_dxl_tick(struct sinew_dxl_servo *servo, uint32_t now_us);

/* Sets a part of the table as the bus may, or gives the error of its answer; 0 where it did. */
uint8_t sinew_dxl_set(struct sinew_dxl_servo *servo, uint32_t address, const uint8_t *data,
                      size_t count);

/* Brings what tells of the present up to date. */
void sinew_dxl_tell(struct sinew_dxl_servo *servo);

/* Of 4 bytes. */
int32_t sinew_dxl_long(const struct sinew_dxl_servo *servo, uint32_t address);

#endif
