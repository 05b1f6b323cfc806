#include "torque-motor.h"

#define COUNTS_PER_TURN 4096u
/* Turns of 1 ms that the speed is taken over: one count in 16 of them is 0.1 rad/s. */
#define WINDOW 16u

static const float rad_per_count = 6.2831853f / 4096.0f;
static const float speed_per_count = 6.2831853f / 4096.0f / 16e-3f; /* in 16 ms */
/* Twice as many counts in one turn of 1 ms as the motor can do: more is a broken encoder. */
static const int16_t jump_max = 80;

/* The motor: 2e-4 kg*m^2, 2e-3 N*m*s/rad, 0.1 s to 50 rad/s at full torque. */
static const float friction = 2e-3f;
static const float speed_per_torque = 1e-3f / 2e-4f; /* of one turn of 1 ms */
static const float speed_max = 59.0f;
/* The shaft's angle in 2^32 steps every 16 turns: its upper half counts as the encoder does. */
static const float steps_per_tick = 1e-3f * 42722829.7f; /* of rad/s */

static const struct sinew_channel channels[] = {
    {.name = "shaft_angle", .unit = "rad", .low = -3.1415927f, .high = 3.1415927f},
    {.name = "shaft_velocity", .unit = "rad/s", .low = -60.0f, .high = 60.0f},
    {.name = "motor_torque", .unit = "N*m", .low = -0.1f, .high = 0.1f,
     .stop = SINEW_STOP_CATEGORY_RAMP_TO_ZERO},
};

uint16_t sinew_torque_motor_counts;

/* The motor's own; nothing but the counter knows of it. */
static uint32_t shaft;
static float shaft_speed;

/* The counter at the newest turns. */
static uint16_t seen[WINDOW];
static uint8_t newest;
static float velocity;

/* Where a real motor gets its current, and the chip's timer counts the encoder's edges. */
static bool turn_motor(float torque) {
  float next = shaft_speed + (torque - friction * shaft_speed) * speed_per_torque;
  if (!sinew_finite(next)) return false;
  if (next > speed_max) next = speed_max;
  if (next < -speed_max) next = -speed_max;
  shaft_speed = next;
  const uint16_t before = (uint16_t)(shaft >> 16);
  shaft += (uint32_t)(int32_t)(shaft_speed * steps_per_tick);
  sinew_torque_motor_counts += (uint16_t)((uint16_t)(shaft >> 16) - before);
  return true;
}

/* From the wrapped counter to rad/s; false where it has jumped. */
static bool read_encoder(void) {
  const uint16_t counts = sinew_torque_motor_counts;
  const int16_t moved = (int16_t)(uint16_t)(counts - seen[newest]);
  if (moved > jump_max || moved < -jump_max) return false;
  newest = (uint8_t)((newest + 1u) % WINDOW);
  const int16_t window = (int16_t)(uint16_t)(counts - seen[newest]);
  seen[newest] = counts;
  velocity = (float)window * speed_per_count;
  return true;
}

static void start(void) {
  shaft = 0;
  shaft_speed = 0.0f;
  sinew_torque_motor_counts = 0;
  for (uint32_t at = 0; at < WINDOW; at++) seen[at] = 0;
  newest = 0;
  velocity = 0.0f;
}

static bool tick(const float *applied, const bool *driven) {
  if (turn_motor(driven[0] ? applied[0] : 0.0f) && read_encoder()) return true;
  start();
  return false;
}

static void observe(float *observation) {
  /* Within half a turn either way. */
  const int32_t within_turn = (int32_t)(sinew_torque_motor_counts % COUNTS_PER_TURN);
  const int32_t half = (int32_t)(COUNTS_PER_TURN / 2u);
  const int32_t signed_counts = within_turn < half ? within_turn : within_turn - 2 * half;
  observation[0] = (float)signed_counts * rad_per_count;
  observation[1] = velocity;
}

const struct sinew_target sinew_torque_motor = {
    .name = "torque-motor",
    .period_us = 10000,
    .channels = channels,
    .observation_count = 2,
    .action_count = 1,
    .simulated = true,
    .start = start,
    .tick = tick,
    .observe = observe,
};
