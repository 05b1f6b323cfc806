/* The rings of a loop that is in the place of board.c, and what the ports ask of them. It is a part
   of that loop's file and of no other. */
#ifndef SINEW_RINGS_H
#define SINEW_RINGS_H

#include <stddef.h>

#include "board.h"

static volatile uint8_t rx_ring[SINEW_RX_BYTES];
static volatile sinew_index rx_written;
static volatile sinew_index rx_read;

static uint8_t tx_bytes[SINEW_TX_BYTES];
static volatile sinew_index tx_written;
static volatile sinew_index tx_read;

void sinew_board_receive(uint8_t byte) {
  if ((sinew_index)(rx_written - rx_read) >= SINEW_RX_BYTES) return;
  rx_ring[rx_written % SINEW_RX_BYTES] = byte;
  rx_written = (sinew_index)(rx_written + 1u);
}

/* What has a hole in it does not sum up, which is all that a stranger does about it. */
void sinew_board_lose(void) {}

bool sinew_board_next(uint8_t *byte) {
  if (tx_read == tx_written) return false;
  *byte = tx_bytes[tx_read % SINEW_TX_BYTES];
  tx_read = (sinew_index)(tx_read + 1u);
  return true;
}

bool sinew_board_sends(void) { return tx_read != tx_written; }

bool sinew_board_heard(void) { return rx_read != rx_written; }

/* Other makers' packets end with no byte of their own. */
bool sinew_board_due(void) { return sinew_board_heard(); }

static void send(const uint8_t *bytes, size_t length) {
  if (length > SINEW_TX_BYTES - (sinew_index)(tx_written - tx_read)) return;
  for (size_t at = 0; at < length; at++) {
    tx_bytes[(tx_written + (sinew_index)at) % SINEW_TX_BYTES] = bytes[at];
  }
  tx_written = (sinew_index)(tx_written + length);
}

#endif
