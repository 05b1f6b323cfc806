/* Six position servos in a row, simulated: the load of an arm on a line and on a core. */
#ifndef SINEW_SIX_JOINTS_H
#define SINEW_SIX_JOINTS_H

#include "target.h"

extern const struct sinew_target sinew_six_joints;

#endif
