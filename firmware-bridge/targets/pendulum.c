#include "pendulum.h"

#include <string.h>

/* Gymnasium's Pendulum-v1: g 10, m 1, l 1; u is the torque at the hinge, angle 0 is upright.
   theta'' = 3 g / (2 l) sin(theta) + 3 / (m l^2) u */
static const float fall_per_sine = 15.0f;
static const float push_per_torque = 3.0f;
static const float speed_max = 8.0f;
static const float tick_s = 1e-3f;
/* A first-order lag of 2 ms, exact over one turn of 1 ms: 1 - exp(-1 / 2). */
static const float lag_share = 0.39346934f;

/* The angle in 2^32 steps a turn: it wraps by itself and is as fine upright as hanging. */
static const float steps_per_rad = 683565275.58f;
static const float rad_per_step = 1.46291807926716e-9f;
static const uint32_t hanging = 0x80000000u;

static const struct sinew_channel channels[] = {
    {"pole_cos", "1", -1.0f, 1.0f},
    {"pole_sin", "1", -1.0f, 1.0f},
    {"pole_velocity", "rad/s", -8.0f, 8.0f},
    {"pole_torque", "N*m", -2.0f, 2.0f},
};

static uint32_t angle;
static float speed;
static float torque;

void sinew_sincos(uint32_t whole, float *sine, float *cosine) {
  /* The nearest quarter turn, then the Taylor series of what is left, at most pi / 4. */
  const uint32_t quarter = (whole + 0x20000000u) >> 30;
  const uint32_t rest = whole - (quarter << 30);
  const float x = (rest < 0x80000000u ? (float)rest : -(float)(0u - rest)) * rad_per_step;
  const float z = x * x;
  const float s =
      x + x * z * (-1.0f / 6 + z * (1.0f / 120 + z * (-1.0f / 5040 + z * (1.0f / 362880))));
  const float c = 1.0f + z * (-0.5f + z * (1.0f / 24 + z * (-1.0f / 720 + z * (1.0f / 40320))));
  switch (quarter & 3u) {
    case 0: *sine = s; *cosine = c; break;
    case 1: *sine = c; *cosine = -s; break;
    /* 0 - s, as -s makes a negative zero of hanging at rest. */
    case 2: *sine = 0.0f - s; *cosine = -c; break;
    default: *sine = -c; *cosine = s; break;
  }
}

static void start(void) {
  angle = hanging;
  speed = 0.0f;
  torque = 0.0f;
}

static bool finite(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return (bits & 0x7f800000u) != 0x7f800000u;
}

static bool tick(const float *applied) {
  float sine;
  float cosine;
  sinew_sincos(angle, &sine, &cosine);
  torque += (applied[0] - torque) * lag_share;
  float next = speed + (fall_per_sine * sine + push_per_torque * torque) * tick_s;
  if (!finite(next)) {
    start();
    return false;
  }
  if (next > speed_max) next = speed_max;
  if (next < -speed_max) next = -speed_max;
  speed = next;
  /* At most 8e-3 rad, so it fits; the wrap is modulo 2^32. */
  angle += (uint32_t)(int32_t)(speed * tick_s * steps_per_rad);
  return true;
}

static void observe(float *observation) {
  sinew_sincos(angle, &observation[1], &observation[0]);
  observation[2] = speed;
}

const struct sinew_target sinew_pendulum = {
    .name = "pendulum",
    .period_us = 50000,
    .channels = channels,
    .observation_count = 3,
    .action_count = 1,
    .start = start,
    .tick = tick,
    .observe = observe,
};
