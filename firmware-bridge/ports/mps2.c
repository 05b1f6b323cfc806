/* ARM's MPS2 board, any of its Cortex-M images, at 25 MHz: UART0 of the CMSDK at 1 Mbaud, the
   FPGA's free-running counter as the clock (DAI 0385, DDI 0479). Run on QEMU, not on silicon. */
#include "cortex-m.h"

#define UART_DATA SINEW_REGISTER(0x40004000u)
#define UART_STATE SINEW_REGISTER(0x40004004u)
#define UART_CTRL SINEW_REGISTER(0x40004008u)
#define UART_INTCLEAR SINEW_REGISTER(0x4000400cu)
#define UART_BAUDDIV SINEW_REGISTER(0x40004010u)
#define UART_STATE_TXFULL (1u << 0)
#define UART_STATE_RXFULL (1u << 1)
#define UART_STATE_RXOVERRUN (1u << 3)
#define UART_INT_TX (1u << 0)
#define UART_INT_RX (1u << 1)
/* Transmitter and receiver, with an interrupt each. */
#define UART_CTRL_ON 0xfu

#define FPGA_COUNTER SINEW_REGISTER(0x40028018u)
#define FPGA_PRESCALE SINEW_REGISTER(0x4002801cu)

#define CLOCK_HZ 25000000u

extern const struct sinew_target SINEW_TARGET;

static uint32_t now_us(void) { return FPGA_COUNTER; }

/* There is room for one byte, which QEMU has free again at once. */
static void fill(void) {
  while (sinew_board_sends() && (UART_STATE & UART_STATE_TXFULL) == 0) {
    uint8_t byte;
    if (sinew_board_next(&byte)) UART_DATA = byte;
  }
}

/* Its interrupt comes as the room falls free. */
static void kick(void) {
  __asm volatile("cpsid i" ::: "memory");
  fill();
  __asm volatile("cpsie i" ::: "memory");
}

void uart_tx_handler(void) {
  UART_INTCLEAR = UART_INT_TX;
  fill();
}

void uart_handler(void) {
  UART_INTCLEAR = UART_INT_RX;
  const uint32_t state = UART_STATE;
  if ((state & UART_STATE_RXOVERRUN) != 0) {
    sinew_board_lose();
    UART_STATE = UART_STATE_RXOVERRUN;
  }
  /* The next byte has an interrupt of its own. */
  if ((state & UART_STATE_RXFULL) != 0) sinew_board_receive((uint8_t)UART_DATA);
}

static const struct sinew_board board = {
    .name = SINEW_BOARD, .now_us = now_us, .kick = kick, .sleep = sinew_wait};

int main(void) {
  UART_BAUDDIV = CLOCK_HZ / 1000000u;
  UART_CTRL = UART_CTRL_ON;
  FPGA_PRESCALE = CLOCK_HZ / 1000000u - 1;
  sinew_systick_start(CLOCK_HZ / 1000u);
  sinew_irq_enable(UART_IRQ);
  sinew_irq_enable(UART_TX_IRQ);
  sinew_board_run(&board, &SINEW_TARGET, sinew_boot_id());
  return 1;
}
