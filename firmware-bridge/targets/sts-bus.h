/* Six STS3215 on one line, simulated: ids 1 to 6, each in the middle of its turn, let go. They speak
   the servos' own protocol, and nothing of this folder's core. */
#ifndef SINEW_STS_BUS_H
#define SINEW_STS_BUS_H

#include <stddef.h>
#include <stdint.h>

#include "sts-servo.h"

#define SINEW_STS_SERVOS 6u
#define SINEW_STS_PACKET_MAX 259u
#define SINEW_STS_TICK_US 1000u

struct sinew_sts_bus {
  struct sinew_sts_servo servos[SINEW_STS_SERVOS];
  /* The beginning of a packet from the host. */
  uint8_t held[SINEW_STS_PACKET_MAX];
  size_t held_length;
  /* What the servos still have to say: first whose answer, from which address, how much. */
  struct {
    uint8_t servo;
    uint8_t address;
    uint8_t count;
  } answers[SINEW_STS_SERVOS];
  size_t answer_count;
  size_t answered;
  uint32_t answer_due_us;
  uint32_t tick_due_us;
};

void sinew_sts_bus_start(struct sinew_sts_bus *bus, uint32_t now_us);

/* A byte has come in. Answers that have not begun by then are lost: the line is one for both ways. */
void sinew_sts_bus_receive(struct sinew_sts_bus *bus, uint8_t byte, uint32_t now_us);

/* Does every turn that is due; returns when to call again. */
uint32_t sinew_sts_bus_run(struct sinew_sts_bus *bus, uint32_t now_us);

/* An answer whose time has come, written to `out`; its length, or 0 for none. Ask until it is 0. */
size_t sinew_sts_bus_answer(struct sinew_sts_bus *bus, uint32_t now_us,
                            uint8_t out[SINEW_STS_PACKET_MAX]);

#endif
