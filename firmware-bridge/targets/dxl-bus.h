/* Six Dynamixel XL330-M288 on one line, simulated: ids 1 to 6, each in the middle of its turn, let
   go. They speak protocol 2.0, and nothing of this folder's core. */
#ifndef SINEW_DXL_BUS_H
#define SINEW_DXL_BUS_H

#include <stddef.h>
#include <stdint.h>

#include "dxl-servo.h"
#include "servo-bus.h"

struct sinew_dxl_bus {
  struct sinew_dxl_servo servos[SINEW_SERVOS];
  /* The beginning of a packet from the host. */
  uint8_t held[SINEW_SERVO_PACKET_MAX];
  size_t held_length;
  struct sinew_servo_line line;
};

/* As `struct sinew_servo_bus` says. */
void sinew_dxl_bus_start(struct sinew_dxl_bus *bus, uint32_t now_us);
void sinew_dxl_bus_receive(struct sinew_dxl_bus *bus, uint8_t byte, uint32_t now_us);
uint32_t sinew_dxl_bus_run(struct sinew_dxl_bus *bus, uint32_t now_us);
size_t sinew_dxl_bus_answer(struct sinew_dxl_bus *bus, uint32_t now_us,
                            uint8_t out[SINEW_SERVO_PACKET_MAX]);

/* CRC-16 of a packet: polynomial 0x8005, not reflected, from 0. */
uint16_t sinew_dxl_crc(const uint8_t *bytes, size_t length);

/* One for a port. */
extern const struct sinew_servo_bus sinew_dxl_bus_line;

#endif
