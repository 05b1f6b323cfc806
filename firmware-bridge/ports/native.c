/* The same firmware as a process, for sanitizers and for tests without a board.
     sinew-native                    frames on stdin and stdout, CLOCK_MONOTONIC, until stdin ends
                                     SIGUSR1 opens the stop line, SIGUSR2 closes it
     sinew-native --script [now_us]  a clock that the script moves; `now_us` is where it starts
   A script line is "run US HEX" or "stall US HEX": time goes on by US microseconds, with every turn
   on time or with none until its end, and then the bytes HEX ("-" for none) come in. Each frame out
   is a line "NOW_US HEX". Exit code 2 on a line that is neither. */
#ifdef __linux__
#define _GNU_SOURCE /* ppoll */
#else
#define _POSIX_C_SOURCE 200809L
#endif

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hal.h"
#include "session.h"

#define TX_BYTES 65536u
#define SCRIPT_BYTES_MAX 4096u

#ifndef SINEW_TARGET
#define SINEW_TARGET sinew_pendulum
#endif

extern const struct sinew_target SINEW_TARGET;

static struct sinew_session session;

static uint32_t monotonic_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint32_t)((uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u);
}

static uint8_t tx_buffer[TX_BYTES];
static size_t tx_length;

static bool buffer_tx(const uint8_t *bytes, size_t length) {
  if (length > TX_BYTES - tx_length) return false;
  memcpy(tx_buffer + tx_length, bytes, length);
  tx_length += length;
  return true;
}

/* False where the reader has gone. */
static bool drain_tx(void) {
  const ssize_t written = write(STDOUT_FILENO, tx_buffer, tx_length);
  if (written < 0) return errno == EAGAIN || errno == EINTR;
  tx_length -= (size_t)written;
  memmove(tx_buffer, tx_buffer + written, tx_length);
  return true;
}

/* Until one of `ends` is ready or `wait_us` have passed. */
static int wait_for(struct pollfd *ends, nfds_t count, long wait_us) {
#ifdef __linux__
  const struct timespec wait = {.tv_sec = wait_us / 1000000, .tv_nsec = wait_us % 1000000 * 1000};
  return ppoll(ends, count, &wait, NULL);
#else
  /* Rounded up, as a turn too early would only spin. */
  return poll(ends, count, (int)((wait_us + 999) / 1000));
#endif
}

static volatile sig_atomic_t line_open;

static void on_line(int number) { line_open = number == SIGUSR1; }

static bool stop_open(void) { return line_open != 0; }

static const struct sinew_hal live_hal = {
    .now_us = monotonic_us, .tx = buffer_tx, .name = "native", .stop_open = stop_open};

static int run_live(void) {
  signal(SIGUSR1, on_line);
  signal(SIGUSR2, on_line);
  const uint32_t boot_id = monotonic_us() ^ ((uint32_t)getpid() << 16);
  if (!sinew_session_start(&session, &live_hal, &SINEW_TARGET, boot_id)) return 1;
  for (;;) {
    const uint32_t due_us = sinew_session_run(&session);
    const uint32_t now_us = monotonic_us();
    const long wait_us = sinew_reached(now_us, due_us) ? 0 : (long)(due_us - now_us);
    struct pollfd ends[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
                             {.fd = STDOUT_FILENO, .events = tx_length > 0 ? POLLOUT : 0}};
    if (wait_for(ends, 2, wait_us) < 0 && errno != EINTR) return 1;
    if ((ends[1].revents & (POLLERR | POLLHUP)) != 0) return 0;
    if ((ends[1].revents & POLLOUT) != 0 && !drain_tx()) return 0;
    if ((ends[0].revents & (POLLIN | POLLHUP)) == 0) continue;
    uint8_t bytes[256];
    const ssize_t length = read(STDIN_FILENO, bytes, sizeof bytes);
    if (length == 0) return 0;
    for (ssize_t at = 0; at < length; at++) sinew_session_receive(&session, bytes[at]);
  }
}

static uint32_t script_now_us;

static uint32_t scripted_us(void) { return script_now_us; }

static bool print_tx(const uint8_t *bytes, size_t length) {
  printf("%u ", script_now_us);
  for (size_t at = 0; at < length; at++) printf("%02x", bytes[at]);
  putchar('\n');
  return true;
}

static const struct sinew_hal script_hal = {
    .now_us = scripted_us, .tx = print_tx, .name = "native"};

static void advance(uint32_t us, bool stalled) {
  const uint32_t end_us = script_now_us + us;
  while (!stalled && sinew_reached(end_us, session.tick_due_us)) {
    script_now_us = session.tick_due_us;
    (void)sinew_session_run(&session);
  }
  script_now_us = end_us;
  (void)sinew_session_run(&session);
}

static bool receive_hex(const char *hex) {
  if (strcmp(hex, "-") == 0) return true;
  for (; hex[0] != 0; hex += 2) {
    unsigned byte;
    if (hex[1] == 0 || sscanf(hex, "%2x", &byte) != 1) return false;
    sinew_session_receive(&session, (uint8_t)byte);
  }
  return true;
}

static int run_script(uint32_t now_us) {
  char line[2 * SCRIPT_BYTES_MAX + 64];
  char verb[8];
  char hex[2 * SCRIPT_BYTES_MAX + 1];
  unsigned us;
  script_now_us = now_us;
  if (!sinew_session_start(&session, &script_hal, &SINEW_TARGET, 1)) return 1;
  while (fgets(line, sizeof line, stdin) != NULL) {
    if (sscanf(line, "%7s %u %8192s", verb, &us, hex) != 3) return 2;
    const bool stalled = strcmp(verb, "stall") == 0;
    if (!stalled && strcmp(verb, "run") != 0) return 2;
    advance(us, stalled);
    if (!receive_hex(hex)) return 2;
  }
  return 0;
}

int main(int count, char **arguments) {
  if (count == 1) return run_live();
  if (count <= 3 && strcmp(arguments[1], "--script") == 0) {
    return run_script(count == 3 ? (uint32_t)strtoul(arguments[2], NULL, 10) : 0);
  }
  fputs("usage: sinew-native [--script [now_us]]\n", stderr);
  return 2;
}
