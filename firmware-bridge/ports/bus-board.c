/* In the place of board.c: the loop of a microcontroller that stands for a bus of servos. The same
   ports run it, and its target has nothing for them to drive. */
#include "board.h"
#include "servo-bus.h"

extern const struct sinew_servo_bus SINEW_BUS;

/* What is said to a bus is short; what it says is six answers. */
static volatile uint8_t rx_ring[SINEW_RX_BYTES];
static volatile sinew_index rx_written;
static volatile sinew_index rx_read;

static uint8_t tx_bytes[SINEW_TX_BYTES];
static volatile sinew_index tx_written;
static volatile sinew_index tx_read;

const struct sinew_target SINEW_TARGET = {.name = "servo-bus", .simulated = true};

void sinew_board_receive(uint8_t byte) {
  if ((sinew_index)(rx_written - rx_read) >= SINEW_RX_BYTES) return;
  rx_ring[rx_written % SINEW_RX_BYTES] = byte;
  rx_written = (sinew_index)(rx_written + 1u);
}

/* A packet with a hole in it does not sum up, which is all that a bus does about it. */
void sinew_board_lose(void) {}

bool sinew_board_next(uint8_t *byte) {
  if (tx_read == tx_written) return false;
  *byte = tx_bytes[tx_read % SINEW_TX_BYTES];
  tx_read = (sinew_index)(tx_read + 1u);
  return true;
}

bool sinew_board_sends(void) { return tx_read != tx_written; }

bool sinew_board_heard(void) { return rx_read != rx_written; }

static void send(const uint8_t *bytes, size_t length) {
  if (length > SINEW_TX_BYTES - (sinew_index)(tx_written - tx_read)) return;
  for (size_t at = 0; at < length; at++) {
    tx_bytes[(tx_written + (sinew_index)at) % SINEW_TX_BYTES] = bytes[at];
  }
  tx_written = (sinew_index)(tx_written + length);
}

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
