/* RP2040's second stage: the boot ROM copies the first 256 bytes of the flash to the end of RAM and
   enters them there, at their first byte. It maps the flash at 0x10000000 by the plain serial read
   03h, which every QSPI flash knows without being asked, and starts the program behind itself
   (datasheet 2.7.2, 4.10). The build puts its checksum into the last 4 bytes. */
#include "cortex-m.h"

#define SSI_CTRLR0 SINEW_REGISTER(0x18000000u)
#define SSI_CTRLR1 SINEW_REGISTER(0x18000004u)
#define SSI_SSIENR SINEW_REGISTER(0x18000008u)
#define SSI_SER SINEW_REGISTER(0x18000010u)
#define SSI_BAUDR SINEW_REGISTER(0x18000014u)
#define SSI_SPI_CTRLR0 SINEW_REGISTER(0x180000f4u)
#define VTOR SINEW_REGISTER(0xe000ed08u)

/* 32 bits a frame, one data line, address out before data in. */
#define FRAME_BITS (31u << 16)
#define READ_AFTER_ADDRESS (3u << 8)
/* Command 03h of 8 bits, address of 6 * 4 bits, no wait, all on one line. */
#define READ_COMMAND (0x03u << 24)
#define COMMAND_8_BITS (2u << 8)
#define ADDRESS_24_BITS (6u << 2)

#define PROGRAM 0x10000100u

/* Position-independent, as it is linked for the flash and runs in RAM: it calls nothing. */
__attribute__((section(".boot"), used, noreturn)) void sinew_boot(void) {
  SSI_SSIENR = 0;
  /* 31.25 MHz once the core has its 125; 03h is good for 50 at least on the parts in use. */
  SSI_BAUDR = 4;
  SSI_CTRLR0 = FRAME_BITS | READ_AFTER_ADDRESS;
  SSI_CTRLR1 = 0;
  SSI_SPI_CTRLR0 = READ_COMMAND | COMMAND_8_BITS | ADDRESS_24_BITS;
  SSI_SER = 1;
  SSI_SSIENR = 1;
  VTOR = PROGRAM;
  const uint32_t stack = SINEW_REGISTER(PROGRAM);
  const uint32_t entry = SINEW_REGISTER(PROGRAM + 4u);
  __asm volatile("msr msp, %0\n\tbx %1" ::"r"(stack), "r"(entry));
  __builtin_unreachable();
}
