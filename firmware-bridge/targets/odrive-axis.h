/* Axis 0 of an ODrive with firmware 0.5.6, simulated: as much of its ASCII protocol as a driver
   needs, its control loop around the torque motor, and its watchdog in its own milliseconds. */
#ifndef SINEW_ODRIVE_AXIS_H
#define SINEW_ODRIVE_AXIS_H

#include "line-device.h"

extern const struct sinew_line_device sinew_odrive_axis_device;

#endif
