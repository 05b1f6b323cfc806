/* A bus of simulated servos: what a port needs of it, whatever its servos speak, and what all of
   them share: who answers when, and when the motors turn. */
#ifndef SINEW_SERVO_BUS_H
#define SINEW_SERVO_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SINEW_SERVOS 6u
#define SINEW_SERVO_PACKET_MAX 259u

struct sinew_servo_bus {
  void (*start)(uint32_t now_us);
  /* A byte has come in. Answers that have not begun by then are lost: the line is one for both
     ways. */
  void (*receive)(uint8_t byte, uint32_t now_us);
  /* Does every turn that is due; returns when to call again. */
  uint32_t (*run)(uint32_t now_us);
  /* An answer whose time has come, written to `out`; its length, or 0 for none. Ask until it is
     0. */
  size_t (*answer)(uint32_t now_us, uint8_t out[SINEW_SERVO_PACKET_MAX]);
};

struct sinew_servo_answer {
  uint8_t servo;
  uint8_t error;
  uint8_t address;
  uint8_t count;
};

struct sinew_servo_line {
  /* What the servos still have to say, in this order. */
  struct sinew_servo_answer answers[SINEW_SERVOS];
  size_t answer_count;
  size_t answered;
  uint32_t answer_due_us;
  uint32_t tick_due_us;
};

void sinew_servo_line_start(struct sinew_servo_line *line, uint32_t now_us);

/* Nothing is said any more that has not been said. */
void sinew_servo_line_hush(struct sinew_servo_line *line);

/* One more answer; the first one comes after its delay. */
void sinew_servo_line_add(struct sinew_servo_line *line, struct sinew_servo_answer answer,
                          uint32_t due_us);

/* The answer whose time has come; NULL for none. */
const struct sinew_servo_answer *sinew_servo_line_due(const struct sinew_servo_line *line,
                                                      uint32_t now_us);

/* It has been said; the next of them, or NULL, comes after the delay that is then to be added. */
const struct sinew_servo_answer *sinew_servo_line_said(struct sinew_servo_line *line);

/* True for each turn of the motors that is due. */
bool sinew_servo_line_turns(struct sinew_servo_line *line, uint32_t now_us);

/* When there is something to do next. */
uint32_t sinew_servo_line_next_us(const struct sinew_servo_line *line);

#endif
