/* Start-up of a Cortex-M without libc: vectors, memory, and what the compiler itself calls. A port
   names its interrupts with -DUART_IRQ=n and, where it has them, -DUART_TX_IRQ=n, -DTIMER_IRQ=n. */
#include "cortex-m.h"

#include <stddef.h>

#include "frame.h"

extern uint32_t data_load[], data_start[], data_end[], bss_start[], bss_end[], stack_top[];

int main(void);

/* The compiler must not make a call to memcpy out of memcpy's own loop. */
__attribute__((optimize("no-tree-loop-distribute-patterns"))) void *memcpy(void *to,
                                                                           const void *from,
                                                                           size_t length) {
  uint8_t *out = to;
  const uint8_t *in = from;
  while (length-- > 0) *out++ = *in++;
  return to;
}

__attribute__((optimize("no-tree-loop-distribute-patterns"))) void *memset(void *to, int value,
                                                                           size_t length) {
  uint8_t *out = to;
  while (length-- > 0) *out++ = (uint8_t)value;
  return to;
}

/* A fault leaves the motors without a program, so it starts anew: disarmed, with another boot id.
   AIRCR, SYSRESETREQ. */
static void fault_handler(void) {
  SINEW_REGISTER(0xe000ed0cu) = 0x05fa0004u;
  for (;;) {
  }
}

void reset_handler(void) {
#ifdef __ARM_FP
  /* CPACR: full access to the floating-point unit. */
  SINEW_REGISTER(0xe000ed88u) |= 0xfu << 20;
  __asm volatile("dsb\nisb" ::: "memory");
#endif
  uint32_t *from = data_load;
  for (uint32_t *to = data_start; to < data_end;) *to++ = *from++;
  for (uint32_t *to = bss_start; to < bss_end;) *to++ = 0;
  (void)main();
  fault_handler();
}

/* What power-on or the last start left here. */
__attribute__((section(".noinit"))) static uint8_t remains[1024];

uint32_t sinew_boot_id(void) {
  const uint32_t id = sinew_crc32c(remains, sizeof remains, 0);
  sinew_put_u32(remains, id + 1);
  return id;
}

__attribute__((weak)) void timer_handler(void) {}
__attribute__((weak)) void uart_tx_handler(void) {}

/* SysTick only wakes the loop, which asks the clock itself. */
static volatile bool ticked;

static void systick_handler(void) { ticked = true; }

void sinew_systick_start(uint32_t cycles) {
  SINEW_REGISTER(0xe000e014u) = cycles - 1;
  SINEW_REGISTER(0xe000e018u) = 0;
  SINEW_REGISTER(0xe000e010u) = 7;
}

void sinew_irq_enable(uint32_t irq) {
  SINEW_REGISTER(0xe000e100u + irq / 32 * 4) = 1u << (irq % 32);
}

/* With interrupts off WFI still wakes for one that is pending, so none is slept through. */
void sinew_wait(uint32_t until_us) {
  (void)until_us;
  bool awake = false;
  while (!awake) {
    __asm volatile("cpsid i" ::: "memory");
    awake = ticked || sinew_board_due();
    if (awake) {
      ticked = false;
    } else {
      __asm volatile("wfi" ::: "memory");
    }
    __asm volatile("cpsie i" ::: "memory");
  }
}

typedef void (*handler)(void);

__attribute__((section(".vectors"), used)) static const handler vectors[16 + VECTORS] = {
    (handler)(uintptr_t)stack_top,
    reset_handler,
    [2] = fault_handler,
    [3] = fault_handler,
    [4] = fault_handler,
    [5] = fault_handler,
    [6] = fault_handler,
    [11] = fault_handler,
    [14] = fault_handler,
    [15] = systick_handler,
    [16 + UART_IRQ] = uart_handler,
#ifdef UART_TX_IRQ
    [16 + UART_TX_IRQ] = uart_tx_handler,
#endif
#ifdef TIMER_IRQ
    [16 + TIMER_IRQ] = timer_handler,
#endif
};
