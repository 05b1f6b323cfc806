/* ATmega328P at 16 MHz, as on an Arduino Uno: USART0 at 1 Mbaud, TIMER1 as the clock, TIMER0 wakes
   the loop, the stop line on PD2, an Uno's pin 2 (datasheet 14, 15, 16, 20). The whole protocol, in frames of at most 128 bytes. */
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>

#include "board.h"
#include "frame.h"

#define COUNTS_PER_US 2u
#define BAUD 1000000u

extern const struct sinew_target SINEW_TARGET;

/* What power-on or the last start left here. */
__attribute__((section(".noinit"))) static uint8_t remains[64];

/* The counter wraps after 32 ms and is read at each turn, so the microseconds are added up. */
static uint32_t now_us(void) {
  static uint16_t seen;
  static uint32_t us;
  /* An odd count stays for the next time. */
  const uint16_t counts = (uint16_t)(TCNT1 - seen) & ~(uint16_t)(COUNTS_PER_US - 1u);
  seen += counts;
  us += counts / COUNTS_PER_US;
  return us;
}

ISR(USART_RX_vect) {
  if ((UCSR0A & _BV(DOR0)) != 0) sinew_board_lose();
  sinew_board_receive(UDR0);
}

ISR(USART_UDRE_vect) {
  uint8_t byte;
  if (sinew_board_next(&byte)) UDR0 = byte;
  if (!sinew_board_sends()) UCSR0B &= (uint8_t)~_BV(UDRIE0);
}

/* It only wakes the loop, which asks the clock itself. */
static volatile bool ticked;

ISR(TIMER0_COMPA_vect) { ticked = true; }

/* Asked once more with interrupts off: the last byte may have gone meanwhile. */
static void kick(void) {
  cli();
  if (sinew_board_sends()) UCSR0B |= _BV(UDRIE0);
  sei();
}

static void wait(uint32_t until_us) {
  (void)until_us;
  cli();
  while (!ticked && !sinew_board_due()) {
    sleep_enable();
    /* The instruction behind SEI runs before any interrupt. */
    sei();
    sleep_cpu();
    sleep_disable();
    cli();
  }
  ticked = false;
  sei();
}

/* Pulled up, so that a cut wire reads as open; the contact ties it to ground. */
static bool stop_open(void) { return (PIND & _BV(PIND2)) != 0; }

static const struct sinew_board board = {.name = "atmega328p",
                                         .now_us = now_us,
                                         .kick = kick,
                                         .sleep = wait,
                                         .stop_open = stop_open};

static uint32_t boot_id(void) {
  const uint32_t id = sinew_crc32c(remains, sizeof remains, 0);
  sinew_put_u32(remains, id + 1);
  return id;
}

int main(void) {
  PORTD |= _BV(PORTD2);
  UBRR0 = F_CPU / 16u / BAUD - 1u;
  UCSR0C = _BV(UCSZ01) | _BV(UCSZ00);
  UCSR0B = _BV(RXEN0) | _BV(TXEN0) | _BV(RXCIE0);
  /* TIMER1 counts at 2 MHz for ever; TIMER0 matches each millisecond. */
  TCCR1B = _BV(CS11);
  OCR0A = 249;
  TCCR0A = _BV(WGM01);
  TCCR0B = _BV(CS01) | _BV(CS00);
  TIMSK0 = _BV(OCIE0A);
  set_sleep_mode(SLEEP_MODE_IDLE);
  sei();
  sinew_board_run(&board, &SINEW_TARGET, boot_id());
  return 1;
}
