/* RP2040: UART0 on GPIO 0 and 1 at 1 Mbaud, the 1 MHz TIMER as the clock (datasheet 4.2, 4.6). */
#include "hal.h"
#include "pendulum.h"
#include "session.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))

#define UART_DR REGISTER(0x40034000u)
#define UART_FR REGISTER(0x40034018u)
#define UART_IBRD REGISTER(0x40034024u)
#define UART_FBRD REGISTER(0x40034028u)
#define UART_LCR_H REGISTER(0x4003402cu)
#define UART_CR REGISTER(0x40034030u)
#define UART_IMSC REGISTER(0x40034038u)
#define UART_ICR REGISTER(0x40034044u)
#define UART_DR_OVERRUN (1u << 11)
#define UART_FR_RXFE (1u << 4)
#define UART_FR_TXFF (1u << 5)
#define UART_LCR_H_FEN (1u << 4)
#define UART_LCR_H_8BIT (3u << 5)
#define UART_CR_ON ((1u << 0) | (1u << 8) | (1u << 9))
#define UART_INT_RX (1u << 4)
#define UART_INT_TX (1u << 5)
#define UART_INT_RX_TIMEOUT (1u << 6)
#define UART_INT_RX_OVERRUN (1u << 10)

#define TIMER_ALARM0 REGISTER(0x40054010u)
#define TIMER_TIMERAWL REGISTER(0x40054028u)
#define TIMER_INTR REGISTER(0x40054034u)
#define TIMER_INTE REGISTER(0x40054038u)

#define NVIC_ISER REGISTER(0xe000e100u)
#define IRQ_TIMER_0 0u
#define IRQ_UART0 20u

/* Powers of two, so that a free-running index wraps rightly. */
#define RX_BYTES 1024u
#define TX_BYTES 1024u
#define RX_TURN_BYTES 64u

void timer_handler(void);
void uart_handler(void);
int main(void);

static struct sinew_session session;

/* Written by the interrupt, read by the loop. */
static volatile uint8_t rx_ring[RX_BYTES];
static volatile uint32_t rx_written;
static volatile uint32_t rx_read;
static volatile uint32_t rx_lost;

/* Only the loop touches it. */
static uint8_t tx_ring[TX_BYTES];
static uint32_t tx_written;
static uint32_t tx_read;

/* What power-on or the last start left here. */
__attribute__((section(".noinit"))) static uint8_t remains[1024];

static uint32_t now_us(void) { return TIMER_TIMERAWL; }

static bool tx(const uint8_t *bytes, size_t length) {
  if (length > TX_BYTES - (tx_written - tx_read)) return false;
  for (size_t at = 0; at < length; at++) tx_ring[tx_written++ % TX_BYTES] = bytes[at];
  return true;
}

static const struct sinew_hal hal = {.now_us = now_us, .tx = tx, .name = "rp2040"};

/* Fills the UART's FIFO; its interrupt wakes the loop when there is room for the rest. */
static void drain_tx(void) {
  while (tx_read != tx_written && (UART_FR & UART_FR_TXFF) == 0) {
    UART_DR = tx_ring[tx_read++ % TX_BYTES];
  }
  const uint32_t tx_interrupt = tx_read == tx_written ? 0 : UART_INT_TX;
  UART_IMSC = UART_INT_RX | UART_INT_RX_TIMEOUT | UART_INT_RX_OVERRUN | tx_interrupt;
}

void uart_handler(void) {
  while ((UART_FR & UART_FR_RXFE) == 0) {
    const uint32_t data = UART_DR;
    const uint8_t byte = (uint8_t)data;
    if ((data & UART_DR_OVERRUN) != 0) rx_lost++;
    if (rx_written - rx_read < RX_BYTES) {
      rx_ring[rx_written % RX_BYTES] = byte;
      rx_written++;
    } else {
      rx_lost++;
    }
  }
  UART_ICR = UART_INT_RX_TIMEOUT | UART_INT_RX_OVERRUN | UART_INT_TX;
}

/* Being awake is all that it is for: the loop asks the clock itself. */
void timer_handler(void) { TIMER_INTR = 1u; }

/* Differs after a cold start by what SRAM holds at power-on, after a warm one by the last id. */
static uint32_t make_boot_id(void) {
  const uint32_t id = sinew_crc32c(remains, sizeof remains, 0);
  sinew_put_u32(remains, id + 1);
  return id;
}

static void start_uart(void) {
  /* 125 MHz / (16 * 1 Mbaud) = 7 + 52 / 64. */
  UART_IBRD = 7;
  UART_FBRD = 52;
  UART_LCR_H = UART_LCR_H_FEN | UART_LCR_H_8BIT;
  UART_CR = UART_CR_ON;
  UART_IMSC = UART_INT_RX | UART_INT_RX_TIMEOUT | UART_INT_RX_OVERRUN;
}

int main(void) {
  start_uart();
  TIMER_INTE = 1u;
  if (!sinew_session_start(&session, &hal, &sinew_pendulum, make_boot_id())) return 1;
  NVIC_ISER = (1u << IRQ_TIMER_0) | (1u << IRQ_UART0);
  for (;;) {
    /* A few at a time: a flood of bytes must not hold up the turns. */
    for (uint32_t taken = 0; taken < RX_TURN_BYTES && rx_read != rx_written; taken++) {
      const uint8_t byte = rx_ring[rx_read % RX_BYTES];
      rx_read++;
      sinew_session_receive(&session, byte);
    }
    session.stats.rx_overflow = rx_lost;
    const uint32_t due_us = sinew_session_run(&session);
    drain_tx();
    TIMER_ALARM0 = due_us;
    /* The alarm of a time already past would come only after 71 minutes. An interrupt since the
       last sleep makes WFE return at once, so none is slept through. */
    const bool idle = rx_read == rx_written && !sinew_reached(now_us(), due_us);
    if (idle) __asm volatile("wfe" ::: "memory");
  }
}
