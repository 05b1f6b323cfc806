#include "device.h"

#include <string.h>

#include "check.h"
#include "messages.h"

#define TYPES 256u

struct sinew_session device;
uint32_t device_now_us;
bool device_line_free;
bool device_stop_open;
bool rig_sound;
float rig_applied[2];
float rig_history[64];

static struct sinew_decoder decoder;
static uint8_t replies[TYPES][SINEW_FRAME_MAX];
static uint32_t counts[TYPES];
static uint16_t sequence_expected;

static uint32_t now_us(void) { return device_now_us; }

static bool tx(const uint8_t *bytes, size_t length) {
  if (!device_line_free) {
    sequence_expected++;
    return false;
  }
  CHECK(length <= SINEW_WIRE_MAX);
  for (size_t at = 0; at < length; at++) {
    const enum sinew_push push = sinew_decoder_push(&decoder, bytes[at]);
    CHECK(push == (at + 1 < length ? SINEW_PUSH_MORE : SINEW_PUSH_GOOD));
  }
  CHECK(sinew_get_u16(decoder.bytes + 1) == sequence_expected);
  sequence_expected++;
  memcpy(replies[decoder.bytes[0]], decoder.bytes, decoder.length);
  counts[decoder.bytes[0]]++;
  return true;
}

static bool stop_open(void) { return device_stop_open; }

static const struct sinew_hal hal = {.now_us = now_us, .tx = tx, .name = "bench"};
static const struct sinew_hal line_hal = {
    .now_us = now_us, .tx = tx, .name = "bench", .stop_open = stop_open};

static const struct sinew_channel rig_channels[] = {
    {.name = "load", .unit = "N", .low = -5.0f, .high = 5.0f},
    {.name = "left", .unit = "N*m", .low = -1.0f, .high = 3.0f},
    {.name = "right", .unit = "N*m", .low = 0.0f, .high = 1.0f}};

static uint32_t rig_turns;

static void rig_start(void) {
  rig_sound = true;
  rig_turns = 0;
}

static bool rig_tick(const float *applied, const bool *driven) {
  (void)driven;
  memcpy(rig_applied, applied, sizeof rig_applied);
  rig_history[rig_turns++ % 64] = applied[0];
  return rig_sound;
}

static void rig_observe(float *observation) { observation[0] = 0.25f; }

const struct sinew_target rig = {.name = "rig",
                                 .period_us = 10000,
                                 .channels = rig_channels,
                                 .observation_count = 1,
                                 .action_count = 2,
                                 .start = rig_start,
                                 .tick = rig_tick,
                                 .observe = rig_observe};

static void start(const struct sinew_hal *with, const struct sinew_target *target,
                  uint32_t at_us) {
  device_now_us = at_us;
  device_line_free = true;
  sequence_expected = 0;
  memset(&decoder, 0, sizeof decoder);
  device_forget();
  device_stop_open = false;
  CHECK(sinew_session_start(&device, with, target, 0x1234abcdu));
}

void device_start(const struct sinew_target *target, uint32_t at_us) {
  start(&hal, target, at_us);
}

void device_start_on_line(const struct sinew_target *target, uint32_t at_us) {
  start(&line_hal, target, at_us);
}

void device_run(uint32_t us) {
  const uint32_t end_us = device_now_us + us;
  while (sinew_reached(end_us, device.tick_due_us)) {
    device_now_us = device.tick_due_us;
    CHECK(sinew_session_run(&device) == device_now_us + SINEW_TICK_US);
  }
  device_now_us = end_us;
  (void)sinew_session_run(&device);
}

void device_stall(uint32_t us) { device_now_us += us; }

void device_send(uint8_t type, uint16_t sequence, const uint8_t *payload, uint32_t length) {
  uint8_t frame[SINEW_FRAME_MAX];
  uint8_t wire[SINEW_WIRE_MAX];
  frame[0] = type;
  sinew_put_u16(frame + 1, sequence);
  if (length > 0) memcpy(frame + 3, payload, length);
  const size_t size = sinew_frame_encode(frame, length + 3, wire);
  device_forget();
  for (size_t at = 0; at < size; at++) sinew_session_receive(&device, wire[at]);
}

const uint8_t *device_reply(uint8_t type) { return counts[type] > 0 ? replies[type] : NULL; }

uint32_t device_replies(uint8_t type) { return counts[type]; }

void device_forget(void) { memset(counts, 0, sizeof counts); }

static uint8_t result_of(uint8_t request, uint16_t sequence) {
  const uint8_t *answer = device_reply(SINEW_ANSWER);
  CHECK(device_replies(SINEW_ANSWER) == 1);
  if (answer == NULL) return 255;
  CHECK(answer[SINEW_ANSWER_REQUEST] == request);
  CHECK(sinew_get_u16(answer + SINEW_ANSWER_SEQUENCE) == sequence);
  return answer[SINEW_ANSWER_RESULT];
}

static uint8_t arm(uint16_t sequence, uint32_t ahead_us, bool trial) {
  uint8_t payload[13];
  sinew_put_u32(payload, SINEW_PROTOCOL_HASH);
  sinew_put_u32(payload + 4, device.contract_hash);
  sinew_put_u32(payload + 8, sinew_session_now(&device) + ahead_us);
  payload[12] = trial;
  device_send(SINEW_ARM, sequence, payload, sizeof payload);
  return result_of(SINEW_ARM, sequence);
}

uint8_t device_arm(uint16_t sequence, uint32_t ahead_us) { return arm(sequence, ahead_us, false); }

uint8_t device_try(uint16_t sequence, uint32_t ahead_us) { return arm(sequence, ahead_us, true); }

bool device_command(uint16_t sequence, uint32_t ahead_us, const float *values, uint8_t count) {
  uint8_t payload[SINEW_FRAME_MAX];
  sinew_put_u32(payload, sinew_session_now(&device) + ahead_us);
  payload[4] = count;
  memcpy(payload + 5, values, 4u * count);
  const uint32_t before = device.stats.commands;
  device_send(SINEW_COMMAND, sequence, payload, 5u + 4u * count);
  const bool accepted = device.stats.commands == before + 1;
  CHECK(device_replies(SINEW_STATE) == (accepted ? 1u : 0u));
  return accepted;
}

uint8_t device_stop(uint8_t reason) {
  device_send(SINEW_STOP, 900, &reason, 1);
  return result_of(SINEW_STOP, 900);
}

uint8_t device_reset(void) {
  device_send(SINEW_RESET, 901, NULL, 0);
  return result_of(SINEW_RESET, 901);
}

uint8_t device_configure(uint32_t state_period_us) {
  uint8_t payload[4];
  sinew_put_u32(payload, state_period_us);
  device_send(SINEW_CONFIGURE, 902, payload, sizeof payload);
  return result_of(SINEW_CONFIGURE, 902);
}

float float_at(const uint8_t *at) { return float_of(sinew_get_u32(at)); }

float float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

uint8_t device_lockstep(bool on) {
  const uint8_t payload = on;
  device_send(SINEW_LOCKSTEP, 903, &payload, 1);
  return result_of(SINEW_LOCKSTEP, 903);
}

bool device_step(uint16_t ticks) {
  uint8_t payload[2];
  sinew_put_u16(payload, ticks);
  device_send(SINEW_STEP, 904, payload, sizeof payload);
  return device_replies(SINEW_STATE) == 1 && device_replies(SINEW_ANSWER) == 0;
}
