/* Sinew for Arduino: a target on a serial line. The folder above is the library; src/ names the
   core's files where Arduino looks for them, and holds no copy. */
#ifndef SINEW_ARDUINO_H
#define SINEW_ARDUINO_H

#include <Arduino.h>

extern "C" {
#include "../core/session.h"
}

/* Once, in setup(), after the line's own begin(). False where the target cannot be driven. */
bool sinew_begin(const sinew_target &target, Stream &line);

/* Again and again, in loop(), with nothing beside it that waits. */
void sinew_loop();

#endif
