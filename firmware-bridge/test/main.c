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
  int passed = 0;
  int failed = 0;
  for (const struct test *const *group = test_groups; *group != NULL; group++) {
    for (const struct test *test = *group; test->name != NULL; test++) {
      failing = false;
      /* Who is aborted, or hangs, is named all the same. */
      printf("# %s\n", test->name);
      fflush(stdout);
      test->run();
      failed += failing;
      passed += !failing;
      printf("%s %d - %s\n", failing ? "not ok" : "ok", passed + failed, test->name);
    }
  }
  printf("%d passed, %d failed\n", passed, failed);
  return failed > 0;
}
