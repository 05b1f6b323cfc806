/* A position servo: a PD loop to the commanded angle, and the motor that it turns, simulated. */
#ifndef SINEW_PD_SERVO_H
#define SINEW_PD_SERVO_H

#include "target.h"

extern const struct sinew_target sinew_pd_servo;

#endif
