/* libFuzzer against the session: the input is a script of bytes, sound frames and time. What must
   hold is asserted at each turn of the target and after each byte and each run.
   tools/fuzz-firmware.ts runs it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session.h"

#define ACTIONS 3u
#define MUST(condition) must((condition), #condition, __LINE__)

static struct sinew_session session;
static uint32_t clock_us;
static bool line_free;

/* What the pin of the stop line reads. */
static bool line_open;

/* What the sensor of the second actuator reads: anything at all. */
static float place;
static bool sound;

/* A COMMAND was accepted since the target's start. */
static bool commanded;
/* The device has said that it accepted a RESET. */
static bool was_reset;

/* The mode after the newest byte or run, and what was driven then. */
static uint8_t mode_before;
static float applied_before[ACTIONS];

static void must(bool holds, const char *text, int line) {
  if (holds) return;
  fprintf(stderr, "fuzz-session.c:%d: not so: %s\n", line, text);
  abort();
}

/* One actuator for each way to stop; zero lies within the limits of those that end there. */
static const struct sinew_channel channels[] = {
    {.name = "load", .unit = "N", .low = -5.0f, .high = 5.0f},
    {.name = "place", .unit = "rad", .low = -2.0f, .high = 2.0f},
    {.name = "push", .unit = "N", .low = -1.0f, .high = 3.0f},
    {.name = "turn", .unit = "rad", .low = 0.5f, .high = 1.5f,
     .stop = SINEW_STOP_CATEGORY_RAMP_AND_HOLD, .position = 1},
    {.name = "grip", .unit = "N", .low = 0.0f, .high = 8.0f, .stop = SINEW_STOP_CATEGORY_OFF}};

static void check_outputs(const float *applied, const bool *driven) {
  for (uint32_t at = 0; at < ACTIONS; at++) {
    const struct sinew_channel *channel = &channels[2 + at];
    uint32_t bits;
    memcpy(&bits, &applied[at], sizeof bits);
    MUST((bits & 0x7f800000u) != 0x7f800000u);
    if (driven[at]) {
      MUST(commanded);
      MUST(applied[at] >= channel->low && applied[at] <= channel->high);
    } else {
      MUST(applied[at] == 0.0f);
    }
  }
  const uint8_t mode = session.stop.mode;
  if (mode == SINEW_DEVICE_MODE_STOPPING) MUST(!driven[2]);
  /* Disarmed or stopped only a place is held; a new ARM drives nothing until its first command. */
  const bool at_rest = mode == SINEW_DEVICE_MODE_DISARMED || mode == SINEW_DEVICE_MODE_STOPPED ||
                       mode == SINEW_DEVICE_MODE_TRIAL;
  if (at_rest || (mode == SINEW_DEVICE_MODE_ARMED && session.unused)) {
    MUST(!driven[0] && !driven[2]);
  }
}

static void start(void) { commanded = false; }

static bool tick(const float *applied, const bool *driven) {
  check_outputs(applied, driven);
  /* A turn after the promise ran out finds a device that has stopped. */
  if (sinew_stop_live(&session.stop)) {
    MUST(!sinew_reached(session.tick_due_us, session.stop.expires_us));
  }
  return sound;
}

static void observe(float *observation) {
  observation[0] = place;
  observation[1] = place;
}

static struct sinew_target target = {.name = "fuzz",
                                     .period_us = 20000,
                                     .channels = channels,
                                     .observation_count = 2,
                                     .action_count = ACTIONS,
                                     .start = start,
                                     .tick = tick,
                                     .observe = observe};

static uint32_t now_us(void) { return clock_us; }

/* All that it says is sound, whether the line takes it or not. */
static bool tx(const uint8_t *bytes, size_t length) {
  static struct sinew_decoder decoder;
  memset(&decoder, 0, sizeof decoder);
  MUST(length > 0 && length <= SINEW_WIRE_MAX);
  for (size_t at = 0; at < length; at++) {
    const enum sinew_push push = sinew_decoder_push(&decoder, bytes[at]);
    MUST(push == (at + 1 < length ? SINEW_PUSH_MORE : SINEW_PUSH_GOOD));
  }
  const uint8_t *frame = decoder.bytes;
  if (frame[0] == SINEW_ANSWER && frame[SINEW_ANSWER_REQUEST] == SINEW_RESET &&
      frame[SINEW_ANSWER_RESULT] == SINEW_RESULT_ACCEPTED) {
    was_reset = true;
  }
  return line_free;
}

