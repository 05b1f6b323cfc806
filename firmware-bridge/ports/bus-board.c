/* In the place of board.c: the loop of a microcontroller that stands for a bus of servos. The same
   ports run it, and its target has nothing for them to drive. */
#include "rings.h"
#include "servo-bus.h"

extern const struct sinew_servo_bus SINEW_BUS;

const struct sinew_target SINEW_TARGET = {.name = "servo-bus", .simulated = true};

void sinew_board_run(const struct sinew_board *board, const struct sinew_target *target,
                     uint32_t boot_id) {
  static uint8_t packet[SINEW_SERVO_PACKET_MAX];
  (void)target;
  (void)boot_id;
  SINEW_BUS.start(board->now_us());
  for (;;) {
    if (board->alive != 0) board->alive();
    while (sinew_board_heard()) {
      const uint8_t byte = rx_ring[rx_read % SINEW_RX_BYTES];
      rx_read = (sinew_index)(rx_read + 1u);
      SINEW_BUS.receive(byte, board->now_us());
    }
    (void)SINEW_BUS.run(board->now_us());
    for (size_t length = SINEW_BUS.answer(board->now_us(), packet); length > 0;
         length = SINEW_BUS.answer(board->now_us(), packet)) {
      send(packet, length);
    }
    if (sinew_board_sends()) board->kick();
    const uint32_t due_us = SINEW_BUS.run(board->now_us());
    if ((int32_t)(due_us - board->now_us()) > 0) board->sleep(due_us);
  }
}
