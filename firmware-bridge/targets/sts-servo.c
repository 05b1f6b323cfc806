#include "sts-servo.h"

#include <string.h>

/* Rhoban's BAM identified the servo (model m1). Its gain is the 32 that it leaves the factory with;
   its firmware moves the target at 3400 counts/s. */
static const struct sinew_servo_law law = SINEW_SERVO_LAW(
    7.4, 1.21164, 2.67617, 0.028403, 0.052393, 0.059085, 0.166 * 32.0, 0.97, 128, 3400.0);

static void put_word(struct sinew_sts_servo *servo, uint32_t address, uint16_t word) {
  servo->registers[address] = (uint8_t)word;
  servo->registers[address + 1u] = (uint8_t)(word >> 8);
}

uint16_t sinew_sts_word(const struct sinew_sts_servo *servo, uint32_t address) {
  const uint8_t *at = servo->registers + address;
  return (uint16_t)(at[0] | (at[1] << 8));
}

void sinew_sts_start(struct sinew_sts_servo *servo, uint8_t id, uint16_t position) {
  memset(servo, 0, sizeof *servo);
  put_word(servo, SINEW_STS_MODEL, 777);
  servo->registers[SINEW_STS_ID] = id;
  servo->registers[SINEW_STS_RETURN_DELAY] = 250;
  put_word(servo, SINEW_STS_POSITION_MAX, 4095);
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
  const bool driven =
      servo->registers[SINEW_STS_TORQUE] == 1 && servo->registers[SINEW_STS_MODE] == 0;
  sinew_servo_motor_tick(&servo->motor, &law, driven, goal);
}

void sinew_sts_tell(struct sinew_sts_servo *servo) {
  const struct sinew_servo_motor *motor = &servo->motor;
  const uint32_t at = SINEW_STS_PRESENT;
  const int32_t magnitude = motor->speed < 0 ? -motor->speed : motor->speed;
  /* Counts/s; at most some thousands. */
  const int32_t velocity = ((magnitude >> 5) * 1000) >> 15;
  const int32_t duty = motor->duty < 0 ? -motor->duty : motor->duty;
  put_word(servo, at, sinew_servo_motor_counts(motor));
  put_word(servo, at + 2u, (uint16_t)(velocity | (motor->speed < 0 && velocity > 0 ? 0x8000 : 0)));
  put_word(servo, at + 4u, (uint16_t)((duty * 1000) >> 12));
  servo->registers[at + 6u] = 74;
  servo->registers[at + 7u] = 25;
}
