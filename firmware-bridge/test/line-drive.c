#include "line-drive.h"

#include <string.h>

static struct sinew_line_port port;
static uint32_t now_us;
static char said[SINEW_LINE_SAID_MAX + 1];

void drive_begin(const struct sinew_line_device *device) {
  now_us = 0xffffff00u; /* the clock wraps soon */
  sinew_line_start(&port, device, now_us);
}

void drive_pass(uint32_t us) {
  for (const uint32_t end_us = now_us + us; now_us != end_us;) {
    const uint32_t due_us = sinew_line_run(&port, now_us);
    now_us = (int32_t)(end_us - due_us) > 0 ? due_us : end_us;
    (void)sinew_line_run(&port, now_us);
  }
}

void drive_send(const char *bytes, size_t length) {
  for (size_t at = 0; at < length; at++) sinew_line_receive(&port, (uint8_t)bytes[at], now_us);
}

const char *drive_tell(const char *line) {
  uint8_t out[SINEW_LINE_SAID_MAX];
  (void)sinew_line_answer(&port, out);
  drive_send(line, strlen(line));
  drive_send("\n", 1);
  const size_t length = sinew_line_answer(&port, out);
  memcpy(said, out, length);
  said[length] = 0;
  return said;
}

bool drive_says(const char *line, const char *answer) {
  return strcmp(drive_tell(line), answer) == 0;
}
