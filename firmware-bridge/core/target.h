/* What the core drives: a channel table and a motor with its sensors. */
#ifndef SINEW_TARGET_H
#define SINEW_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "frame.h"
#include "messages.h"

/* As many observations and actions as one STATE can carry. */
#define SINEW_VALUES_MAX ((SINEW_FRAME_MAX - SINEW_CRC_BYTES - SINEW_STATE_SIZE) / 4u)

#define SINEW_NO_POSITION 255u

struct sinew_channel {
  const char *name;
  const char *unit;
  float low;
  float high;
  /* Of an action: its stop category, and for ramp_and_hold the observation, from 0, that reads
     where the actuator is, in the action's own unit. */
  uint8_t stop;
  uint8_t position;
};

struct sinew_target {
  const char *name;
  uint32_t period_us;
  /* Observations, then actions. */
  const struct sinew_channel *channels;
  uint8_t observation_count;
  uint8_t action_count;
  /* Nothing real moves: its clock may be held and stepped. */
  bool simulated;
  void (*start)(void);
  /* One turn of SINEW_TICK_US with `applied` at the actuators, in the contract's units; one that is
     not `driven` is let go, whatever `applied` says. False where the target has failed: the core
     stops. */
  bool (*tick)(const float *applied, const bool *driven);
  /* What the sensors read after the newest turn. */
  void (*observe)(float *observation);
};

#endif
