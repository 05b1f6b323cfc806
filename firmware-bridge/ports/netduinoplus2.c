/* STM32F405 as QEMU's netduinoplus2 has it: USART1 at 1 Mbaud, TIM2 as the clock (RM0090 18, 30).
   QEMU counts its timers at 1 GHz and needs no clocks switched on, so this runs on QEMU alone. */
#include "cortex-m.h"

#define USART_SR SINEW_REGISTER(0x40011000u)
#define USART_DR SINEW_REGISTER(0x40011004u)
#define USART_BRR SINEW_REGISTER(0x40011008u)
#define USART_CR1 SINEW_REGISTER(0x4001100cu)
#define USART_SR_ORE (1u << 3)
#define USART_SR_RXNE (1u << 5)
#define USART_SR_TXE (1u << 7)
/* Receiver, transmitter, interrupt on receiving, all of it on. */
#define USART_CR1_ON (1u << 2 | 1u << 3 | 1u << 5 | 1u << 13)
#define USART_CR1_TXEIE (1u << 7)

#define TIM2_CR1 SINEW_REGISTER(0x40000000u)
#define TIM2_EGR SINEW_REGISTER(0x40000014u)
#define TIM2_CNT SINEW_REGISTER(0x40000024u)
#define TIM2_PSC SINEW_REGISTER(0x40000028u)
#define TIM2_ARR SINEW_REGISTER(0x4000002cu)

#define CORE_HZ 168000000u
#define TIMER_HZ 1000000000u

extern const struct sinew_target SINEW_TARGET;

static uint32_t now_us(void) { return TIM2_CNT; }

/* The interrupt goes on while there is room, so it is off where nothing waits. */
static void fill(void) {
  uint8_t byte;
  while ((USART_SR & USART_SR_TXE) != 0) {
    if (!sinew_board_next(&byte)) {
      USART_CR1 = USART_CR1_ON;
      return;
    }
    USART_DR = byte;
  }
  USART_CR1 = USART_CR1_ON | USART_CR1_TXEIE;
}

static void kick(void) {
  __asm volatile("cpsid i" ::: "memory");
  fill();
  __asm volatile("cpsie i" ::: "memory");
}

void uart_handler(void) {
  uint32_t status = USART_SR;
  while ((status & USART_SR_RXNE) != 0) {
    if ((status & USART_SR_ORE) != 0) sinew_board_lose();
    sinew_board_receive((uint8_t)USART_DR);
    status = USART_SR;
  }
  if ((USART_CR1 & USART_CR1_TXEIE) != 0) fill();
}

static const struct sinew_board board = {
    .name = "netduinoplus2", .now_us = now_us, .kick = kick, .sleep = sinew_wait};

int main(void) {
  USART_BRR = CORE_HZ / 2 / 1000000u;
  USART_CR1 = USART_CR1_ON;
  TIM2_PSC = TIMER_HZ / 1000000u - 1;
  TIM2_ARR = 0xffffffffu;
  TIM2_EGR = 1u;
  TIM2_CR1 = 1u;
  sinew_systick_start(CORE_HZ / 1000u);
  sinew_irq_enable(UART_IRQ);
  sinew_board_run(&board, &SINEW_TARGET, sinew_boot_id());
  return 1;
}
