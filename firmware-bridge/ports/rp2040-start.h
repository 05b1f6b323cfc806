/* What silicon needs and an emulator does not miss: clocks, resets, pins. */
#ifndef SINEW_RP2040_START_H
#define SINEW_RP2040_START_H

#include <stdbool.h>

/* Lets every pin go, then starts the 12 MHz crystal, 125 MHz for the core and the UART and the
   1 MHz tick of TIMER and watchdog, and takes what the port uses out of reset. False where
   something does not start: then no pin is given to anything. */
bool sinew_rp2040_start(void);

/* GPIO 0 and 1 become UART0's, and GPIO 2 is pulled up: to be called once the UART idles high. */
void sinew_rp2040_give_pins(void);

#endif
