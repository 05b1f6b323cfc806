/* Pendulum-v1 and its motor, simulated on the chip. */
#ifndef SINEW_PENDULUM_H
#define SINEW_PENDULUM_H

#include <stdint.h>

#include "target.h"

extern const struct sinew_target sinew_pendulum;

/* Sine and cosine of an angle of 2 pi / 2^32 rad a unit; their error is below 2e-7. */
void sinew_sincos(uint32_t angle, float *sine, float *cosine);

#endif
