/* In the place of board.c: the loop of a microcontroller that stands for a motor drive. The same
   ports run it, and its target has nothing for them to drive. SINEW_LINE_DEVICE is its drive. */
#include "line-device.h"
#include "rings.h"

extern const struct sinew_line_device SINEW_LINE_DEVICE;

const struct sinew_target SINEW_TARGET = {.name = "drive", .simulated = true};

void sinew_board_run(const struct sinew_board *board, const struct sinew_target *target,
                     uint32_t boot_id) {
  static struct sinew_line_port port;
  static uint8_t said[SINEW_LINE_SAID_MAX];
  (void)target;
  (void)boot_id;
  sinew_line_start(&port, &SINEW_LINE_DEVICE, board->now_us());
  for (;;) {
    if (board->alive != 0) board->alive();
    while (sinew_board_heard()) {
      const uint8_t byte = rx_ring[rx_read % SINEW_RX_BYTES];
      rx_read = (sinew_index)(rx_read + 1u);
      sinew_line_receive(&port, byte, board->now_us());
    }
    const uint32_t due_us = sinew_line_run(&port, board->now_us());
    const size_t length = sinew_line_answer(&port, said);
    if (length > 0) send(said, length);
    if (sinew_board_sends()) board->kick();
    if ((int32_t)(due_us - board->now_us()) > 0) board->sleep(due_us);
  }
}
