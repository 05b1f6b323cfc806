#include "stop-line.h"

#include "stop.h"

void sinew_stop_line_look(struct sinew_contact *line, bool open, uint32_t now_us) {
  const uint8_t read = open ? SINEW_STOP_LINE_OPEN : SINEW_STOP_LINE_CLOSED;
  if (read == line->state) {
    line->differs = false;
    return;
  }
  if (!line->differs) line->since_us = now_us;
  line->differs = true;
  if (!sinew_reached(now_us, line->since_us + SINEW_STOP_LINE_US)) return;
  line->state = read;
  line->differs = false;
}
