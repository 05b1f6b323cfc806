/* The main loop of a microcontroller: rings between the UART's interrupts and the session. A port
   fills in `sinew_board` and calls the functions below from its interrupts. */
#ifndef SINEW_BOARD_H
#define SINEW_BOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "target.h"

/* Bytes of each ring, a power of two; an index must be one load and one store, so a core of 8 bits
   takes an index of 8. */
#if defined(__AVR__) || defined(SINEW_BYTE_INDEX)
typedef uint8_t sinew_index;
#define SINEW_RX_BYTES 128u
#define SINEW_TX_BYTES 256u
#else
typedef uint32_t sinew_index;
#define SINEW_RX_BYTES 1024u
#define SINEW_TX_BYTES 1024u
#endif

struct sinew_board {
  const char *name;
  /* Free-running microseconds modulo 2^32, never a count of interrupts. */
  uint32_t (*now_us)(void);
  /* Sends what waits (`sinew_board_next`), or lets an interrupt do it. */
  void (*kick)(void);
  /* Sleeps until then at the latest, and not at all where what has come in is to be seen to
     (`sinew_board_due`). It may wake earlier. */
  void (*sleep)(uint32_t until_us);
  /* Called as the loop goes on, for a watchdog of the chip; NULL where there is none. */
  void (*alive)(void);
  /* Whether the stop line is open, as in `hal.h`; NULL where there is no pin for one. */
  bool (*stop_open)(void);
};

/* From the interrupt: a byte has come in. */
void sinew_board_receive(uint8_t byte);

/* From the interrupt: the UART has lost one. */
void sinew_board_lose(void);

/* With interrupts off, or from one: the next byte to send; false where none waits. */
bool sinew_board_next(uint8_t *byte);

/* Whether one waits. */
bool sinew_board_sends(void);

/* A byte has come in that the loop has not taken. */
bool sinew_board_heard(void);

/* There is something to do about what has come in: the end of a frame, or as much as the loop takes
   at a time. A port that is only woken for it does a turn for each frame and not for each byte. */
bool sinew_board_due(void);

/* Does not return unless the target cannot be driven. */
void sinew_board_run(const struct sinew_board *board, const struct sinew_target *target,
                     uint32_t boot_id);

#endif
