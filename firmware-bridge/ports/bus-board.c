/* In the place of board.c: the loop of a microcontroller that stands for a bus of servos. The same
   ports run it, and its target has nothing for them to drive. */
#include "rings.h"
#include "sts-bus.h"

const struct sinew_target sinew_sts_bus = {.name = "sts-bus", .simulated = true};

void sinew_board_run(const struct sinew_board *board, const struct sinew_target *target,
                     uint32_t boot_id) {
  static struct sinew_sts_bus bus;
  static uint8_t packet[SINEW_STS_PACKET_MAX];
  (void)target;
  (void)boot_id;
  sinew_sts_bus_start(&bus, board->now_us());
  for (;;) {
    if (board->alive != 0) board->alive();
    while (sinew_board_heard()) {
      const uint8_t byte = rx_ring[rx_read % SINEW_RX_BYTES];
      rx_read = (sinew_index)(rx_read + 1u);
      sinew_sts_bus_receive(&bus, byte, board->now_us());
    }
    (void)sinew_sts_bus_run(&bus, board->now_us());
    for (size_t length = sinew_sts_bus_answer(&bus, board->now_us(), packet); length > 0;
         length = sinew_sts_bus_answer(&bus, board->now_us(), packet)) {
      send(packet, length);
    }
    if (sinew_board_sends()) board->kick();
    const uint32_t due_us = sinew_sts_bus_run(&bus, board->now_us());
    if ((int32_t)(due_us - board->now_us()) > 0) board->sleep(due_us);
  }
}
