/* Pendulum-v1 and its motor, simulated on the chip. */
#ifndef SINEW_PENDULUM_H
#define SINEW_PENDULUM_H

#include <stdint.h>

#include "target.h"

extern const struct sinew_target sinew_pendulum;

/* Sine in Q30 (2^30 is 1) of an angle in 2^32 steps a turn; its error is below 5e-8. */
int32_t sinew_sine(uint32_t angle);

#endif
