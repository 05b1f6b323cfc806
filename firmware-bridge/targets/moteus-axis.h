/* One moteus with id 1 on its UART, simulated: as much of its register protocol as a driver needs,
   its control loop around the torque motor, and the timeout of each command in its own
   milliseconds. */
#ifndef SINEW_MOTEUS_AXIS_H
#define SINEW_MOTEUS_AXIS_H

#include "line-device.h"

extern const struct sinew_line_device sinew_moteus_axis_device;

#endif
