/* Words and numbers of a line of text, for drives without a C library. */
#ifndef SINEW_LINE_TEXT_H
#define SINEW_LINE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A line that is written: what does not fit is left out. */
struct sinew_line {
  char *text;
  size_t length;
  size_t room;
};

void sinew_line_put(struct sinew_line *line, const char *text);
void sinew_line_put_byte(struct sinew_line *line, char byte);
void sinew_line_put_whole(struct sinew_line *line, uint32_t value);
/* With six decimals; within +-4e9. */
void sinew_line_put_decimal(struct sinew_line *line, float value);

/* Whether the text at `*at`, which ends in a 0, begins with `word`; then `*at` is behind it. */
bool sinew_line_take(const char **at, const char *word);
/* The next number, with or without decimals; false where there is none, and `*value` is as it was.
   As the C library does it, what follows the number is left. */
bool sinew_line_take_number(const char **at, float *value);
bool sinew_line_take_whole(const char **at, uint32_t *value);

#endif
