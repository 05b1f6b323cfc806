/* A motor that is told its torque and is read by a quadrature encoder, simulated. */
#ifndef SINEW_TORQUE_MOTOR_H
#define SINEW_TORQUE_MOTOR_H

#include <stdint.h>

#include "target.h"

extern const struct sinew_target sinew_torque_motor;

/* The encoder's counter, which wraps, as a timer of the chip would hold it: 4096 counts a turn. */
extern uint16_t sinew_torque_motor_counts;

#endif