static bool stop_open(void) { return line_open; }

static const struct sinew_hal hal = {
    .now_us = now_us, .tx = tx, .name = "fuzz", .stop_open = stop_open};

/* After each byte and each run: what one of them may have changed, and no more. */
static void check_mode(void) {
  const uint8_t before = mode_before;
  const uint8_t mode = session.stop.mode;
  const bool before_at_stop =
      before == SINEW_DEVICE_MODE_STOPPING || before == SINEW_DEVICE_MODE_STOPPED;
  if (before_at_stop) MUST(!sinew_stop_live(&session.stop));
  if (before == SINEW_DEVICE_MODE_TRIAL) {
    MUST(mode == SINEW_DEVICE_MODE_TRIAL || mode == SINEW_DEVICE_MODE_STOPPED);
  }
  if (before == SINEW_DEVICE_MODE_TRIAL || mode == SINEW_DEVICE_MODE_TRIAL) {
    MUST(memcmp(applied_before, session.drive.applied, sizeof applied_before) == 0);
  }
  if (before == SINEW_DEVICE_MODE_STOPPED) MUST(mode != SINEW_DEVICE_MODE_STOPPING);
  if (before != SINEW_DEVICE_MODE_DISARMED && mode == SINEW_DEVICE_MODE_DISARMED) MUST(was_reset);
  if (session.stop_line.state == SINEW_STOP_LINE_OPEN) {
    MUST(!sinew_stop_live(&session.stop));
    if (before == SINEW_DEVICE_MODE_STOPPED) MUST(mode == before);
  }
  check_outputs(session.drive.applied, session.drive.driven);
  mode_before = mode;
  memcpy(applied_before, session.drive.applied, sizeof applied_before);
  was_reset = false;
}

/* Once the device has looked at the clock, its promise still stands. */
static void check_promise(void) {
  if (!sinew_stop_live(&session.stop)) return;
  MUST(!sinew_reached(sinew_session_now(&session), session.stop.expires_us));
  MUST(session.stop.expires_us - sinew_session_now(&session) <= SINEW_EXPIRY_AHEAD_MAX_US);
}

static void receive(const uint8_t *bytes, size_t length) {
  for (size_t at = 0; at < length; at++) {
    const uint32_t frames = session.stats.frames;
    const uint32_t commands = session.stats.commands;
    sinew_session_receive(&session, bytes[at]);
    if (session.stats.commands != commands) {
      MUST(session.stats.commands == commands + 1u);
      MUST(mode_before == SINEW_DEVICE_MODE_ARMED || mode_before == SINEW_DEVICE_MODE_TRIAL);
      commanded |= mode_before == SINEW_DEVICE_MODE_ARMED;
    }
    check_mode();
    if (session.stats.frames != frames) check_promise();
  }
}

static void run(void) {
  (void)sinew_session_run(&session);
  check_mode();
  check_promise();
}

/* The input, taken from its start; zeros behind its end. */
struct script {
  const uint8_t *bytes;
  size_t left;
};

static uint8_t take(struct script *script) {
  if (script->left == 0) return 0;
  script->left--;
  return *script->bytes++;
}

static uint32_t take_word(struct script *script) {
  uint32_t word = 0;
  for (int at = 0; at < 4; at++) word = word << 8 | take(script);
  return word;
}

static void send(uint8_t *frame, size_t length) {
  uint8_t wire[SINEW_WIRE_MAX];
  receive(wire, sinew_frame_encode(frame, length, wire));
}

static void send_any_frame(struct script *script) {
  uint8_t frame[SINEW_FRAME_MAX];
  const size_t length = 3u + take(script) % (SINEW_FRAME_MAX - SINEW_CRC_BYTES - 2u);
  for (size_t at = 0; at < length; at++) frame[at] = take(script);
  send(frame, length);
}

