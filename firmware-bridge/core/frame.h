/* Frames on the wire: COBS( type u8 | sequence u16 | payload | crc32c u32 ) 00, little-endian. */
#ifndef SINEW_FRAME_H
#define SINEW_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "floats.h"

/* Longest frame with its CRC, before COBS; below 254 COBS costs one byte and the delimiter one. */
#ifndef SINEW_FRAME_MAX
#ifdef __AVR__
#define SINEW_FRAME_MAX 128u
#else
#define SINEW_FRAME_MAX 250u
#endif
#endif
#define SINEW_WIRE_MAX (SINEW_FRAME_MAX + 2u)

enum sinew_push {
  SINEW_PUSH_MORE,
  SINEW_PUSH_GOOD,
  SINEW_PUSH_BAD_FRAME,
  SINEW_PUSH_BAD_CRC,
};

/* Undoes COBS byte by byte and never holds more than one frame. All zero is its first state. */
struct sinew_decoder {
  uint8_t bytes[SINEW_FRAME_MAX];
  uint16_t length;
  uint8_t remaining;
  bool zero_due;
  bool begun;
  bool broken;
};

/* CRC-32C as in RFC 3720, 12.1; pass an earlier result as `previous` to go on, else 0. */
uint32_t sinew_crc32c(const void *data, size_t length, uint32_t previous);

/* Takes one byte. After SINEW_PUSH_GOOD `bytes[0, length)` is the frame without its CRC, until the
   next call. */
enum sinew_push sinew_decoder_push(struct sinew_decoder *decoder, uint8_t byte);

/* Puts the CRC behind `frame[0, length)`, which needs 4 bytes more, and the wire form into `wire`
   (length + 6 bytes, one more for each 254). Returns the bytes written. */
size_t sinew_frame_encode(uint8_t *frame, size_t length, uint8_t *wire);

uint16_t sinew_get_u16(const uint8_t *at);
uint32_t sinew_get_u32(const uint8_t *at);
void sinew_put_u16(uint8_t *at, uint16_t value);
void sinew_put_u32(uint8_t *at, uint32_t value);
void sinew_put_f32(uint8_t *at, float value);

/* By bit pattern: no compiler flag can make it forget NaN. */
bool sinew_finite(float value);

#endif
