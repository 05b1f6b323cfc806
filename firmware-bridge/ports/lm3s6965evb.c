/* LM3S6965 at 50 MHz: UART0 at 1 Mbaud, the watchdog's 32-bit counter as the clock, which is the
   only one of that width; it never resets here (datasheet 5, 10, 12). Run on QEMU, not on silicon. */
#include "cortex-m.h"
#include "pl011.h"

#define SYSCTL_RIS SINEW_REGISTER(0x400fe050u)
#define SYSCTL_RCC SINEW_REGISTER(0x400fe060u)
#define SYSCTL_RCGC0 SINEW_REGISTER(0x400fe100u)
#define SYSCTL_RCGC1 SINEW_REGISTER(0x400fe104u)
#define SYSCTL_RCGC2 SINEW_REGISTER(0x400fe108u)
#define GPIOA_AFSEL SINEW_REGISTER(0x40004420u)
#define GPIOA_DEN SINEW_REGISTER(0x4000451cu)
#define WATCHDOG_LOAD SINEW_REGISTER(0x40000000u)
#define WATCHDOG_VALUE SINEW_REGISTER(0x40000004u)
#define WATCHDOG_CONTROL SINEW_REGISTER(0x40000008u)

#define CYCLES_PER_US 50u

extern const struct sinew_target SINEW_TARGET;

/* The counter wraps after 86 s and is read at each turn, so the microseconds are added up. */
static uint32_t now_us(void) {
  static uint32_t seen, us, rest;
  const uint32_t value = ~WATCHDOG_VALUE;
  rest += value - seen;
  seen = value;
  us += rest / CYCLES_PER_US;
  rest %= CYCLES_PER_US;
  return us;
}

static const struct sinew_board board = {
    .name = "lm3s6965evb", .now_us = now_us, .kick = sinew_pl011_kick, .sleep = sinew_wait};

static void start_clocks(void) {
  /* 8 MHz crystal, PLL of 200 MHz, divided by 4 (datasheet 5.3). */
  SYSCTL_RCC = (SYSCTL_RCC | 1u << 11) & ~(1u << 22);
  SYSCTL_RCC = (SYSCTL_RCC & ~(0xfu << 6 | 3u << 4 | 1u << 13 | 1u << 12 | 1u)) | 0xeu << 6;
  SYSCTL_RCC = (SYSCTL_RCC & ~(0xfu << 23)) | 3u << 23 | 1u << 22;
  while ((SYSCTL_RIS & 1u << 6) == 0) {
  }
  SYSCTL_RCC &= ~(1u << 11);
  SYSCTL_RCGC0 |= 1u << 3;
  SYSCTL_RCGC1 |= 1u;
  SYSCTL_RCGC2 |= 1u;
  WATCHDOG_LOAD = 0xffffffffu;
  WATCHDOG_CONTROL = 1u;
}

int main(void) {
  start_clocks();
  GPIOA_AFSEL |= 3u;
  GPIOA_DEN |= 3u;
  /* 50 MHz / (16 * 1 Mbaud) = 3 + 8 / 64. */
  sinew_pl011_start(3, 8);
  sinew_systick_start(1000 * CYCLES_PER_US);
  sinew_irq_enable(UART_IRQ);
  sinew_board_run(&board, &SINEW_TARGET, sinew_boot_id());
  return 1;
}
