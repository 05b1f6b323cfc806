#include "odrive-axis.h"

#include <stdbool.h>

#include "motor-axis.h"

#define WATCHDOG_ERROR 0x800u
/* From being asked to following orders. */
#define ENTER_TICKS 3u

enum { IDLE = 1, CLOSED_LOOP = 8 };
enum { MODE_TORQUE = 1, MODE_VELOCITY = 2, MODE_POSITION = 3 };

/* All numbers of axis0, by their paths. The last two are this simulation's own: microseconds of its
   clock from the newest order to the end of power, and the torque at the motor. */
static float state, requested, error, control_mode, input_mode, input_pos, input_vel, input_torque,
    watchdog_timeout, enable_watchdog, silent_us, torque;
/* What nobody sets here. */
static float startup, step_dir, sensorless, circular, load_axis;

static const struct property {
  const char *name;
  float *value;
  bool whole, writable;
} properties[] = {
    {"current_state", &state, true, false},
    {"requested_state", &requested, true, true},
    {"error", &error, true, true},
    {"controller.config.control_mode", &control_mode, true, true},
    {"controller.config.input_mode", &input_mode, true, true},
    {"controller.input_pos", &input_pos, false, true},
    {"controller.input_vel", &input_vel, false, true},
    {"controller.input_torque", &input_torque, false, true},
    {"config.watchdog_timeout", &watchdog_timeout, false, true},
    {"config.enable_watchdog", &enable_watchdog, true, true},
    {"config.startup_closed_loop_control", &startup, true, false},
    {"config.enable_step_dir", &step_dir, true, false},
    {"config.enable_sensorless_mode", &sensorless, true, false},
    {"controller.config.circular_setpoints", &circular, true, false},
    {"controller.config.load_encoder_axis", &load_axis, true, false},
    {"silent_us", &silent_us, true, false},
    {"torque", &torque, false, false},
};

static struct sinew_motor_axis axis;
static uint32_t left_ticks, enter_ticks, fed_us;

static void feed(uint32_t now_us) {
  left_ticks = (uint32_t)(watchdog_timeout * 1000.0f);
  fed_us = now_us;
}

/* As the real one: a position begins where the axis is. */
static void follow(void) {
  state = CLOSED_LOOP;
  if (control_mode == MODE_POSITION) input_pos = axis.turns;
}

static void let_go(uint32_t now_us) {
  if (state == CLOSED_LOOP) silent_us = (float)(now_us - fed_us);
  state = IDLE;
  enter_ticks = 0;
}

static void tick(uint32_t now_us) {
  if (enter_ticks > 0 && --enter_ticks == 0 && error == 0.0f) {
    follow();
    feed(now_us);
  }
  if (enable_watchdog != 0.0f) {
    if (left_ticks > 0) left_ticks--;
    else error = (float)((uint32_t)error | WATCHDOG_ERROR);
  }
  if (error != 0.0f && state == CLOSED_LOOP) let_go(now_us);
  enum sinew_axis_order order = SINEW_AXIS_OFF;
  float value = 0.0f;
  if (state == CLOSED_LOOP && control_mode == MODE_POSITION) {
    order = SINEW_AXIS_POSITION;
    value = input_pos;
  } else if (state == CLOSED_LOOP && control_mode == MODE_VELOCITY) {
    order = SINEW_AXIS_VELOCITY;
    value = input_vel;
  } else if (state == CLOSED_LOOP) {
    order = SINEW_AXIS_EFFORT;
    value = input_torque;
  }
  sinew_motor_axis_tick(&axis, order, value, 1.0f);
  torque = axis.torque;
}

static const struct property *find(const char **at) {
  if (!sinew_line_take(at, "axis0.")) return NULL;
  for (size_t i = 0; i < sizeof properties / sizeof *properties; i++) {
    const char *rest = *at;
    if (!sinew_line_take(&rest, properties[i].name) || (*rest != 0 && *rest != ' ')) continue;
    *at = rest;
    return &properties[i];
  }
  return NULL;
}

static bool tell_board(struct sinew_line *answer, const char *at) {
  static const struct {
    const char *name;
    const char *value;
  } told[] = {{"fw_version_major", "0"},
              {"fw_version_minor", "5"},
              {"fw_version_revision", "6"},
              {"error", "0"}};
  for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
    if (!sinew_line_take(&at, told[i].name)) continue;
    sinew_line_put(answer, told[i].value);
    return true;
  }
  return false;
}

