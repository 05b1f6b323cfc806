#include "Sinew.h"

/* Frames on their way out, as a core's own buffer may be shorter than one; a power of two. */
#ifdef __AVR__
static const uint16_t out_bytes = 256;
#else
static const uint16_t out_bytes = 1024;
#endif
static uint8_t out[out_bytes];
static uint16_t out_written;
static uint16_t out_read;

static sinew_session session;
static const sinew_target *wanted;
static Stream *stream;
static bool begun;

#ifdef __AVR__
/* What power-on or the last start left here. */
__attribute__((section(".noinit"))) static uint8_t remains[64];
#endif

static uint32_t now_us() { return micros(); }

static bool queue(const uint8_t *bytes, size_t length) {
  const uint16_t waiting = (uint16_t)(out_written - out_read);
  if (length > (size_t)(out_bytes - waiting)) return false;
  for (size_t at = 0; at < length; at++) out[out_written++ % out_bytes] = bytes[at];
  return true;
}

static uint8_t stop_pin;

static bool stop_open() { return digitalRead(stop_pin) != LOW; }

static sinew_hal hal = {now_us, queue, "arduino", NULL};

/* No chip has a number of its own that differs after each start, so the moment of the host's first
   byte is taken into it, which nobody repeats to the microsecond. */
static uint32_t boot_id() {
  const uint32_t moment = micros();
  uint32_t id = sinew_crc32c(&moment, sizeof moment, 0);
#ifdef __AVR__
  id = sinew_crc32c(remains, sizeof remains, id);
  sinew_put_u32(remains, id + 1);
#endif
  return id;
}

/* Never more than the line takes at once: a write that waits would hold up the turns. */
static void send() {
  for (int room = stream->availableForWrite(); room > 0 && out_read != out_written; room--) {
    stream->write(out[out_read++ % out_bytes]);
  }
}

bool sinew_begin(const sinew_target &target, Stream &line, int pin) {
  if (pin >= 0) {
    pinMode((uint8_t)pin, INPUT_PULLUP);
    stop_pin = (uint8_t)pin;
    hal.stop_open = stop_open;
  }
  /* To be judged; it starts anew with the first byte. */
  const bool can_start = sinew_session_start(&session, &hal, &target, 0);
  wanted = can_start ? &target : NULL;
  stream = &line;
  begun = false;
  return can_start;
}

void sinew_loop() {
  if (wanted == NULL) return;
  /* A few at a time: a flood of bytes must not hold up the turns. */
  for (uint8_t taken = 0; taken < 64 && stream->available() > 0; taken++) {
    if (!begun) begun = sinew_session_start(&session, &hal, wanted, boot_id());
    sinew_session_receive(&session, (uint8_t)stream->read());
  }
  if (begun) sinew_session_run(&session);
  send();
}
