/* RP2040: UART0 on GPIO 0 and 1 at 1 Mbaud, the stop line on GPIO 2, the 1 MHz TIMER as the clock,
   the chip's watchdog for a core that hangs (datasheet 2.3.1, 4.2, 4.6, 4.7). */
#include "cortex-m.h"
#include "pl011.h"
#include "rp2040-start.h"
#include "stop.h"

#define TIMER_ALARM0 SINEW_REGISTER(0x40054010u)
#define TIMER_TIMERAWL SINEW_REGISTER(0x40054028u)
#define TIMER_INTR SINEW_REGISTER(0x40054034u)
#define TIMER_INTE SINEW_REGISTER(0x40054038u)
#define WATCHDOG_CTRL_SET SINEW_REGISTER(0x4005a000u)
#define WATCHDOG_LOAD SINEW_REGISTER(0x40058004u)
#define WATCHDOG_ENABLE (1u << 30)
#define GPIO_IN SINEW_REGISTER(0xd0000004u)
#define STOP_LINE (1u << 2)
#define PSM_WDSEL SINEW_REGISTER(0x40010008u)
/* All but the two oscillators, bits 0 and 1. */
#define PSM_ALL 0x1fffcu

/* As long as a stop takes. It counts down twice each microsecond (erratum RP2040-E1). */
#define HANG_US 100000u
#define HANG_COUNTS (2u * HANG_US)

extern const struct sinew_target SINEW_TARGET;

static uint32_t now_us(void) { return TIMER_TIMERAWL; }

static volatile bool alarmed;

void timer_handler(void) {
  TIMER_INTR = 1u;
  alarmed = true;
}

static void sleep(uint32_t until_us) {
  alarmed = false;
  TIMER_ALARM0 = until_us;
  /* The alarm of a time already past would come only after 71 minutes. */
  if (sinew_reached(now_us(), until_us)) return;
  /* An interrupt since the last WFE makes the next return at once, so none is slept through. */
  while (!alarmed && !sinew_board_due()) __asm volatile("wfe" ::: "memory");
}

static void alive(void) { WATCHDOG_LOAD = HANG_COUNTS; }

/* Pulled up, so that a cut wire reads as open; the contact ties it to ground. */
static bool stop_open(void) { return (GPIO_IN & STOP_LINE) != 0; }

/* A turn that does not come resets the whole chip, which lets every pin go. A debugger that halts
   the core halts this too: its bits for that are set from the start. */
static void start_watchdog(void) {
  PSM_WDSEL = PSM_ALL;
  alive();
  WATCHDOG_CTRL_SET = WATCHDOG_ENABLE;
}

static const struct sinew_board board = {.name = "rp2040",
                                         .now_us = now_us,
                                         .kick = sinew_pl011_kick,
                                         .sleep = sleep,
                                         .alive = alive,
                                         .stop_open = stop_open};

int main(void) {
  if (!sinew_rp2040_start()) return 1;
  /* 125 MHz / (16 * 1 Mbaud) = 7 + 52 / 64. */
  sinew_pl011_start(7, 52);
  sinew_rp2040_give_pins();
  TIMER_INTE = 1u;
  sinew_irq_enable(TIMER_IRQ);
  sinew_irq_enable(UART_IRQ);
  start_watchdog();
  sinew_board_run(&board, &SINEW_TARGET, sinew_boot_id());
  return 1;
}
