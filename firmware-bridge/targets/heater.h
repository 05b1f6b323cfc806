/* A hot plate that is told its power and read by a thermometer, simulated. */
#ifndef SINEW_HEATER_H
#define SINEW_HEATER_H

#include "target.h"

extern const struct sinew_target sinew_heater;

#endif
