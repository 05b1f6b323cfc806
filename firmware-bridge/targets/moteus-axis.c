#include "moteus-axis.h"

#include <string.h>

#include "motor-axis.h"

#define ID 1u
#define FRAME_MAX 64u
#define REPLY 0x8000u
#define NOP 0x50u

enum { INT8, INT16, INT32, FLOAT };
enum { STOPPED = 0, PREPARING = 3, POSITION_MODE = 10, TIMEOUT = 11 };
enum {
  MODE = 0x000,
  POSITION = 0x001,
  VELOCITY = 0x002,
  TORQUE = 0x003,
  HOME = 0x00c,
  COMMAND_POSITION = 0x020,
  COMMAND_VELOCITY = 0x021,
  COMMAND_FEEDFORWARD = 0x022,
  COMMAND_KP_SCALE = 0x023,
  COMMAND_KD_SCALE = 0x024,
  COMMAND_TIMEOUT = 0x027,
  COMMAND_LIMIT_SCALE = 0x02b,
  COMMAND_END = 0x030,
  MAP_VERSION = 0x102,
  /* This simulation's own: microseconds of its clock from the newest order to the timeout. */
  SILENT_US = 0x12f,
};

/* From being ordered to following. */
#define PREPARE_TICKS 3u
#define DEFAULT_TIMEOUT_S 0.1f
/* In a timeout it brakes with at most so much, N*m. */
#define TIMEOUT_TORQUE 0.02f

static struct sinew_motor_axis axis;
static uint32_t mode, left_ticks, prepare_ticks, ordered_us, silent_us;
/* What the newest frame wrote to the registers of commands. */
static float command[COMMAND_END];
/* Where its controller has come to, which goes on while the motor is held back. */
static float place;
static bool watched, checks;

static bool is_nan(float value) { return !(value == value); }

/* The mode resets all other values of a command, as the real one does. */
static void order(uint32_t wanted) {
  for (uint32_t at = COMMAND_POSITION; at < COMMAND_END; at++) command[at] = 0.0f;
  command[COMMAND_KP_SCALE] = 1.0f;
  command[COMMAND_KD_SCALE] = 1.0f;
  command[COMMAND_LIMIT_SCALE] = 1.0f;
  command[MODE] = (float)wanted;
}

/* After a whole frame. A timeout is left by a stop alone. */
static void begin(uint32_t now_us) {
  if (command[MODE] == STOPPED) {
    mode = STOPPED;
    return;
  }
  if (command[MODE] != POSITION_MODE || mode == TIMEOUT) return;
  if (mode == STOPPED) {
    mode = PREPARING;
    prepare_ticks = PREPARE_TICKS;
  }
  const float told = command[COMMAND_TIMEOUT];
  watched = !is_nan(told);
  const float timeout_s = told == 0.0f ? DEFAULT_TIMEOUT_S : told;
  if (watched) left_ticks = (uint32_t)(timeout_s * 1000.0f + 0.5f);
  ordered_us = now_us;
}

static void tick(uint32_t now_us) {
  if (mode == PREPARING && --prepare_ticks == 0) mode = POSITION_MODE;
  if (mode == POSITION_MODE && watched && left_ticks-- == 0) {
    mode = TIMEOUT;
    silent_us = now_us - ordered_us;
  }
  if (mode != POSITION_MODE) place = axis.turns;
  if (mode == TIMEOUT) {
    sinew_motor_axis_tick(&axis, SINEW_AXIS_BRAKE, 0.0f, TIMEOUT_TORQUE);
  } else if (mode != POSITION_MODE) {
    sinew_motor_axis_tick(&axis, SINEW_AXIS_OFF, 0.0f, 0.0f);
  } else if (command[COMMAND_KP_SCALE] == 0.0f && command[COMMAND_KD_SCALE] == 0.0f) {
    sinew_motor_axis_tick(&axis, SINEW_AXIS_EFFORT, command[COMMAND_FEEDFORWARD], 1.0f);
  } else if (command[COMMAND_KP_SCALE] == 0.0f) {
    sinew_motor_axis_tick(&axis, SINEW_AXIS_VELOCITY, command[COMMAND_VELOCITY], 1.0f);
  } else {
    if (is_nan(command[COMMAND_POSITION])) place += command[COMMAND_VELOCITY] / 1000.0f;
    else place = command[COMMAND_POSITION];
    sinew_motor_axis_tick(&axis, SINEW_AXIS_POSITION, place, 1.0f);
  }
}

