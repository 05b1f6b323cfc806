/* The device's own watchdog: the mode, when it ends, and how every effort falls to zero. */
#ifndef SINEW_STOP_H
#define SINEW_STOP_H

#include <stdbool.h>
#include <stdint.h>

#include "floats.h"
#include "messages.h"

/* All zero is disarmed. Times are of the device's clock, modulo 2^32. */
struct sinew_stop {
  uint8_t mode;
  uint8_t reason;
  /* Live: when the last accepted promise runs out. */
  uint32_t expires_us;
  /* Stopping: when the ramp began. */
  uint32_t began_us;
  uint32_t trips;
};

/* True where `late_us` is at or after `early_us`, within 35 minutes of each other. */
bool sinew_reached(uint32_t late_us, uint32_t early_us);

/* `mode` is armed, or trial: all the same but that it drives nothing. */
void sinew_stop_arm(struct sinew_stop *stop, uint8_t mode, uint32_t expires_us);

/* Commands are taken, and one must come before the last expires. */
bool sinew_stop_live(const struct sinew_stop *stop);

/* Begins to stop at `at_us`; the first reason stays until the reset. */
void sinew_stop_begin(struct sinew_stop *stop, uint8_t reason, uint32_t at_us);

/* To be called each turn: trips the watchdog, ends the ramp. True where a ramp began here. */
bool sinew_stop_check(struct sinew_stop *stop, uint32_t now_us);

/* Share of the effort held when the stop began that is left: 1 while armed, 0 when at rest. */
float sinew_stop_share(const struct sinew_stop *stop, uint32_t now_us);

/* Leaves the latched stop. False before the ramp has ended, and while live. */
bool sinew_stop_reset(struct sinew_stop *stop);

#endif
