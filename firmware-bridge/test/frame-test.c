#include <string.h>

#include "check.h"
#include "frame.h"
/* Written for each run by tools/test-firmware.ts: `vectors` and CONTRACT_HASH. */
#include "vectors.h"

static struct sinew_decoder decoder;

/* Feeds bytes and returns the outcome at the last of them. */
static enum sinew_push feed(const uint8_t *bytes, size_t length) {
  enum sinew_push push = SINEW_PUSH_MORE;
  for (size_t at = 0; at < length; at++) push = sinew_decoder_push(&decoder, bytes[at]);
  return push;
}

static size_t random_frame(uint8_t *frame, size_t length) {
  for (size_t at = 0; at < length; at++) {
    /* Zeros often, as they are what COBS is about. */
    const unsigned word = random_word();
    frame[at] = word % 4 == 0 ? 0 : (uint8_t)(word >> 8);
  }
  return length;
}

static void crc_is_castagnoli(void) {
  CHECK(sinew_crc32c("123456789", 9, 0) == 0xe3069283u);
  CHECK(sinew_crc32c("6789", 4, sinew_crc32c("12345", 5, 0)) == 0xe3069283u);
  CHECK(sinew_crc32c("", 0, 0) == 0);
}

static void vectors_encode(void) {
  for (size_t at = 0; at < sizeof vectors / sizeof vectors[0]; at++) {
    uint8_t frame[1024];
    uint8_t wire[1024];
    memcpy(frame, vectors[at].frame, vectors[at].length);
    CHECK(sinew_frame_encode(frame, vectors[at].length, wire) == vectors[at].wire_length);
    CHECK(memcmp(wire, vectors[at].wire, vectors[at].wire_length) == 0);
  }
}

static void vectors_decode(void) {
  memset(&decoder, 0, sizeof decoder);
  for (size_t at = 0; at < sizeof vectors / sizeof vectors[0]; at++) {
    const size_t length = vectors[at].length;
    const enum sinew_push push = feed(vectors[at].wire, vectors[at].wire_length);
    CHECK(push == (length + 4 <= SINEW_FRAME_MAX ? SINEW_PUSH_GOOD : SINEW_PUSH_BAD_FRAME));
    if (push != SINEW_PUSH_GOOD) continue;
    CHECK(decoder.length == length);
    CHECK(memcmp(decoder.bytes, vectors[at].frame, length) == 0);
  }
}

static void longest_frame_and_one_more(void) {
  uint8_t frame[SINEW_FRAME_MAX + 8];
  uint8_t wire[SINEW_FRAME_MAX + 16];
  memset(&decoder, 0, sizeof decoder);
  for (int round = 0; round < 100; round++) {
    random_frame(frame, SINEW_FRAME_MAX - 4);
    size_t length = sinew_frame_encode(frame, SINEW_FRAME_MAX - 4, wire);
    CHECK(length == SINEW_WIRE_MAX);
    CHECK(feed(wire, length) == SINEW_PUSH_GOOD);
    random_frame(frame, SINEW_FRAME_MAX - 3);
    length = sinew_frame_encode(frame, SINEW_FRAME_MAX - 3, wire);
    CHECK(feed(wire, length) == SINEW_PUSH_BAD_FRAME);
  }
}

static void every_truncation_is_refused(void) {
  uint8_t frame[64];
  uint8_t wire[64];
  const size_t length = sinew_frame_encode(frame, random_frame(frame, 40), wire);
  memset(&decoder, 0, sizeof decoder);
  const uint8_t delimiter = 0;
  for (size_t cut = 1; cut < length - 1; cut++) {
    feed(wire, cut);
    const enum sinew_push push = feed(&delimiter, 1);
    CHECK(push == SINEW_PUSH_BAD_FRAME || push == SINEW_PUSH_BAD_CRC);
    CHECK(feed(wire, length) == SINEW_PUSH_GOOD);
  }
}

static void every_flipped_bit_is_refused(void) {
  uint8_t frame[64];
  uint8_t wire[64];
  const size_t length = sinew_frame_encode(frame, random_frame(frame, 40), wire);
  memset(&decoder, 0, sizeof decoder);
  const uint8_t delimiter = 0;
  for (size_t bit = 0; bit < 8 * length; bit++) {
    wire[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    for (size_t at = 0; at < length; at++) {
      CHECK(sinew_decoder_push(&decoder, wire[at]) != SINEW_PUSH_GOOD);
    }
    CHECK(feed(&delimiter, 1) != SINEW_PUSH_GOOD);
    wire[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    CHECK(feed(wire, length) == SINEW_PUSH_GOOD);
  }
}

static void short_frames_are_refused(void) {
  memset(&decoder, 0, sizeof decoder);
  const uint8_t empty[] = {0x01, 0x00};
  const uint8_t six[] = {0x07, 1, 2, 3, 4, 5, 6, 0x00};
  const uint8_t past_the_end[] = {0x09, 1, 2, 3, 4, 5, 6, 7, 0x00};
  CHECK(feed(empty, sizeof empty) == SINEW_PUSH_BAD_FRAME);
  CHECK(feed(six, sizeof six) == SINEW_PUSH_BAD_FRAME);
  CHECK(feed(past_the_end, sizeof past_the_end) == SINEW_PUSH_BAD_FRAME);
}

static void delimiters_alone_are_no_fault(void) {
  memset(&decoder, 0, sizeof decoder);
  const uint8_t delimiters[3] = {0};
  CHECK(feed(delimiters, 3) == SINEW_PUSH_MORE);
}

static void garbage_is_refused(void) {
  memset(&decoder, 0, sizeof decoder);
  uint32_t good = 0;
  for (uint32_t at = 0; at < 3000000; at++) {
    /* Bytes between delimiters from none to far more than a frame. */
    const unsigned word = random_word();
    const uint8_t byte = word % 200 == 0 && at % 3 != 0 ? 0 : (uint8_t)(word >> 9 | 1);
    good += sinew_decoder_push(&decoder, byte) == SINEW_PUSH_GOOD;
  }
  CHECK(good == 0);
}

static void random_frames_return(void) {
  uint8_t frame[SINEW_FRAME_MAX];
  uint8_t wire[SINEW_WIRE_MAX];
  memset(&decoder, 0, sizeof decoder);
  for (int round = 0; round < 20000; round++) {
    const size_t length = random_frame(frame, 3 + random_word() % (SINEW_FRAME_MAX - 6));
    CHECK(feed(wire, sinew_frame_encode(frame, length, wire)) == SINEW_PUSH_GOOD);
    CHECK(decoder.length == length && memcmp(decoder.bytes, frame, length) == 0);
  }
}

const struct test frame_tests[] = {
    {"CRC-32C has its check value, whole and in parts", crc_is_castagnoli},
    {"frames encode as the vectors say", vectors_encode},
    {"the vectors decode", vectors_decode},
    {"the longest frame is taken, one byte more is not", longest_frame_and_one_more},
    {"a frame cut anywhere is refused and the next is taken", every_truncation_is_refused},
    {"a frame with any bit flipped is refused and the next is taken", every_flipped_bit_is_refused},
    {"frames too short for a CRC are refused", short_frames_are_refused},
    {"delimiters alone are no fault", delimiters_alone_are_no_fault},
    {"three million bytes of garbage hold no frame", garbage_is_refused},
    {"20,000 random frames return as they were", random_frames_return},
    {0, 0},
};
