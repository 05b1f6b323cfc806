/* RP2040: UART0 on GPIO 0 and 1 at 1 Mbaud, the 1 MHz TIMER as the clock (datasheet 4.2, 4.6). */
#include "cortex-m.h"
#include "pl011.h"
#include "stop.h"

#define TIMER_ALARM0 SINEW_REGISTER(0x40054010u)
#define TIMER_TIMERAWL SINEW_REGISTER(0x40054028u)
#define TIMER_INTR SINEW_REGISTER(0x40054034u)
#define TIMER_INTE SINEW_REGISTER(0x40054038u)

extern const struct sinew_target SINEW_TARGET;

static uint32_t now_us(void) { return TIMER_TIMERAWL; }

void timer_handler(void) { TIMER_INTR = 1u; }

static void sleep(uint32_t until_us) {
  TIMER_ALARM0 = until_us;
  /* The alarm of a time already past would come only after 71 minutes. An interrupt since the last
     sleep makes WFE return at once, so none is slept through. */
  if (!sinew_board_heard() && !sinew_reached(now_us(), until_us)) {
    __asm volatile("wfe" ::: "memory");
  }
}

static const struct sinew_board board = {
    .name = "rp2040", .now_us = now_us, .kick = sinew_pl011_kick, .sleep = sleep};

int main(void) {
  /* 125 MHz / (16 * 1 Mbaud) = 7 + 52 / 64. */
  sinew_pl011_start(7, 52);
  TIMER_INTE = 1u;
  sinew_irq_enable(TIMER_IRQ);
  sinew_irq_enable(UART_IRQ);
  sinew_board_run(&board, &SINEW_TARGET, sinew_boot_id());
  return 1;
}
