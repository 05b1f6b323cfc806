#include "dxl-servo.h"

#include <string.h>

/* Rhoban's BAM identified the servo (model m1), at 7.5 V; this one has the 5 V of its manual. Its
   gain is the 400 that it leaves the factory with, in units of 1/128 of 885 steps of duty a count,
   and without a profile its target is its goal. */
static const struct sinew_servo_law law =
    SINEW_SERVO_LAW(5.0, 0.38670, 4.01713, 0.0018142, 0.012833, 0.0036617,
                    400.0 / 128.0 / 885.0 * SINEW_SERVO_COUNTS_PER_RAD, 1.0, 300, 4096e3);

#define UNIT_US 20000u
#define TRIPPED 255u
/* 0.229 rev/min are 15.633 counts/s; a turn of 1 ms of Q20. */
#define VELOCITY_UNIT SINEW_SERVO_WHOLE(0.229 * 4096.0 / 60.0 * 1e-3 * 1048576.0)

static void put_long(struct sinew_dxl_servo *servo, uint32_t address, int32_t value) {
  for (uint32_t at = 0; at < 4u; at++) {
    servo->table[address + at] = (uint8_t)((uint32_t)value >> (8u * at));
  }
}

static int32_t long_of(const uint8_t *bytes) {
  return (int32_t)(bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
                   (uint32_t)bytes[3] << 24);
}

int32_t sinew_dxl_long(const struct sinew_dxl_servo *servo, uint32_t address) {
  return long_of(servo->table + address);
}

void sinew_dxl_start(struct sinew_dxl_servo *servo, uint8_t id, uint16_t position) {
  memset(servo, 0, sizeof *servo);
  servo->table[SINEW_DXL_MODEL] = 1200 & 0xff;
  servo->table[SINEW_DXL_MODEL + 1] = 1200 >> 8;
  servo->table[SINEW_DXL_FIRMWARE] = 53;
  servo->table[SINEW_DXL_ID] = id;
  servo->table[SINEW_DXL_RETURN_DELAY] = 250;
  servo->table[SINEW_DXL_MODE] = 3;
  servo->table[SINEW_DXL_SECOND_ID] = 255;
  put_long(servo, SINEW_DXL_POSITION_MAX, SINEW_SERVO_TURN_COUNTS - 1);
  servo->table[SINEW_DXL_STATUS_LEVEL] = 2;
  memcpy(servo->table + SINEW_DXL_PING, servo->table + SINEW_DXL_MODEL, 2);
  servo->table[SINEW_DXL_PING + 2] = servo->table[SINEW_DXL_FIRMWARE];
  servo->motor.position = (int32_t)position << 16;
  sinew_dxl_tell(servo);
}

static bool tripped(const struct sinew_dxl_servo *servo) {
  return servo->table[SINEW_DXL_WATCHDOG] == TRIPPED;
}

/* What its manual leaves open: whether "stopped" holds, and what clearing does. This one holds where
   it is, and cleared it goes on to the goal that it had. */
static void watch(struct sinew_dxl_servo *servo, uint32_t now_us) {
  const uint32_t units = servo->table[SINEW_DXL_WATCHDOG];
  const uint32_t silence_us = now_us - servo->heard_us;
  if (servo->table[SINEW_DXL_TORQUE] != 1 || units == 0 || tripped(servo)) return;
  if (silence_us <= units * UNIT_US) return;
  servo->table[SINEW_DXL_WATCHDOG] = TRIPPED;
  servo->stays = sinew_servo_motor_counts(&servo->motor);
  put_long(servo, SINEW_DXL_SILENCE, (int32_t)silence_us);
}

void sinew_dxl_tick(struct sinew_dxl_servo *servo, uint32_t now_us) {
  watch(servo, now_us);
  const int32_t wanted = tripped(servo) ? servo->stays : sinew_dxl_long(servo, SINEW_DXL_GOAL);
  const int32_t goal = sinew_servo_between(wanted, 0, SINEW_SERVO_TURN_COUNTS - 1);
  const bool driven = servo->table[SINEW_DXL_TORQUE] == 1 && servo->table[SINEW_DXL_MODE] == 3;
  sinew_servo_motor_tick(&servo->motor, &law, driven, goal);
}

/* A part of the table that is to be set. */
struct part {
  uint32_t address;
  uint32_t end;
  const uint8_t *data;
};

static bool reaches(struct part part, uint32_t address, uint32_t count) {
  return part.address < address + count && part.end > address;
}

/* What will be at `address` with it. */
static uint8_t after(const struct sinew_dxl_servo *servo, struct part part, uint32_t address) {
  return reaches(part, address, 1) ? part.data[address - part.address] : servo->table[address];
}

/* Whether a goal that it changes, if by one byte only, stays within the limits. */
static bool permits(const struct sinew_dxl_servo *servo, struct part part) {
  uint8_t bytes[4];
  for (uint32_t at = 0; at < 4u; at++) bytes[at] = after(servo, part, SINEW_DXL_GOAL + at);
  const int32_t goal = long_of(bytes);
  return goal >= sinew_dxl_long(servo, SINEW_DXL_POSITION_MIN) &&
         goal <= sinew_dxl_long(servo, SINEW_DXL_POSITION_MAX);
}

static uint8_t error_of(const struct sinew_dxl_servo *servo, uint32_t address, const uint8_t *data,
                        uint32_t end) {
  const bool kept = address < SINEW_DXL_TORQUE;
  const bool tells = address < SINEW_DXL_ID || end > SINEW_DXL_SILENCE ||
                     (address < SINEW_DXL_INDIRECT && end > SINEW_DXL_PRESENT);
  if (tells || (kept && servo->table[SINEW_DXL_TORQUE] == 1)) return SINEW_DXL_ACCESS;
  const bool goals = address < SINEW_DXL_PRESENT && end > SINEW_DXL_GOALS;
  if (tripped(servo) && goals) return SINEW_DXL_RANGE;
  const struct part part = {address, end, data};
  const uint8_t watchdog = after(servo, part, SINEW_DXL_WATCHDOG);
  const bool watches = reaches(part, SINEW_DXL_WATCHDOG, 1);
  if (watches && (tripped(servo) ? watchdog != 0 : watchdog > 127)) return SINEW_DXL_RANGE;
  if (after(servo, part, SINEW_DXL_TORQUE) > 1) return SINEW_DXL_RANGE;
  if (!reaches(part, SINEW_DXL_GOAL, 4) || permits(servo, part)) return 0;
  return SINEW_DXL_LIMIT;
}

uint8_t sinew_dxl_set(struct sinew_dxl_servo *servo, uint32_t address, const uint8_t *data,
                      size_t count) {
  if (count == 0 || address + count > SINEW_DXL_TABLE) return SINEW_DXL_ACCESS;
  const uint8_t error = error_of(servo, address, data, address + (uint32_t)count);
  if (error == 0) memcpy(servo->table + address, data, count);
  return error;
}

void sinew_dxl_tell(struct sinew_dxl_servo *servo) {
  put_long(servo, SINEW_DXL_VELOCITY, servo->motor.speed / VELOCITY_UNIT);
  put_long(servo, SINEW_DXL_POSITION, sinew_servo_motor_counts(&servo->motor));
}
