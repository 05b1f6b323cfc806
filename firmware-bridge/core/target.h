/* What the core drives: a channel table and a motor with its sensors. */
#ifndef SINEW_TARGET_H
#define SINEW_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "frame.h"
#include "messages.h"

/* As many observations and actions as one STATE can carry. */
#define SINEW_VALUES_MAX ((SINEW_FRAME_MAX - SINEW_CRC_BYTES - SINEW_STATE_SIZE) / 4u)

struct sinew_channel {
  const char *name;
  const char *unit;
  float low;
  float high;
};

struct sinew_target {
  const char *name;
  uint32_t period_us;
  /* Observations, then actions. */
  const struct sinew_channel *channels;
  uint8_t observation_count;
  uint8_t action_count;
  void (*start)(void);
  /* One turn of SINEW_TICK_US with `applied` at the actuators, in the contract's units. False where
     the target has failed: the core stops. */
  bool (*tick)(const float *applied);
  /* What the sensors read after the newest turn. */
  void (*observe)(float *observation);
};

#endif
