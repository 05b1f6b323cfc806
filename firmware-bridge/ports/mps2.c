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

static void send_one(void) {
  uint8_t byte;
  if ((UART_STATE & UART_STATE_TXFULL) == 0 && sinew_board_next(&byte)) UART_DATA = byte;
}

/* Its interrupt comes as the one byte of room falls free. */
static void kick(void) {
  __asm volatile("cpsid i" ::: "memory");
  send_one();
  __asm volatile("cpsie i" ::: "memory");
}

void uart_tx_handler(void) {
  UART_INTCLEAR = UART_INT_TX;
  send_one();
}

void uart_handler(void) {
  UART_INTCLEAR = UART_INT_RX;
  if ((UART_STATE & UART_STATE_RXOVERRUN) != 0) {
    sinew_board_lose();
    UART_STATE = UART_STATE_RXOVERRUN;
  }
  while ((UART_STATE & UART_STATE_RXFULL) != 0) sinew_board_receive((uint8_t)UART_DATA);
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
