#include "frame.h"

#include <string.h>

#include "messages.h"

/* Half a byte at a time: 64 bytes of table instead of 1 KiB. */
static const uint32_t crc_table[16] = {
    0x00000000u, 0x105ec76fu, 0x20bd8edeu, 0x30e349b1u, 0x417b1dbcu, 0x5125dad3u,
    0x61c69362u, 0x7198540du, 0x82f63b78u, 0x92a8fc17u, 0xa24bb5a6u, 0xb21572c9u,
    0xc38d26c4u, 0xd3d3e1abu, 0xe330a81au, 0xf36e6f75u,
};

uint32_t sinew_crc32c(const void *data, size_t length, uint32_t previous) {
  const uint8_t *bytes = data;
  uint32_t crc = ~previous;
  for (size_t at = 0; at < length; at++) {
    crc ^= bytes[at];
    crc = crc_table[crc & 15u] ^ (crc >> 4);
    crc = crc_table[crc & 15u] ^ (crc >> 4);
  }
  return ~crc;
}

static void append(struct sinew_decoder *decoder, uint8_t byte) {
  if (decoder->length < SINEW_FRAME_MAX) {
    decoder->bytes[decoder->length++] = byte;
  } else {
    decoder->broken = true;
  }
}

static enum sinew_push finish(struct sinew_decoder *decoder) {
  const bool begun = decoder->begun;
  const bool whole = !decoder->broken && decoder->remaining == 0;
  decoder->begun = false;
  decoder->broken = false;
  decoder->remaining = 0;
  decoder->zero_due = false;
  /* Two delimiters in a row are how a sender clears the line, not a fault. */
  if (!begun) return SINEW_PUSH_MORE;
  if (!whole || decoder->length < SINEW_HEADER_BYTES + SINEW_CRC_BYTES) {
    return SINEW_PUSH_BAD_FRAME;
  }
  decoder->length = (uint16_t)(decoder->length - SINEW_CRC_BYTES);
  const uint32_t crc = sinew_crc32c(decoder->bytes, decoder->length, 0);
  return crc == sinew_get_u32(decoder->bytes + decoder->length) ? SINEW_PUSH_GOOD
                                                                : SINEW_PUSH_BAD_CRC;
}

enum sinew_push sinew_decoder_push(struct sinew_decoder *decoder, uint8_t byte) {
  if (byte == 0) return finish(decoder);
  if (!decoder->begun) {
    decoder->begun = true;
    decoder->length = 0;
  }
  if (decoder->broken) return SINEW_PUSH_MORE;
  if (decoder->remaining > 0) {
    decoder->remaining--;
    append(decoder, byte);
    return SINEW_PUSH_MORE;
  }
  if (decoder->zero_due) append(decoder, 0);
  decoder->remaining = (uint8_t)(byte - 1);
  decoder->zero_due = byte != 255;
  return SINEW_PUSH_MORE;
}

size_t sinew_frame_encode(uint8_t *frame, size_t length, uint8_t *wire) {
  sinew_put_u32(frame + length, sinew_crc32c(frame, length, 0));
  const size_t end = length + SINEW_CRC_BYTES;
  size_t mark = 0;
  size_t at = 1;
  for (size_t from = 0; from < end; from++) {
    if (frame[from] != 0) wire[at++] = frame[from];
    /* A block ends at a zero, which its length stands for, or at 254 bytes, unless all is said. */
    if (frame[from] == 0 || (at - mark == 255 && from + 1 < end)) {
      wire[mark] = (uint8_t)(at - mark);
      mark = at++;
    }
  }
  wire[mark] = (uint8_t)(at - mark);
  wire[at++] = 0;
  return at;
}

uint16_t sinew_get_u16(const uint8_t *at) { return (uint16_t)(at[0] | (at[1] << 8)); }

uint32_t sinew_get_u32(const uint8_t *at) {
  return at[0] | ((uint32_t)at[1] << 8) | ((uint32_t)at[2] << 16) | ((uint32_t)at[3] << 24);
}

void sinew_put_u16(uint8_t *at, uint16_t value) {
  at[0] = (uint8_t)value;
  at[1] = (uint8_t)(value >> 8);
}

void sinew_put_u32(uint8_t *at, uint32_t value) {
  sinew_put_u16(at, (uint16_t)value);
  sinew_put_u16(at + 2, (uint16_t)(value >> 16));
}

void sinew_put_f32(uint8_t *at, float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  sinew_put_u32(at, bits);
}

bool sinew_finite(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return (bits & 0x7f800000u) != 0x7f800000u;
}
