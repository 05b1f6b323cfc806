/* What every actuator is told: by commands while armed, by its stop category afterwards. */
#ifndef SINEW_DRIVE_H
#define SINEW_DRIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "target.h"

/* All zero lets every actuator go. */
struct sinew_drive {
  float applied[SINEW_VALUES_MAX];
  bool driven[SINEW_VALUES_MAX];
  /* As it was when the stop began, and where each that holds will be held. */
  float from[SINEW_VALUES_MAX];
  bool was_driven[SINEW_VALUES_MAX];
  float hold[SINEW_VALUES_MAX];
};

/* False where an actuator shall hold whose position the contract does not observe in its unit, or
   shall ramp to a zero that is beyond its limits. */
bool sinew_drive_can_stop(const struct sinew_target *target);

/* Drives all actuators by `values`, raw float32 as they came, which have been judged. */
void sinew_drive_command(struct sinew_drive *drive, const struct sinew_target *target,
                         const uint8_t *values);

/* A stop begins: keeps what is applied, and reads where each actuator is. */
void sinew_drive_begin_stop(struct sinew_drive *drive, const struct sinew_target *target);

/* Brings everything to where `share` of the stop is left: 1 at its beginning, 0 at its end. */
void sinew_drive_stop(struct sinew_drive *drive, const struct sinew_target *target, float share);

#endif
