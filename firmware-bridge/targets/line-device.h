/* A drive that speaks lines of text on a UART, simulated: what the loop of ports/line-board.c runs
   in the place of a device of ours. */
#ifndef SINEW_LINE_DEVICE_H
#define SINEW_LINE_DEVICE_H

#include <stddef.h>
#include <stdint.h>

/* Room for what a drive says between two looks at it. */
#define SINEW_LINE_SAID_MAX 512u

struct sinew_line_device {
  void (*start)(uint32_t now_us);
  /* A byte has come in. */
  void (*receive)(uint8_t byte, uint32_t now_us);
  /* Does every turn of 1 ms that is due; returns when to call again. */
  uint32_t (*run)(uint32_t now_us);
  /* What it has said since it was last asked; its length. */
  size_t (*answer)(uint8_t out[SINEW_LINE_SAID_MAX]);
};

#endif
