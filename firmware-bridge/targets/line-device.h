/* A drive that speaks lines of text on a UART, simulated: what the loop of ports/line-board.c runs
   in the place of a device of ours. */
#ifndef SINEW_LINE_DEVICE_H
#define SINEW_LINE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "line-text.h"

/* Room for a line, and for what a drive says between two looks at it. */
#define SINEW_LINE_MAX 256u
#define SINEW_LINE_SAID_MAX 512u
#define SINEW_LINE_TICK_US 1000u

struct sinew_line_device {
  void (*start)(uint32_t now_us);
  /* A line has come in, without its end; what it says goes to `said`. `line` has room for a 0. */
  void (*take)(char *line, size_t length, struct sinew_line *said, uint32_t now_us);
  /* One turn of 1 ms. */
  void (*tick)(uint32_t now_us);
};

/* A drive on its line. */
struct sinew_line_port {
  const struct sinew_line_device *device;
  char heard[SINEW_LINE_MAX + 1u];
  size_t heard_length;
  bool overlong;
  char said_text[SINEW_LINE_SAID_MAX];
  struct sinew_line said;
  uint32_t tick_due_us;
};

void sinew_line_start(struct sinew_line_port *port, const struct sinew_line_device *device,
                      uint32_t now_us);

/* A byte has come in. */
void sinew_line_receive(struct sinew_line_port *port, uint8_t byte, uint32_t now_us);

/* Does every turn that is due; returns when to call again. */
uint32_t sinew_line_run(struct sinew_line_port *port, uint32_t now_us);

/* What the drive has said since it was last asked; its length. */
size_t sinew_line_answer(struct sinew_line_port *port, uint8_t out[SINEW_LINE_SAID_MAX]);

#endif
