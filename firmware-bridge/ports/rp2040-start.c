#include "rp2040-start.h"

#include "cortex-m.h"

/* Datasheet 2.14 resets, 2.15 clocks, 2.16 crystal, 2.18 PLL, 2.19 pins, 4.7 watchdog. A write at
   + 0x2000 sets bits, at + 0x3000 clears them (2.1.2). */
#define SET_BITS 0x2000u
#define CLEAR_BITS 0x3000u

#define RESETS_RESET 0x4000c000u
#define RESETS_RESET_DONE 0x4000c008u
#define DMA (1u << 2)
#define I2C (3u << 3)
#define IO_BANK0 (1u << 5)
#define PADS_BANK0 (1u << 8)
#define PIO (3u << 10)
#define PLL_SYS (1u << 12)
#define PWM (1u << 14)
#define SPI (3u << 16)
#define TIMER (1u << 21)
#define UART0 (1u << 22)
#define UART1 (1u << 23)

#define XOSC_CTRL 0x40024000u
#define XOSC_STATUS 0x40024004u
#define XOSC_STARTUP 0x4002400cu
#define XOSC_1_TO_15_MHZ 0xaa0u
#define XOSC_ENABLE (0xfabu << 12)
#define XOSC_STABLE (1u << 31)

#define PLL_CS 0x40028000u
#define PLL_PWR 0x40028004u
#define PLL_FBDIV 0x40028008u
#define PLL_PRIM 0x4002800cu
#define PLL_LOCK (1u << 31)
#define PLL_POWER_DOWN (1u << 0)
#define PLL_DIVIDERS_DOWN (1u << 3)
#define PLL_VCO_DOWN (1u << 5)

#define CLK_REF_CTRL 0x40008030u
#define CLK_REF_DIV 0x40008034u
#define CLK_REF_SELECTED 0x40008038u
#define CLK_REF_XOSC 2u
#define CLK_SYS_CTRL 0x4000803cu
#define CLK_SYS_DIV 0x40008040u
#define CLK_SYS_SELECTED 0x40008044u
#define CLK_SYS_REF 0u
#define CLK_SYS_PLL 1u
#define CLK_PERI_CTRL 0x40008048u
#define CLK_PERI_ENABLE (1u << 11)
#define UNDIVIDED (1u << 8)

#define WATCHDOG_TICK 0x4005802cu
#define WATCHDOG_TICK_ENABLE (1u << 9)
#define CRYSTAL_MHZ 12u

#define GPIO0_CTRL 0x40014004u
#define GPIO1_CTRL 0x4001400cu
#define GPIO_UART 2u
#define PAD_GPIO1 0x4001c008u
#define PAD_GPIO2 0x4001c00cu
#define PAD_PULL_DOWN (1u << 2)
#define PAD_PULL_UP (1u << 3)
#define PAD_INPUT (1u << 6)
#define PAD_NO_OUTPUT (1u << 7)

/* 40 ms at least, on the ring oscillator at its fastest; all of it takes about 1 ms. */
#define LOOKS_MAX 100000u

static void put(uint32_t address, uint32_t value) { SINEW_REGISTER(address) = value; }

/* Waits for all of `bits`, but not for ever: without a clock the device stays silent. */
static bool comes(uint32_t address, uint32_t bits) {
  for (uint32_t look = 0; look < LOOKS_MAX; look++) {
    if ((SINEW_REGISTER(address) & bits) == bits) return true;
  }
  return false;
}

static bool release(uint32_t blocks) {
  put(RESETS_RESET + CLEAR_BITS, blocks);
  return comes(RESETS_RESET_DONE, blocks);
}

static bool start_crystal(void) {
  /* 47 * 256 cycles of 12 MHz are 1 ms. */
  put(XOSC_STARTUP, 47);
  put(XOSC_CTRL, XOSC_1_TO_15_MHZ | XOSC_ENABLE);
  return comes(XOSC_STATUS, XOSC_STABLE);
}

/* The core on the crystal alone: a program before us may have left it on the PLL. */
static bool leave_pll(void) {
  put(CLK_SYS_CTRL + CLEAR_BITS, 1u);
  if (!comes(CLK_SYS_SELECTED, 1u << CLK_SYS_REF)) return false;
  put(CLK_REF_DIV, UNDIVIDED);
  put(CLK_REF_CTRL, CLK_REF_XOSC);
  return comes(CLK_REF_SELECTED, 1u << CLK_REF_XOSC);
}

/* 12 MHz * 125 / 6 / 2 = 125 MHz. */
static bool start_pll(void) {
  put(RESETS_RESET + SET_BITS, PLL_SYS);
  if (!release(PLL_SYS)) return false;
  put(PLL_CS, 1);
  put(PLL_FBDIV, 125);
  put(PLL_PWR + CLEAR_BITS, PLL_POWER_DOWN | PLL_VCO_DOWN);
  if (!comes(PLL_CS, PLL_LOCK)) return false;
  put(PLL_PRIM, 6u << 16 | 2u << 12);
  put(PLL_PWR + CLEAR_BITS, PLL_DIVIDERS_DOWN);
  return true;
}

static bool take_pll(void) {
  put(CLK_SYS_DIV, UNDIVIDED);
  put(CLK_SYS_CTRL, CLK_SYS_REF);
  put(CLK_SYS_CTRL, CLK_SYS_PLL);
  if (!comes(CLK_SYS_SELECTED, 1u << CLK_SYS_PLL)) return false;
  put(CLK_PERI_CTRL, 0);
  put(CLK_PERI_CTRL, CLK_PERI_ENABLE);
  put(WATCHDOG_TICK, WATCHDOG_TICK_ENABLE | CRYSTAL_MHZ);
  return true;
}

bool sinew_rp2040_start(void) {
  /* A core that was reset alone finds the pins as they were: what moves one is stopped first. */
  put(RESETS_RESET + SET_BITS,
      IO_BANK0 | PADS_BANK0 | PWM | PIO | SPI | I2C | DMA | UART0 | UART1 | TIMER);
  return start_crystal() && leave_pll() && start_pll() && take_pll() &&
         release(IO_BANK0 | PADS_BANK0 | UART0 | TIMER);
}

void sinew_rp2040_give_pins(void) {
  /* A line that nobody drives reads as idle, not as a break. */
  put(PAD_GPIO1 + CLEAR_BITS, PAD_PULL_DOWN);
  put(PAD_GPIO1 + SET_BITS, PAD_PULL_UP);
  /* The stop line is nothing but an input, and reads as open without its contact. */
  put(PAD_GPIO2 + CLEAR_BITS, PAD_PULL_DOWN);
  put(PAD_GPIO2 + SET_BITS, PAD_PULL_UP | PAD_INPUT | PAD_NO_OUTPUT);
  put(GPIO0_CTRL, GPIO_UART);
  put(GPIO1_CTRL, GPIO_UART);
}
