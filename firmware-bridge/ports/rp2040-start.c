/* Start-up of a Cortex-M0+ without libc: vectors, memory, and what the compiler itself calls. */
#include <stddef.h>
#include <stdint.h>

extern uint32_t data_load[], data_start[], data_end[], bss_start[], bss_end[], stack_top[];

int main(void);
void timer_handler(void);
void uart_handler(void);

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
  *(volatile uint32_t *)0xe000ed0cu = 0x05fa0004u;
  for (;;) {
  }
}

void reset_handler(void) {
  uint32_t *from = data_load;
  for (uint32_t *to = data_start; to < data_end;) *to++ = *from++;
  for (uint32_t *to = bss_start; to < bss_end;) *to++ = 0;
  (void)main();
  fault_handler();
}

typedef void (*handler)(void);

/* 16 of the core, then 26 of the RP2040 (datasheet 2.3.2): TIMER_0 is 0, UART0 is 20. */
__attribute__((section(".vectors"), used)) static const handler vectors[16 + 26] = {
    (handler)(uintptr_t)stack_top,
    reset_handler,
    [2] = fault_handler,
    [3] = fault_handler,
    [11] = fault_handler,
    [14] = fault_handler,
    [15] = fault_handler,
    [16 + 0] = timer_handler,
    [16 + 20] = uart_handler,
};
