/* ARM's PL011, as RP2040 and LM3S have it; PL011_BASE is where (DDI 0183). */
#ifndef SINEW_PL011_H
#define SINEW_PL011_H

#include <stdint.h>

/* 8 bits, no parity, FIFOs on; the baud rate is the UART's clock / (16 * (whole + part / 64)). */
void sinew_pl011_start(uint32_t whole, uint32_t part);

void sinew_pl011_kick(void);

#endif
