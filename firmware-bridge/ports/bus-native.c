/* The bus of servos as a process: the line on stdin and stdout, CLOCK_MONOTONIC, until stdin ends. */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "servo-bus.h"

extern const struct sinew_servo_bus SINEW_BUS;

static uint32_t now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint32_t)((uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u);
}

/* False where the reader has gone. */
static bool send_answers(void) {
  uint8_t packet[SINEW_SERVO_PACKET_MAX];
  for (size_t length = SINEW_BUS.answer(now_us(), packet); length > 0;
       length = SINEW_BUS.answer(now_us(), packet)) {
    /* A reader that does not read loses it, as on a line. */
    if (write(STDOUT_FILENO, packet, length) < 0 && errno != EAGAIN && errno != EINTR) return false;
  }
  return true;
}

int main(void) {
  SINEW_BUS.start(now_us());
  for (;;) {
    (void)SINEW_BUS.run(now_us());
    if (!send_answers()) return 0;
    const int32_t wait_us = (int32_t)(SINEW_BUS.run(now_us()) - now_us());
    struct pollfd line = {.fd = STDIN_FILENO, .events = POLLIN};
    if (poll(&line, 1, wait_us > 0 ? (wait_us + 999) / 1000 : 0) < 0 && errno != EINTR) return 1;
    if ((line.revents & (POLLIN | POLLHUP)) == 0) continue;
    uint8_t bytes[256];
    const ssize_t length = read(STDIN_FILENO, bytes, sizeof bytes);
    if (length == 0) return 0;
    for (ssize_t at = 0; at < length; at++) SINEW_BUS.receive(bytes[at], now_us());
  }
}
