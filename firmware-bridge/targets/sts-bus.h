/* Six STS3215 on one line, simulated: ids 1 to 6, each in the middle of its turn, let go. They speak
   the servos' own protocol, and nothing of this folder's core. Built with SINEW_SCS they are six
   SCS0009, which keep silent where all are asked at once. */
#ifndef SINEW_STS_BUS_H
#define SINEW_STS_BUS_H

#include <stddef.h>
#include <stdint.h>

#include "servo-bus.h"
#include "sts-servo.h"

struct sinew_sts_bus {
  struct sinew_sts_servo servos[SINEW_SERVOS];
  /* The beginning of a packet from the host. */
  uint8_t held[SINEW_SERVO_PACKET_MAX];
  size_t held_length;
  struct sinew_servo_line line;
};

/* As `struct sinew_servo_bus` says. */
void sinew_sts_bus_start(struct sinew_sts_bus *bus, uint32_t now_us);
void sinew_sts_bus_receive(struct sinew_sts_bus *bus, uint8_t byte, uint32_t now_us);
uint32_t sinew_sts_bus_run(struct sinew_sts_bus *bus, uint32_t now_us);
size_t sinew_sts_bus_answer(struct sinew_sts_bus *bus, uint32_t now_us,
                            uint8_t out[SINEW_SERVO_PACKET_MAX]);

/* One for a port. */
extern const struct sinew_servo_bus sinew_sts_bus_line;

#endif
