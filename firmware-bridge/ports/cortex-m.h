/* What every Cortex-M port shares. */
#ifndef SINEW_CORTEX_M_H
#define SINEW_CORTEX_M_H

#include <stdint.h>

#include "board.h"

#define SINEW_REGISTER(address) (*(volatile uint32_t *)(address))

/* The port's. */
void uart_handler(void);
void uart_tx_handler(void);
void timer_handler(void);

/* Differs after a cold start by what RAM holds at power-on, after a warm one by the last id. */
uint32_t sinew_boot_id(void);

void sinew_irq_enable(uint32_t irq);

/* An interrupt every `cycles` of the core, for ports that cannot set an alarm. */
void sinew_systick_start(uint32_t cycles);

/* Sleeps until SysTick, unless `sinew_board_due`. */
void sinew_wait(uint32_t until_us);

#endif
