#include "board.h"

#include "hal.h"
#include "session.h"

/* A few at a time: a flood of bytes must not hold up the turns. */
#define RX_TURN_BYTES 64u

static struct sinew_session session;

/* Written by the interrupt, read by the loop. */
static volatile uint8_t rx_ring[SINEW_RX_BYTES];
static volatile sinew_index rx_written;
static volatile sinew_index rx_read;
static volatile sinew_index rx_lost;
/* Delimiters among what was written, and among what was read. */
static volatile sinew_index rx_ends;
static volatile sinew_index rx_ends_read;

/* The other way round. */
static volatile uint8_t tx_ring[SINEW_TX_BYTES];
static volatile sinew_index tx_written;
static volatile sinew_index tx_read;

void sinew_board_receive(uint8_t byte) {
  const sinew_index written = rx_written;
  if ((sinew_index)(written - rx_read) >= SINEW_RX_BYTES - 1u) {
    rx_lost++;
    return;
  }
  rx_ring[written % SINEW_RX_BYTES] = byte;
  if (byte == 0) rx_ends = (sinew_index)(rx_ends + 1u);
  rx_written = (sinew_index)(written + 1u);
}

void sinew_board_lose(void) { rx_lost++; }

bool sinew_board_next(uint8_t *byte) {
  const sinew_index read = tx_read;
  if (read == tx_written) return false;
  *byte = tx_ring[read % SINEW_TX_BYTES];
  tx_read = (sinew_index)(read + 1u);
  return true;
}

bool sinew_board_sends(void) { return tx_read != tx_written; }

bool sinew_board_heard(void) { return rx_read != rx_written; }

bool sinew_board_due(void) {
  return rx_ends != rx_ends_read || (sinew_index)(rx_written - rx_read) >= RX_TURN_BYTES;
}

static bool tx(const uint8_t *bytes, size_t length) {
  const sinew_index written = tx_written;
  const sinew_index waiting = (sinew_index)(written - tx_read);
  /* One place stays free, so that a full ring and an empty one differ in their indices. */
  if (length > SINEW_TX_BYTES - 1u - waiting) return false;
  for (size_t at = 0; at < length; at++) {
    tx_ring[(sinew_index)(written + at) % SINEW_TX_BYTES] = bytes[at];
  }
  tx_written = (sinew_index)(written + length);
  return true;
}

static void tell_alive(const struct sinew_board *board) {
  if (board->alive != NULL) board->alive();
}

void sinew_board_run(const struct sinew_board *board, const struct sinew_target *target,
                     uint32_t boot_id) {
  static struct sinew_hal hal;
  hal.now_us = board->now_us;
  hal.tx = tx;
  hal.name = board->name;
  hal.stop_open = board->stop_open;
  if (!sinew_session_start(&session, &hal, target, boot_id)) return;
  sinew_index lost = 0;
  for (;;) {
    for (uint32_t taken = 0; taken < RX_TURN_BYTES && sinew_board_heard(); taken++) {
      const sinew_index read = rx_read;
      const uint8_t byte = rx_ring[read % SINEW_RX_BYTES];
      rx_read = (sinew_index)(read + 1u);
      if (byte == 0) rx_ends_read = (sinew_index)(rx_ends_read + 1u);
      sinew_session_receive(&session, byte);
      /* In lockstep one byte can ask for a thousand turns. */
      tell_alive(board);
    }
    const sinew_index lost_now = rx_lost;
    session.stats.rx_overflow += (sinew_index)(lost_now - lost);
    lost = lost_now;
    const uint32_t due_us = sinew_session_run(&session);
    tell_alive(board);
    if (sinew_board_sends()) board->kick();
    if (!sinew_reached(board->now_us(), due_us)) board->sleep(due_us);
  }
}
