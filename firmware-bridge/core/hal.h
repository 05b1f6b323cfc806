/* What a port gives the core. */
#ifndef SINEW_HAL_H
#define SINEW_HAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sinew_hal {
  /* Free-running microseconds modulo 2^32, never a count of interrupts. */
  uint32_t (*now_us)(void);
  /* Takes all of `bytes` or, when there is no room, none of them; never waits. */
  bool (*tx)(const uint8_t *bytes, size_t length);
  const char *name;
  /* True while the stop line is open: a contact that is closed while all is well is pressed, or its
     wire is cut. NULL where the board has no pin for one. Called each turn; never waits. */
  bool (*stop_open)(void);
};

#endif
