/* A virtual drive in simulated time. */
#ifndef SINEW_LINE_DRIVE_H
#define SINEW_LINE_DRIVE_H

#include "line-device.h"

void drive_begin(const struct sinew_line_device *device);

/* Lets `us` microseconds pass. */
void drive_pass(uint32_t us);

/* Sends bytes without an end of the line. */
void drive_send(const char *bytes, size_t length);

/* Sends a line; what the drive says at once. */
const char *drive_tell(const char *line);

bool drive_says(const char *line, const char *answer);

#endif
