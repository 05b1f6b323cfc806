/* A test is a function without arguments; CHECK marks it failed and goes on. */
#ifndef SINEW_CHECK_H
#define SINEW_CHECK_H

#include <stdbool.h>

struct test {
  const char *name;
  void (*run)(void);
};

void check(bool holds, const char *text, const char *file, int line);

#define CHECK(condition) check((condition), #condition, __FILE__, __LINE__)

/* What a program of tests runs; ends with NULL. */
extern const struct test *const test_groups[];

/* Each ends with a test without a name. */
extern const struct test frame_tests[];
extern const struct test contract_tests[];
extern const struct test command_tests[];
extern const struct test session_tests[];
extern const struct test stop_tests[];
extern const struct test stop_line_tests[];
extern const struct test trial_tests[];
extern const struct test drive_tests[];
extern const struct test lockstep_tests[];
extern const struct test pendulum_tests[];
extern const struct test servo_tests[];
extern const struct test heater_tests[];
extern const struct test torque_motor_tests[];
extern const struct test sts_tests[];
extern const struct test dxl_tests[];
extern const struct test odrive_tests[];
extern const struct test moteus_tests[];

/* Pseudorandom 32 bits, the same in every run (xorshift, Marsaglia 2003). */
unsigned random_word(void);

#endif
