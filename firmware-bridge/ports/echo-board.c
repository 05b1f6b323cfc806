/* In the place of board.c, for benchmarks: each 34 bytes are answered with 90, as a command of six
   actuators is with their state, and nothing is done with them. What is left of a round trip then is
   the board's, its emulator's and the line's. */
#include "rings.h"

#define COMMAND_BYTES 34u
#define STATE_BYTES 90u
#define IDLE_US 1000u

const struct sinew_target SINEW_TARGET = {.name = "echo", .simulated = true};

void sinew_board_run(const struct sinew_board *board, const struct sinew_target *target,
                     uint32_t boot_id) {
  static const uint8_t state[STATE_BYTES];
  uint32_t heard = 0;
  (void)target;
  (void)boot_id;
  /* Who boots a board waits for its first word. */
  send(state, sizeof state);
  for (;;) {
    if (board->alive != 0) board->alive();
    while (sinew_board_heard()) {
      rx_read = (sinew_index)(rx_read + 1u);
      if (++heard % COMMAND_BYTES == 0) send(state, sizeof state);
    }
    if (sinew_board_sends()) board->kick();
    board->sleep(board->now_us() + IDLE_US);
  }
}