static void tell(struct sinew_line *answer, const char *at) {
  if (tell_board(answer, at)) return;
  const struct property *property = find(&at);
  if (property == NULL) {
    sinew_line_put(answer, "invalid property");
  } else if (property->whole) {
    sinew_line_put_whole(answer, (uint32_t)*property->value);
  } else {
    sinew_line_put_decimal(answer, *property->value);
    /* It has room for nine letters and their end. */
    if (answer->length > 9u) answer->length = 9u;
  }
}

static void set(struct sinew_line *answer, const char *at, uint32_t now_us) {
  const struct property *property = find(&at);
  float value;
  if (property == NULL || !property->writable) {
    sinew_line_put(answer, "invalid property");
  } else if (!sinew_line_take_number(&at, &value)) {
    sinew_line_put(answer, "not implemented");
  } else if (property->value == &requested) {
    if (value == CLOSED_LOOP && state != CLOSED_LOOP) enter_ticks = ENTER_TICKS;
    else if (value == IDLE) let_go(now_us);
  } else {
    *property->value = value;
  }
}

static void command(char verb, const char *at, uint32_t now_us) {
  float value;
  if (!sinew_line_take_number(&at, &value)) return;
  if (verb == 'p') {
    control_mode = MODE_POSITION;
    input_pos = value;
    if (sinew_line_take_number(&at, &input_vel)) (void)sinew_line_take_number(&at, &input_torque);
  } else if (verb == 'v') {
    control_mode = MODE_VELOCITY;
    input_vel = value;
    (void)sinew_line_take_number(&at, &input_torque);
  } else {
    control_mode = MODE_TORQUE;
    input_torque = value;
  }
  feed(now_us);
}

static void obey(struct sinew_line *answer, const char *at, uint32_t now_us) {
  const char verb = *at;
  const char *rest = at + (verb != 0);
  uint32_t number;
  if (sinew_line_take(&at, "r ")) {
    tell(answer, at);
  } else if (sinew_line_take(&at, "w ")) {
    set(answer, at, now_us);
  } else if (sinew_line_take(&at, "sc")) {
    error = 0.0f;
  } else if (verb != 'f' && verb != 'p' && verb != 'v' && verb != 'c' && verb != 'u') {
    sinew_line_put(answer, "unknown command");
  } else if (!sinew_line_take_whole(&rest, &number)) {
    sinew_line_put(answer, "invalid command format");
  } else if (number != 0) {
    sinew_line_put(answer, "invalid motor ");
    sinew_line_put_whole(answer, number);
  } else if (verb == 'f') {
    sinew_line_put_decimal(answer, axis.turns);
    sinew_line_put_byte(answer, ' ');
    sinew_line_put_decimal(answer, axis.turns_per_s);
  } else if (verb == 'u') {
    feed(now_us);
  } else {
    command(verb, rest, now_us);
  }
}

static uint8_t sum_of(const char *text, size_t length) {
  uint8_t sum = 0;
  for (size_t at = 0; at < length; at++) sum ^= (uint8_t)text[at];
  return sum;
}

static void take(char *line, size_t length, struct sinew_line *said, uint32_t now_us) {
  size_t star = 0;
  for (size_t at = 0; at < length; at++) {
    if (line[at] == ';') length = at;
  }
  while (star < length && line[star] != '*') star++;
  const bool sums = star < length;
  line[length] = 0;
  if (sums) {
    const char *at = line + star + 1;
    uint32_t told;
    if (!sinew_line_take_whole(&at, &told) || told != sum_of(line, star)) return;
    line[star] = 0;
  }
  char text[64];
  struct sinew_line answer = {.text = text, .length = 0, .room = sizeof text};
  obey(&answer, line, now_us);
  if (answer.length == 0) return;
  for (size_t at = 0; at < answer.length; at++) sinew_line_put_byte(said, text[at]);
  if (sums) {
    sinew_line_put_byte(said, '*');
    sinew_line_put_whole(said, sum_of(text, answer.length));
  }
  sinew_line_put(said, "\r\n");
}

static void start(uint32_t now_us) {
  for (size_t i = 0; i < sizeof properties / sizeof *properties; i++) *properties[i].value = 0.0f;
  sinew_motor_axis_start(&axis);
  state = IDLE;
  control_mode = MODE_POSITION;
  input_mode = 1.0f;
  left_ticks = 0;
  enter_ticks = 0;
  fed_us = now_us;
}

const struct sinew_line_device sinew_odrive_axis_device = {
    .start = start,
    .take = take,
    .tick = tick,
};
