#include "pendulum.h"

/* Gymnasium's Pendulum-v1: g 10, m 1, l 1; u is the torque at the hinge, angle 0 is upright.
   theta'' = 3 g / (2 l) sin(theta) + 3 / (m l^2) u */
static const float fall_per_tick = 15.0f * 1e-3f / 1073741824.0f; /* of a sine in Q30 */
static const float unit_per_q30 = 1.0f / 1073741824.0f;
static const float push_per_tick = 3.0f * 1e-3f;
static const float speed_max = 8.0f;
/* A first-order lag of 2 ms, exact over one turn of 1 ms: 1 - exp(-1 / 2). */
static const float lag_share = 0.39346934f;

/* The angle in 2^32 steps a turn: it wraps by itself and is as fine upright as hanging. */
static const float steps_per_tick = 1e-3f * 683565275.58f; /* of rad/s */
static const uint32_t hanging = 0x80000000u;

static const struct sinew_channel channels[] = {
    {.name = "pole_cos", .unit = "1", .low = -1.0f, .high = 1.0f},
    {.name = "pole_sin", .unit = "1", .low = -1.0f, .high = 1.0f},
    {.name = "pole_velocity", .unit = "rad/s", .low = -8.0f, .high = 8.0f},
    {.name = "pole_torque", .unit = "N*m", .low = -2.0f, .high = 2.0f,
     .stop = SINEW_STOP_CATEGORY_RAMP_TO_ZERO},
};

static uint32_t angle;
static float speed;
static float torque;

/* Q30 times Q30: a core without floats or a wide multiply does it 5 times as fast as a float. */
static int32_t times(int32_t a, int32_t b) { return (int32_t)(((int64_t)a * b) >> 30); }

int32_t sinew_sine(uint32_t whole) {
  /* The nearest quarter turn, then the Taylor series in y, the rest as a share of pi / 4. */
  const uint32_t quarter = (whole + 0x20000000u) >> 30;
  const int32_t y = (int32_t)((whole - (quarter << 30)) << 1);
  const int32_t z = times(y, y);
  int32_t value;
  if ((quarter & 1u) == 0) {
    value = times(z, 336) - 39273;           /* (pi/4)^9 / 9!, -(pi/4)^7 / 7! */
    value = times(z, value) + 2674041;       /* (pi/4)^5 / 5! */
    value = times(z, value) - 86699834;      /* -(pi/4)^3 / 3! */
    value = times(y, times(z, value) + 843314857); /* pi/4 */
  } else {
    value = times(z, 3856) - 350031;         /* (pi/4)^8 / 8!, -(pi/4)^6 / 6! */
    value = times(z, value) + 17023473;      /* (pi/4)^4 / 4! */
    value = times(z, value) - 331168970;     /* -(pi/4)^2 / 2! */
    value = times(z, value) + 1073741824;
  }
  return (quarter & 2u) == 0 ? value : -value;
}

static void start(void) {
  angle = hanging;
  speed = 0.0f;
  torque = 0.0f;
}

static bool tick(const float *applied, const bool *driven) {
  const float wanted = driven[0] ? applied[0] : 0.0f;
  torque += (wanted - torque) * lag_share;
  const float fall = (float)sinew_sine(angle) * fall_per_tick;
  float next = speed + (fall + torque * push_per_tick);
  if (!sinew_finite(next)) {
    start();
    return false;
  }
  if (next > speed_max) next = speed_max;
  if (next < -speed_max) next = -speed_max;
  speed = next;
  /* At most 8e-3 rad, so it fits; the wrap is modulo 2^32. */
  angle += (uint32_t)(int32_t)(speed * steps_per_tick);
  return true;
}

static void observe(float *observation) {
  observation[0] = (float)sinew_sine(angle + 0x40000000u) * unit_per_q30;
  observation[1] = (float)sinew_sine(angle) * unit_per_q30;
  observation[2] = speed;
}

const struct sinew_target sinew_pendulum = {
    .name = "pendulum",
    .period_us = 50000,
    .channels = channels,
    .observation_count = 3,
    .action_count = 1,
    .simulated = true,
    .start = start,
    .tick = tick,
    .observe = observe,
};
