#include <stdio.h>

#include "check.h"

static bool failing;

void check(bool holds, const char *text, const char *file, int line) {
  if (holds) return;
  if (!failing) fprintf(stderr, "%s:%d: not so: %s\n", file, line, text);
  failing = true;
}

unsigned random_word(void) {
  static unsigned word = 2463534242u;
  word ^= word << 13;
  word ^= word >> 17;
  word ^= word << 5;
  return word;
}

int main(void) {
  const struct test *const groups[] = {frame_tests, session_tests, command_tests, stop_tests,
                                       drive_tests, lockstep_tests, pendulum_tests, sts_tests};
  int passed = 0;
  int failed = 0;
  for (unsigned group = 0; group < sizeof groups / sizeof groups[0]; group++) {
    for (const struct test *test = groups[group]; test->name != NULL; test++) {
      failing = false;
      test->run();
      if (failing) fprintf(stderr, "failed: %s\n", test->name);
      failed += failing;
      passed += !failing;
    }
  }
  printf("%d passed, %d failed\n", passed, failed);
  return failed > 0;
}
