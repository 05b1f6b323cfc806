/* An ATmega328P on simavr, paced by the wall clock: its UART0 on standard input and output. Built
   and started by target.ts where libsimavr is installed. SIGUSR1 opens the stop line, SIGUSR2 closes
   it.
     simavr <image.bin> */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <simavr/avr_extint.h>
#include <simavr/avr_ioport.h>
#include <simavr/avr_uart.h>
#include <simavr/sim_avr.h>

#define CLOCK_HZ 16000000u
#define CYCLE_NS 62.5
/* A sleeping core jumps to its next timer, past bytes that come meanwhile: it gets one this often,
   50 us. */
#define SLICE_CYCLES 800u

/* Where ports/atmega328p.c reads the stop line, of port D. */
#define STOP_LINE 2

static uint8_t input[4096];
static size_t input_begin;
static size_t input_end;
/* What simavr's own queue of the UART takes no more of. */
static bool full;

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static avr_cycle_count_t slice(struct avr_t *avr, avr_cycle_count_t when, void *param) {
  (void)avr;
  (void)param;
  return when + SLICE_CYCLES;
}

/* In the place of simavr's own, which sleeps for the time that the core does. */
static void no_sleep(avr_t *avr, avr_cycle_count_t cycles) {
  (void)avr;
  (void)cycles;
}

static void on_output(struct avr_irq_t *irq, uint32_t value, void *param) {
  (void)irq;
  (void)param;
  const uint8_t byte = (uint8_t)value;
  /* Nobody reads: the byte is lost, as on a wire. */
  if (write(STDOUT_FILENO, &byte, 1) < 0 && errno != EAGAIN) exit(0);
}

static void on_full(struct avr_irq_t *irq, uint32_t value, void *param) {
  (void)irq;
  (void)value;
  (void)param;
  full = true;
}

static void on_room(struct avr_irq_t *irq, uint32_t value, void *param) {
  (void)irq;
  (void)value;
  (void)param;
  full = false;
}

static volatile sig_atomic_t line_open;

static void on_line(int number) { line_open = number == SIGUSR1; }

/* Else simavr lets the pull-up of the pin win. */
static void drive_line(avr_t *avr, bool open) {
  avr_ioport_external_t pins = {.name = 'D', .mask = 1u << STOP_LINE};
  pins.value = open ? 1u << STOP_LINE : 0;
  avr_ioctl(avr, AVR_IOCTL_IOPORT_SET_EXTERNAL('D'), &pins);
  avr_raise_irq(avr_io_getirq(avr, AVR_IOCTL_IOPORT_GETIRQ('D'), STOP_LINE), open);
}

static void die(const char *why) {
  fprintf(stderr, "%s\n", why);
  exit(1);
}

static avr_t *chip_with(const char *path) {
  static uint8_t image[32768];
  FILE *file = fopen(path, "rb");
  if (file == NULL) die("the image cannot be read");
  const size_t length = fread(image, 1, sizeof image, file);
  fclose(file);
  avr_t *avr = avr_make_mcu_by_name("atmega328p");
  if (avr == NULL || avr_init(avr) != 0) die("simavr knows no atmega328p");
  avr->frequency = CLOCK_HZ;
  avr->sleep = no_sleep;
  avr->log = LOG_ERROR;
  avr_loadcode(avr, image, (uint32_t)length, 0);
  avr->codeend = avr->flashend;
  return avr;
}

static avr_irq_t *connect_uart(avr_t *avr) {
  uint32_t flags = 0;
  avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
  const uint32_t uart = AVR_IOCTL_UART_GETIRQ('0');
  avr_irq_register_notify(avr_io_getirq(avr, uart, UART_IRQ_OUTPUT), on_output, NULL);
  avr_irq_register_notify(avr_io_getirq(avr, uart, UART_IRQ_OUT_XOFF), on_full, NULL);
  avr_irq_register_notify(avr_io_getirq(avr, uart, UART_IRQ_OUT_XON), on_room, NULL);
  return avr_io_getirq(avr, uart, UART_IRQ_INPUT);
}

/* Waits for bytes until `due_ns`, and takes what is there. */
static void take_input(uint64_t due_ns) {
  if (input_begin == input_end) input_begin = input_end = 0;
  const uint64_t now = now_ns();
  if (now < due_ns && input_end == 0) {
    const struct timespec nap = {0, (long)(due_ns - now)};
    struct pollfd line = {.fd = STDIN_FILENO, .events = POLLIN};
    ppoll(&line, 1, &nap, NULL);
  }
  const ssize_t got = read(STDIN_FILENO, input + input_end, sizeof input - input_end);
  if (got > 0) input_end += (size_t)got;
  if (got < 0 && errno != EAGAIN) exit(0);
}

int main(int count, char **words) {
  if (count != 2) die("simavr <image.bin>");
  avr_t *avr = chip_with(words[1]);
  avr_irq_t *uart_input = connect_uart(avr);
  avr_cycle_timer_register(avr, SLICE_CYCLES, slice, NULL);
  fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
  const uint64_t start_ns = now_ns();
  signal(SIGUSR1, on_line);
  signal(SIGUSR2, on_line);
  bool open = false;
  /* The pin is INT0's too, and simavr would look at each cycle whether it is still low. */
  avr_extint_set_strict_lvl_trig(avr, EXTINT_IRQ_OUT_INT0, 0);
  drive_line(avr, open);
  for (;;) {
    if (open != (line_open != 0)) drive_line(avr, open = !open);
    const avr_cycle_count_t end = avr->cycle + SLICE_CYCLES;
    while (avr->cycle < end) {
      const int state = avr_run(avr);
      if (state == cpu_Done || state == cpu_Crashed) die("the firmware has ended");
    }
    take_input(start_ns + (uint64_t)((double)avr->cycle * CYCLE_NS));
    while (!full && input_begin < input_end) avr_raise_irq(uart_input, input[input_begin++]);
  }
}
