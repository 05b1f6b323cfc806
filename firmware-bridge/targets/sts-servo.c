#include "sts-servo.h"

#include <string.h>

/* Rhoban's BAM identified the servo (model m1). Its gain is the 32 that it leaves the factory with;
   its firmware moves the target at 3400 counts/s. */
static const struct sinew_servo_law law = SINEW_SERVO_LAW(
    7.4, 1.21164, 2.67617, 0.028403, 0.052393, 0.059085, 0.166 * 32.0, 0.97, 128, 3400.0);

#define SCS SINEW_STS_IS_SCS

static void put_word(struct sinew_sts_servo *servo, uint32_t address, uint16_t word) {
  servo->registers[address + (SCS ? 1u : 0u)] = (uint8_t)word;
  servo->registers[address + (SCS ? 0u : 1u)] = (uint8_t)(word >> 8);
}

uint16_t sinew_sts_word(const struct sinew_sts_servo *servo, uint32_t address) {
  const uint8_t *at = servo->registers + address;
  return (uint16_t)(SCS ? at[1] | (at[0] << 8) : at[0] | (at[1] << 8));
}

/* The motor's counts of what is three tenths of them, from the middle of both, 2048 and 512; to the
   middle of a count. */
static int32_t motor_counts(int32_t told) {
  return SCS ? ((told - 512) * 10 + 5 + 3 * 2048) / 3 : told;
}

/* The other way; beyond its ends an SCS tells them, where a real one tells anything. */
static uint16_t told_counts(const struct sinew_servo_motor *motor) {
  if (!SCS) return sinew_servo_motor_counts(motor);
  /* Q8; the last number is what is between three tenths of 2048 and 512. */
  const int32_t counts = (motor->position >> 8) * 3 / 10 - 26214;
  return (uint16_t)sinew_servo_between(counts >> 8, 0, 1023);
}

void sinew_sts_start(struct sinew_sts_servo *servo, uint8_t id, uint16_t position) {
  memset(servo, 0, sizeof *servo);
  put_word(servo, SINEW_STS_MODEL, SCS ? 1284 : 777);
  servo->registers[SINEW_STS_ID] = id;
  servo->registers[SINEW_STS_RETURN_DELAY] = 250;
  if (SCS) put_word(servo, SINEW_STS_POSITION_MIN, 20);
  put_word(servo, SINEW_STS_POSITION_MAX, SCS ? 1003 : 4095);
  servo->registers[SINEW_STS_LOCK] = 1;
  servo->motor.position = (int32_t)position << 16;
  sinew_sts_tell(servo);
}

void sinew_sts_set(struct sinew_sts_servo *servo, uint32_t address, uint8_t value) {
  const bool kept = address < SINEW_STS_TORQUE;
  if (address < SINEW_STS_ID || address >= SINEW_STS_PRESENT) return;
  if (kept && servo->registers[SINEW_STS_LOCK] != 0) return;
  servo->registers[address] = value;
}

void sinew_sts_tick(struct sinew_sts_servo *servo) {
  const int32_t low = sinew_sts_word(servo, SINEW_STS_POSITION_MIN);
  const int32_t high = sinew_sts_word(servo, SINEW_STS_POSITION_MAX);
  const int32_t goal = sinew_servo_between(sinew_sts_word(servo, SINEW_STS_GOAL), low, high);
  const bool driven = servo->registers[SINEW_STS_TORQUE] == 1 &&
                      (SCS ? high > 0 : servo->registers[SINEW_STS_MODE] == 0);
  sinew_servo_motor_tick(&servo->motor, &law, driven, motor_counts(goal));
}

void sinew_sts_tell(struct sinew_sts_servo *servo) {
  const struct sinew_servo_motor *motor = &servo->motor;
  const uint32_t at = SINEW_STS_PRESENT;
  const int32_t magnitude = motor->speed < 0 ? -motor->speed : motor->speed;
  /* Counts/s; at most some thousands. */
  const int32_t speed = ((magnitude >> 5) * 1000) >> 15;
  const int32_t velocity = SCS ? speed * 3 / 10 : speed;
  const int32_t duty = motor->duty < 0 ? -motor->duty : motor->duty;
  put_word(servo, at, told_counts(motor));
  put_word(servo, at + 2u, (uint16_t)(velocity | (motor->speed < 0 && velocity > 0 ? 0x8000 : 0)));
  put_word(servo, at + 4u, (uint16_t)((duty * 1000) >> 12));
  servo->registers[at + 6u] = 74;
  servo->registers[at + 7u] = 25;
}
