#include "line-device.h"

#include <string.h>

/* Later than this the motor has stood still, as under a debugger. */
#define LAG_MAX_US 20000u

static bool reached(uint32_t now_us, uint32_t due_us) { return (int32_t)(now_us - due_us) >= 0; }

void sinew_line_start(struct sinew_line_port *port, const struct sinew_line_device *device,
                      uint32_t now_us) {
  memset(port, 0, sizeof *port);
  port->device = device;
  port->said.text = port->said_text;
  port->said.room = sizeof port->said_text;
  port->tick_due_us = now_us + SINEW_LINE_TICK_US;
  device->start(now_us);
}

void sinew_line_receive(struct sinew_line_port *port, uint8_t byte, uint32_t now_us) {
  if (byte != '\n' && byte != '\r') {
    if (port->heard_length == SINEW_LINE_MAX) port->overlong = true;
    else port->heard[port->heard_length++] = (char)byte;
    return;
  }
  if (!port->overlong && port->heard_length > 0) {
    port->device->take(port->heard, port->heard_length, &port->said, now_us);
  }
  port->heard_length = 0;
  port->overlong = false;
}

uint32_t sinew_line_run(struct sinew_line_port *port, uint32_t now_us) {
  if (reached(now_us, port->tick_due_us + LAG_MAX_US)) port->tick_due_us = now_us;
  while (reached(now_us, port->tick_due_us)) {
    port->device->tick(port->tick_due_us);
    port->tick_due_us += SINEW_LINE_TICK_US;
  }
  return port->tick_due_us;
}

size_t sinew_line_answer(struct sinew_line_port *port, uint8_t out[SINEW_LINE_SAID_MAX]) {
  const size_t length = port->said.length;
  memcpy(out, port->said_text, length);
  port->said.length = 0;
  return length;
}
