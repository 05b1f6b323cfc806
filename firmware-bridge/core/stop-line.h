/* The stop line: a contact, closed while all is well, that stops the device when it opens. */
#ifndef SINEW_STOP_LINE_H
#define SINEW_STOP_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "floats.h"
#include "messages.h"

struct sinew_contact {
  /* Code `stop_line`, as STATE says it. */
  uint8_t state;
  /* It reads otherwise, since then. */
  bool differs;
  uint32_t since_us;
};

/* What the pin reads at `now_us`, to be told at least each turn. It counts once it has read so for
   SINEW_STOP_LINE_US: what is shorter is a contact that bounces, or noise. */
void sinew_stop_line_look(struct sinew_contact *line, bool open, uint32_t now_us);

#endif