static float read_register(uint32_t number) {
  switch (number) {
    case MODE:
      return (float)mode;
    case POSITION:
      return axis.turns;
    case VELOCITY:
      return axis.turns_per_s;
    case TORQUE:
      return axis.torque;
    case HOME:
      return 2.0f;
    case MAP_VERSION:
      return 5.0f;
    case SILENT_US:
      return (float)silent_us;
    default:
      return number >= COMMAND_POSITION && number < COMMAND_END ? command[number] : 0.0f;
  }
}

static void write_register(uint32_t number, float value) {
  if (number == MODE) order(value == POSITION_MODE ? POSITION_MODE : STOPPED);
  else if (number >= COMMAND_POSITION && number < COMMAND_END) command[number] = value;
}

static const uint8_t sizes[] = {1, 2, 4, 4};

static float take_value(uint32_t type, const uint8_t *at) {
  const uint32_t word = at[0] | (sizes[type] > 1 ? (uint32_t)at[1] << 8 : 0u) |
                        (sizes[type] > 2 ? (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24 : 0u);
  float value;
  if (type == INT8) return (float)(int8_t)word;
  if (type == INT16) return (float)(int16_t)word;
  if (type == INT32) return (float)(int32_t)word;
  memcpy(&value, &word, sizeof value);
  return value;
}

static void put_value(uint32_t type, float value, uint8_t *at) {
  uint32_t word;
  if (type == FLOAT) memcpy(&word, &value, sizeof word);
  else word = (uint32_t)(int32_t)value;
  for (uint32_t i = 0; i < sizes[type]; i++) at[i] = (uint8_t)(word >> (8u * i));
}

struct cursor {
  const uint8_t *bytes;
  size_t length;
  size_t at;
};

static bool take_number(struct cursor *from, uint32_t *value) {
  *value = 0;
  for (uint32_t shift = 0; shift < 28u && from->at < from->length; shift += 7u) {
    const uint8_t byte = from->bytes[from->at++];
    *value |= (uint32_t)(byte & 0x7fu) << shift;
    if (byte < 0x80u) return true;
  }
  return false;
}

static size_t put_number(uint8_t *out, uint32_t value) {
  size_t length = 0;
  for (; value > 0x7fu; value >>= 7) out[length++] = (uint8_t)(0x80u | (value & 0x7fu));
  out[length++] = (uint8_t)value;
  return length;
}

/* Takes a frame apart, and writes the answer to what it asks; the answer's length. */
static size_t obey(const uint8_t *bytes, size_t length, uint8_t out[FRAME_MAX], uint32_t now_us) {
  struct cursor from = {.bytes = bytes, .length = length, .at = 0};
  size_t answered = 0;
  bool ordered = false;
  while (from.at < length) {
    const uint8_t head = bytes[from.at++];
    if (head == NOP) continue;
    const uint32_t kind = head & 0xf0u;
    const uint32_t type = (head >> 2) & 3u;
    uint32_t count = head & 3u;
    uint32_t number;
    if (kind > 0x10u || (count == 0 && !take_number(&from, &count))) break;
    if (!take_number(&from, &number) || count > FRAME_MAX) break;
    const size_t size = count * sizes[type];
    if (kind == 0) {
      if (from.at + size > length) break;
      for (uint32_t i = 0; i < count; i++, from.at += sizes[type]) {
        write_register(number + i, take_value(type, bytes + from.at));
        ordered = ordered || number + i == MODE;
      }
    } else {
      if (answered + size + 12u > FRAME_MAX) break;
      out[answered++] = (uint8_t)(0x20u | (type << 2) | (count <= 3u ? count : 0u));
      if (count > 3u) answered += put_number(out + answered, count);
      answered += put_number(out + answered, number);
      for (uint32_t i = 0; i < count; i++, answered += sizes[type]) {
        put_value(type, read_register(number + i), out + answered);
      }
    }
  }
  if (ordered) begin(now_us);
  return answered;
}

static uint8_t crc8(const char *text, size_t length) {
  uint8_t sum = 0;
  for (size_t at = 0; at < length; at++) {
    sum ^= (uint8_t)text[at];
    for (int bit = 0; bit < 8; bit++) sum = (uint8_t)((sum << 1) ^ ((sum & 0x80u) != 0 ? 0x97u : 0u));
  }
  return sum;
}

static int digit(char byte) {
  if (byte >= '0' && byte <= '9') return byte - '0';
  if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
  if (byte >= 'A' && byte <= 'F') return byte - 'A' + 10;
  return -1;
}

static void put_hex(struct sinew_line *line, uint8_t byte) {
  static const char digits[] = "0123456789abcdef";
  sinew_line_put_byte(line, digits[byte >> 4]);
  sinew_line_put_byte(line, digits[byte & 15u]);
}

/* Ends the line that began at `from`: with a sum once the host has sent one. */
static void end(struct sinew_line *said, size_t from) {
  if (checks) {
    sinew_line_put_byte(said, ' ');
    const uint8_t sum = crc8(said->text + from, said->length - from);
    sinew_line_put_byte(said, '*');
    put_hex(said, sum);
  }
  sinew_line_put(said, "\r\n");
}

static void say(struct sinew_line *said, const char *text) {
  const size_t from = said->length;
  sinew_line_put(said, text);
  end(said, from);
}

/* Cuts the sum off; false where it is wrong, or missing where it is due. */
static bool check(char *line, size_t *length) {
  const size_t star = *length >= 3u ? *length - 3u : *length;
  const bool has = *length >= 3u && line[star] == '*' && digit(line[star + 1]) >= 0 &&
                   digit(line[star + 2]) >= 0;
  if (!has) return !checks;
  if (digit(line[star + 1]) * 16 + digit(line[star + 2]) != crc8(line, star)) return false;
  checks = true;
  *length = star;
  while (*length > 0 && line[*length - 1u] == ' ') (*length)--;
  return true;
}

static void take(char *line, size_t length, struct sinew_line *said, uint32_t now_us) {
  if (!check(line, &length)) {
    say(said, "ERR checksum");
    return;
  }
  line[length] = 0;
  const char *at = line;
  if (!sinew_line_take(&at, "can send ")) {
    say(said, "ERR unknown command");
    return;
  }
  uint32_t id = 0;
  while (digit(*at) >= 0) id = (id << 4) | (uint32_t)digit(*at++);
  if (*at++ != ' ') {
    say(said, "ERR invalid hex in id");
    return;
  }
  uint8_t frame[FRAME_MAX];
  size_t frame_length = 0;
  for (; digit(at[0]) >= 0 && digit(at[1]) >= 0 && frame_length < FRAME_MAX; at += 2) {
    frame[frame_length++] = (uint8_t)(digit(at[0]) * 16 + digit(at[1]));
  }
  say(said, "OK");
  if ((id & 0x7fu) != ID || (id >> 16) != 0) return;
  uint8_t out[FRAME_MAX];
  const size_t answered = obey(frame, frame_length, out, now_us);
  if ((id & REPLY) == 0 || answered == 0) return;
  const size_t from = said->length;
  sinew_line_put(said, "rcv 0000");
  put_hex(said, ID);
  put_hex(said, (uint8_t)((id >> 8) & 0x7fu));
  sinew_line_put_byte(said, ' ');
  for (size_t i = 0; i < answered; i++) put_hex(said, out[i]);
  end(said, from);
}

static void start(uint32_t now_us) {
  sinew_motor_axis_start(&axis);
  order(STOPPED);
  mode = STOPPED;
  left_ticks = 0;
  prepare_ticks = 0;
  ordered_us = now_us;
  silent_us = 0;
  watched = false;
  checks = false;
}

const struct sinew_line_device sinew_moteus_axis_device = {
    .start = start,
    .take = take,
    .tick = tick,
};
