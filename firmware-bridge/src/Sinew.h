/* Sinew for Arduino: a target on a serial line. The folder above is the library; src/ names the
   core's files where Arduino looks for them, and holds no copy. */
#ifndef SINEW_ARDUINO_H
#define SINEW_ARDUINO_H

#include <Arduino.h>

extern "C" {
#include "../core/session.h"
}

/* Once, in setup(), after the line's own begin(). `stop_pin` is pulled up, and a contact that is
   closed while all is well ties it to ground: open, it stops; -1 where there is none. False where
   the target cannot be driven. */
bool sinew_begin(const sinew_target &target, Stream &line, int stop_pin = -1);

/* Again and again, in loop(), with nothing beside it that waits. */
void sinew_loop();

#endif
