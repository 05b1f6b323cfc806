#include "sts-servo.h"

#include <string.h>

/* Rhoban's BAM identified the servo (model m1): torque constant N m/A, resistance ohm, armature
   kg m^2, Coulomb friction N m, viscous friction N m s/rad. */
#define VOLTS 7.4
#define TORQUE_CONSTANT 1.21164
#define RESISTANCE 2.67617
#define ARMATURE 0.028403
#define COULOMB 0.052393
#define VISCOUS 0.059085
/* Duty per rad of error, at the gain of 32 that it leaves the factory with. */
#define DUTY_PER_RAD (0.166 * 32.0)
#define DUTY_MAX 0.97
#define COUNTS_PER_RAD (4096.0 / 6.283185307179586)

/* To the nearest whole number, of a positive constant. */
#define WHOLE(x) ((int32_t)((x) + 0.5))

/* An acceleration in rad/s^2 as counts a turn of 1 ms, gained in each, Q20. */
#define PER_TICK(x) ((x) * COUNTS_PER_RAD * 1e-6 * 1048576.0)

#define TURN (4096 << 16)

static const int32_t slew_per_tick = WHOLE(3.4 * 65536.0);
static const int32_t duty_max = WHOLE(DUTY_MAX * 4096.0);
/* Beyond an error of 128 counts the duty is at its end anyway. */
static const int32_t error_max = 128 << 16;
/* Duty, Q12, per count: Q8. */
static const int32_t duty_per_count = WHOLE(DUTY_PER_RAD / COUNTS_PER_RAD * 4096.0 * 256.0);
static const int32_t push = WHOLE(PER_TICK(TORQUE_CONSTANT * VOLTS / RESISTANCE / ARMATURE));
static const int32_t coulomb = WHOLE(PER_TICK(COULOMB / ARMATURE));
/* Share of the speed that one turn takes, Q16: the motor's own and the friction's. */
static const int32_t drag_driven =
    WHOLE((TORQUE_CONSTANT * TORQUE_CONSTANT / RESISTANCE + VISCOUS) / ARMATURE * 1e-3 * 65536.0);
static const int32_t drag_free = WHOLE(VISCOUS / ARMATURE * 1e-3 * 65536.0);

static void put_word(struct sinew_sts_servo *servo, uint32_t address, uint16_t word) {
  servo->registers[address] = (uint8_t)word;
  servo->registers[address + 1u] = (uint8_t)(word >> 8);
}

uint16_t sinew_sts_word(const struct sinew_sts_servo *servo, uint32_t address) {
  const uint8_t *at = servo->registers + address;
  return (uint16_t)(at[0] | (at[1] << 8));
}

static int32_t between(int32_t value, int32_t low, int32_t high) {
  return value < low ? low : value > high ? high : value;
}

void sinew_sts_start(struct sinew_sts_servo *servo, uint8_t id, uint16_t position) {
  memset(servo, 0, sizeof *servo);
  put_word(servo, SINEW_STS_MODEL, 777);
  servo->registers[SINEW_STS_ID] = id;
  servo->registers[SINEW_STS_RETURN_DELAY] = 250;
  put_word(servo, SINEW_STS_POSITION_MAX, 4095);
  servo->registers[SINEW_STS_LOCK] = 1;
  servo->position = (int32_t)position << 16;
  sinew_sts_tell(servo);
}

void sinew_sts_set(struct sinew_sts_servo *servo, uint32_t address, uint8_t value) {
  const bool kept = address < SINEW_STS_TORQUE;
  if (address < SINEW_STS_ID || address >= SINEW_STS_PRESENT) return;
  if (kept && servo->registers[SINEW_STS_LOCK] != 0) return;
  servo->registers[address] = value;
}

/* The error is that of the encoder's number: a motor beyond the end of its turn is driven back the
   whole turn, which is why nobody may send it there. */
static void drive(struct sinew_sts_servo *servo) {
  if (!servo->driven) {
    servo->target = servo->position;
    servo->driven = true;
  }
  const int32_t low = sinew_sts_word(servo, SINEW_STS_POSITION_MIN);
  const int32_t high = sinew_sts_word(servo, SINEW_STS_POSITION_MAX);
  const int32_t goal = between(sinew_sts_word(servo, SINEW_STS_GOAL), low, high) << 16;
  servo->target += between(goal - servo->target, -slew_per_tick, slew_per_tick);
  const int32_t error = between(servo->target - servo->position, -error_max, error_max) >> 8;
  servo->duty = between((error * duty_per_count) >> 16, -duty_max, duty_max);
}

void sinew_sts_tick(struct sinew_sts_servo *servo) {
  if (servo->registers[SINEW_STS_TORQUE] == 1 && servo->registers[SINEW_STS_MODE] == 0) {
    drive(servo);
  } else {
    servo->driven = false;
    servo->duty = 0;
  }
  const int32_t drag = servo->driven ? drag_driven : drag_free;
  int32_t speed = servo->speed + ((push * servo->duty) >> 12);
  speed -= ((servo->speed >> 4) * drag) >> 12;
  /* Friction stops a motor, it does not turn it back. */
  speed = speed > coulomb ? speed - coulomb : speed < -coulomb ? speed + coulomb : 0;
  servo->speed = speed;
  servo->position += speed >> 4;
  if (servo->position >= TURN) servo->position -= TURN;
  if (servo->position < 0) servo->position += TURN;
}

void sinew_sts_tell(struct sinew_sts_servo *servo) {
  const uint32_t at = SINEW_STS_PRESENT;
  const int32_t magnitude = servo->speed < 0 ? -servo->speed : servo->speed;
  /* Counts/s; at most some thousands. */
  const int32_t velocity = ((magnitude >> 5) * 1000) >> 15;
  const int32_t duty = servo->duty < 0 ? -servo->duty : servo->duty;
  put_word(servo, at, (uint16_t)(servo->position >> 16));
  put_word(servo, at + 2u, (uint16_t)(velocity | (servo->speed < 0 && velocity > 0 ? 0x8000 : 0)));
  put_word(servo, at + 4u, (uint16_t)((duty * 1000) >> 12));
  servo->registers[at + 6u] = 74;
  servo->registers[at + 7u] = 25;
}
