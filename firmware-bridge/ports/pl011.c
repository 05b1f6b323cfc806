#include "pl011.h"

#include "cortex-m.h"

#define UART_DR SINEW_REGISTER(PL011_BASE)
#define UART_FR SINEW_REGISTER(PL011_BASE + 0x18u)
#define UART_IBRD SINEW_REGISTER(PL011_BASE + 0x24u)
#define UART_FBRD SINEW_REGISTER(PL011_BASE + 0x28u)
#define UART_LCR_H SINEW_REGISTER(PL011_BASE + 0x2cu)
#define UART_CR SINEW_REGISTER(PL011_BASE + 0x30u)
#define UART_IMSC SINEW_REGISTER(PL011_BASE + 0x38u)
#define UART_ICR SINEW_REGISTER(PL011_BASE + 0x44u)
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
#define UART_INT_ON (UART_INT_RX | UART_INT_RX_TIMEOUT | UART_INT_RX_OVERRUN)

void sinew_pl011_start(uint32_t whole, uint32_t part) {
  UART_IBRD = whole;
  UART_FBRD = part;
  UART_LCR_H = UART_LCR_H_FEN | UART_LCR_H_8BIT;
  UART_CR = UART_CR_ON;
  UART_IMSC = UART_INT_ON;
}

/* Its interrupt comes as the FIFO runs low, so an empty one has to be filled first; it is off where
   nothing waits. */
static void fill(void) {
  while ((UART_FR & UART_FR_TXFF) == 0) {
    uint8_t byte;
    if (!sinew_board_next(&byte)) {
      UART_IMSC = UART_INT_ON;
      return;
    }
    UART_DR = byte;
  }
  UART_IMSC = UART_INT_ON | UART_INT_TX;
}

void sinew_pl011_kick(void) {
  __asm volatile("cpsid i" ::: "memory");
  fill();
  __asm volatile("cpsie i" ::: "memory");
}

void uart_handler(void) {
  UART_ICR = UART_INT_RX_TIMEOUT | UART_INT_RX_OVERRUN | UART_INT_TX;
  while ((UART_FR & UART_FR_RXFE) == 0) {
    const uint32_t data = UART_DR;
    if ((data & UART_DR_OVERRUN) != 0) sinew_board_lose();
    sinew_board_receive((uint8_t)data);
  }
  fill();
}
