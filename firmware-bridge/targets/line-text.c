#include "line-text.h"

void sinew_line_put_byte(struct sinew_line *line, char byte) {
  if (line->length < line->room) line->text[line->length++] = byte;
}

void sinew_line_put(struct sinew_line *line, const char *text) {
  while (*text != 0) sinew_line_put_byte(line, *text++);
}

static void put_digits(struct sinew_line *line, uint32_t value, uint32_t unit) {
  for (; unit > 0; unit /= 10u) sinew_line_put_byte(line, (char)('0' + value / unit % 10u));
}

void sinew_line_put_whole(struct sinew_line *line, uint32_t value) {
  uint32_t unit = 1;
  while (value / unit >= 10u) unit *= 10u;
  put_digits(line, value, unit);
}

void sinew_line_put_decimal(struct sinew_line *line, float value) {
  const float size = value < 0.0f ? -value : value;
  uint32_t whole = (uint32_t)size;
  uint32_t millionths = (uint32_t)((size - (float)whole) * 1e6f + 0.5f);
  if (millionths >= 1000000u) {
    millionths -= 1000000u;
    whole++;
  }
  if (value < 0.0f && (whole > 0 || millionths > 0)) sinew_line_put_byte(line, '-');
  sinew_line_put_whole(line, whole);
  sinew_line_put_byte(line, '.');
  put_digits(line, millionths, 100000u);
}

bool sinew_line_take(const char **at, const char *word) {
  const char *text = *at;
  while (*word != 0) {
    if (*text++ != *word++) return false;
  }
  *at = text;
  return true;
}

static bool is_digit(char byte) { return byte >= '0' && byte <= '9'; }

static const char *past_spaces(const char *at) {
  while (*at == ' ' || *at == '\t') at++;
  return at;
}

bool sinew_line_take_whole(const char **at, uint32_t *value) {
  const char *text = past_spaces(*at);
  if (!is_digit(*text)) return false;
  uint32_t whole = 0;
  while (is_digit(*text)) whole = whole * 10u + (uint32_t)(*text++ - '0');
  *value = whole;
  *at = text;
  return true;
}

bool sinew_line_take_number(const char **at, float *value) {
  const char *text = past_spaces(*at);
  const bool negative = *text == '-';
  if (negative) text++;
  if (!is_digit(*text) && !(*text == '.' && is_digit(text[1]))) return false;
  float size = 0.0f;
  while (is_digit(*text)) size = size * 10.0f + (float)(*text++ - '0');
  if (*text == '.') {
    text++;
    /* Whole numbers as far as they go: a sum of tenths would add up their errors. */
    uint32_t part = 0;
    uint32_t unit = 1;
    for (; is_digit(*text); text++) {
      if (unit >= 100000000u) continue;
      part = part * 10u + (uint32_t)(*text - '0');
      unit *= 10u;
    }
    size += (float)part / (float)unit;
  }
  *value = negative ? -size : size;
  *at = text;
  return true;
}
