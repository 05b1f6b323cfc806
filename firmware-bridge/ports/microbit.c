/* nRF51822 of a BBC micro:bit: UART at 1 Mbaud, TIMER0 as the clock, with its second comparator as
   the alarm (nRF51 Reference Manual 18, 29). Run on QEMU, not on silicon. */
#include "cortex-m.h"
#include "stop.h"

#define UART_STARTRX SINEW_REGISTER(0x40002000u)
#define UART_STARTTX SINEW_REGISTER(0x40002008u)
#define UART_RXDRDY SINEW_REGISTER(0x40002108u)
#define UART_TXDRDY SINEW_REGISTER(0x4000211cu)
#define UART_INTENSET SINEW_REGISTER(0x40002304u)
#define UART_ENABLE SINEW_REGISTER(0x40002500u)
#define UART_PSELTXD SINEW_REGISTER(0x4000250cu)
#define UART_PSELRXD SINEW_REGISTER(0x40002514u)
#define UART_RXD SINEW_REGISTER(0x40002518u)
#define UART_TXD SINEW_REGISTER(0x4000251cu)
#define UART_BAUDRATE SINEW_REGISTER(0x40002524u)

#define TIMER_START SINEW_REGISTER(0x40008000u)
#define TIMER_CAPTURE0 SINEW_REGISTER(0x40008040u)
#define TIMER_COMPARE1 SINEW_REGISTER(0x40008144u)
#define TIMER_INTENSET SINEW_REGISTER(0x40008304u)
#define TIMER_BITMODE SINEW_REGISTER(0x40008508u)
#define TIMER_PRESCALER SINEW_REGISTER(0x40008510u)
#define TIMER_CC0 SINEW_REGISTER(0x40008540u)
#define TIMER_CC1 SINEW_REGISTER(0x40008544u)

extern const struct sinew_target SINEW_TARGET;

/* A byte is on its way out; TXDRDY tells its end. */
static volatile bool sending;

static uint32_t now_us(void) {
  TIMER_CAPTURE0 = 1;
  return TIMER_CC0;
}

static void send_one(void) {
  uint8_t byte;
  sending = sinew_board_next(&byte);
  if (sending) UART_TXD = byte;
}

static void kick(void) {
  __asm volatile("cpsid i" ::: "memory");
  if (!sending) send_one();
  __asm volatile("cpsie i" ::: "memory");
}

void uart_handler(void) {
  while (UART_RXDRDY != 0) {
    UART_RXDRDY = 0;
    sinew_board_receive((uint8_t)UART_RXD);
  }
  if (UART_TXDRDY != 0) {
    UART_TXDRDY = 0;
    send_one();
  }
}

static volatile bool alarmed;

void timer_handler(void) {
  TIMER_COMPARE1 = 0;
  alarmed = true;
}

/* Looks with interrupts off: one that came before WFI would not come again. */
static void sleep(uint32_t until_us) {
  alarmed = false;
  TIMER_CC1 = until_us;
  /* The alarm of a time already past would come only after 71 minutes. */
  bool awake = sinew_reached(now_us(), until_us);
  while (!awake) {
    __asm volatile("cpsid i" ::: "memory");
    awake = alarmed || sinew_board_due();
    if (!awake) __asm volatile("wfi" ::: "memory");
    __asm volatile("cpsie i" ::: "memory");
  }
}

static const struct sinew_board board = {
    .name = "microbit", .now_us = now_us, .kick = kick, .sleep = sleep};

int main(void) {
  UART_PSELTXD = 24;
  UART_PSELRXD = 25;
  UART_BAUDRATE = 0x10000000u;
  UART_ENABLE = 4;
  /* QEMU takes it only now. */
  UART_INTENSET = 1u << 2 | 1u << 7;
  UART_STARTTX = 1;
  UART_STARTRX = 1;
  TIMER_BITMODE = 3;
  TIMER_PRESCALER = 4;
  TIMER_INTENSET = 1u << 17;
  TIMER_START = 1;
  sinew_irq_enable(UART_IRQ);
  sinew_irq_enable(TIMER_IRQ);
  sinew_board_run(&board, &SINEW_TARGET, sinew_boot_id());
  return 1;
}