static void send_arm(struct script *script) {
  uint8_t frame[SINEW_FRAME_MAX] = {SINEW_ARM};
  const uint8_t sequence = take(script);
  sinew_put_u16(frame + 1, sequence);
  frame[SINEW_ARM_TRIAL] = sequence >> 7;
  sinew_put_u32(frame + SINEW_ARM_PROTOCOL_HASH, SINEW_PROTOCOL_HASH);
  sinew_put_u32(frame + SINEW_ARM_CONTRACT_HASH, session.contract_hash);
  sinew_put_u32(frame + SINEW_ARM_EXPIRES_US, sinew_session_now(&session) + take(script) * 5000u);
  send(frame, SINEW_ARM_SIZE);
}

/* Newer by a little, expiring soon, with values that are within, beyond or not finite. */
static void send_command(struct script *script) {
  uint8_t frame[SINEW_FRAME_MAX] = {SINEW_COMMAND};
  sinew_put_u16(frame + 1, (uint16_t)(session.acknowledged + take(script) % 4u));
  const uint32_t ahead_us = take(script) * 5000u;
  sinew_put_u32(frame + SINEW_COMMAND_EXPIRES_US, sinew_session_now(&session) + ahead_us);
  frame[SINEW_COMMAND_COUNT] = ACTIONS;
  const uint8_t kinds = take(script);
  for (uint32_t at = 0; at < ACTIONS; at++) {
    const struct sinew_channel *channel = &channels[2 + at];
    const float share = (float)take(script) / 255.0f;
    uint8_t *value = frame + SINEW_COMMAND_ACTION + 4 * at;
    sinew_put_f32(value, channel->low + (channel->high - channel->low) * share);
    if ((kinds >> at & 1u) != 0) sinew_put_u32(value, take_word(script));
  }
  send(frame, SINEW_COMMAND_SIZE + 4u * ACTIONS);
}

static void send_short(struct script *script) {
  const uint8_t types[] = {SINEW_RESET, SINEW_HELLO, SINEW_STEP, SINEW_LOCKSTEP, SINEW_STOP};
  const uint8_t sizes[] = {SINEW_RESET_SIZE, SINEW_HELLO_SIZE, SINEW_STEP_SIZE,
                           SINEW_LOCKSTEP_SIZE, SINEW_STOP_SIZE};
  const uint32_t which = take(script) % sizeof types;
  uint8_t frame[SINEW_FRAME_MAX] = {types[which]};
  frame[3] = take(script);
  send(frame, sizes[which]);
}

/* Every turn on time. */
static void pass_time(struct script *script) {
  const uint32_t end_us = clock_us + take(script) * 1000u + take(script);
  while (!session.lockstep && sinew_reached(end_us, session.tick_due_us)) {
    clock_us = session.tick_due_us;
    run();
  }
  clock_us = end_us;
  run();
}

/* No turn for up to 26 minutes; then perhaps a command, before the first. */
static void stall(struct script *script) {
  clock_us += take_word(script) % 0x60000000u;
  if (take(script) % 2u != 0) send_command(script);
  run();
}

static void set_world(struct script *script) {
  const uint8_t flags = take(script);
  line_free = (flags & 1u) == 0;
  sound = (flags & 2u) == 0;
  line_open = (flags & 4u) != 0;
  const uint32_t bits = take_word(script);
  memcpy(&place, &bits, sizeof place);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct script script = {data, size};
  const uint8_t world = take(&script);
  clock_us = (world & 1u) != 0 ? 0u - 100000u : 0u;
  target.simulated = (world & 2u) != 0;
  line_free = sound = true;
  line_open = false;
  place = 1.0f;
  commanded = was_reset = false;
  mode_before = SINEW_DEVICE_MODE_DISARMED;
  memset(applied_before, 0, sizeof applied_before);
  MUST(sinew_session_start(&session, &hal, &target, 1));
  run();
  /* Until the line has been seen closed nothing is armed. */
  clock_us += SINEW_STOP_LINE_US;
  run();
  while (script.left > 0) {
    const uint8_t verb = take(&script) % 8u;
    uint8_t byte;
    if (verb == 0) byte = take(&script), receive(&byte, 1);
    if (verb == 1) send_any_frame(&script);
    if (verb == 2) send_arm(&script);
    if (verb == 3) send_command(&script);
    if (verb == 4) send_short(&script);
    if (verb == 5) pass_time(&script);
    if (verb == 6) stall(&script);
    if (verb == 7) set_world(&script);
  }
  return 0;
}
