#include "servo-bus.h"

#include <string.h>

#include "servo-motor.h"

/* Later than this the motors have stood still, as under a debugger. */
#define LAG_MAX_US 20000u

static bool reached(uint32_t now_us, uint32_t due_us) { return (int32_t)(now_us - due_us) >= 0; }

void sinew_servo_line_start(struct sinew_servo_line *line, uint32_t now_us) {
  memset(line, 0, sizeof *line);
  line->tick_due_us = now_us + SINEW_SERVO_TICK_US;
}

void sinew_servo_line_hush(struct sinew_servo_line *line) {
  line->answer_count = 0;
  line->answered = 0;
}

void sinew_servo_line_add(struct sinew_servo_line *line, struct sinew_servo_answer answer,
                          uint32_t due_us) {
  if (line->answer_count >= SINEW_SERVOS) return;
  if (line->answer_count == 0) line->answer_due_us = due_us;
  line->answers[line->answer_count++] = answer;
}

const struct sinew_servo_answer *sinew_servo_line_due(const struct sinew_servo_line *line,
                                                      uint32_t now_us) {
  const bool due = line->answered < line->answer_count && reached(now_us, line->answer_due_us);
  return due ? &line->answers[line->answered] : NULL;
}

const struct sinew_servo_answer *sinew_servo_line_said(struct sinew_servo_line *line) {
  return ++line->answered < line->answer_count ? &line->answers[line->answered] : NULL;
}

bool sinew_servo_line_turns(struct sinew_servo_line *line, uint32_t now_us) {
  if (reached(now_us, line->tick_due_us + LAG_MAX_US)) line->tick_due_us = now_us;
  if (!reached(now_us, line->tick_due_us)) return false;
  line->tick_due_us += SINEW_SERVO_TICK_US;
  return true;
}

uint32_t sinew_servo_line_next_us(const struct sinew_servo_line *line) {
  const bool waits = line->answered < line->answer_count;
  return waits && reached(line->tick_due_us, line->answer_due_us) ? line->answer_due_us
                                                                  : line->tick_due_us;
}
