#include <string.h>

#include "check.h"
#include "device.h"
#include "dictionary.h"
#include "messages.h"
#include "pendulum.h"

static void only_a_simulation_can_be_held(void) {
  device_start(&rig, 0);
  CHECK(device_lockstep(true) == SINEW_RESULT_NOT_SIMULATED);
  CHECK(!device.lockstep);
  CHECK(!device_step(1));
  CHECK(device_reply(SINEW_ANSWER)[SINEW_ANSWER_RESULT] == SINEW_RESULT_NOT_LOCKSTEP);
}

static void it_begins_at_rest_only(void) {
  const float value = 1.0f;
  device_start(&sinew_pendulum, 0);
  device_arm(1, 100000);
  CHECK(device_lockstep(true) == SINEW_RESULT_MUST_RESET);
  CHECK(device_command(2, 50000, &value, 1));
  device_run(500000);
  CHECK(device_lockstep(true) == SINEW_RESULT_MUST_RESET);
  CHECK(device_reset() == SINEW_RESULT_ACCEPTED);
  CHECK(device_lockstep(true) == SINEW_RESULT_ACCEPTED);
}

static void time_moves_by_steps_alone(void) {
  device_start(&sinew_pendulum, 777777);
  CHECK(device_lockstep(true) == SINEW_RESULT_ACCEPTED);
  const uint32_t ticks = device.stats.ticks;
  device_forget();
  for (int call = 0; call < 100; call++) {
    device_stall(12345);
    CHECK(sinew_session_run(&device) == device_now_us + SINEW_TICK_US);
  }
  CHECK(device.stats.ticks == ticks && device_replies(SINEW_STATE) == 0);
  CHECK(device_step(50));
  CHECK(device.stats.ticks == ticks + 50);
  const uint8_t *state = device_reply(SINEW_STATE);
  CHECK(sinew_get_u32(state + SINEW_STATE_SAMPLE_US) == 50000);
  CHECK(sinew_get_u32(state + SINEW_STATE_TX_US) == 50000);
  CHECK(!device_step(0) && !device_step(SINEW_STEP_TICKS_MAX + 1));
  CHECK(device.stats.ticks == ticks + 50);
}

static void the_watchdog_goes_by_the_same_clock(void) {
  const float value = 2.0f;
  device_start(&sinew_pendulum, 0);
  device_lockstep(true);
  CHECK(device_arm(1, 100000) == SINEW_RESULT_ACCEPTED);
  CHECK(device_command(2, 20000, &value, 1));
  device_stall(5000000);
  (void)sinew_session_run(&device);
  CHECK(device_step(19));
  CHECK(device_reply(SINEW_STATE)[SINEW_STATE_MODE] == SINEW_DEVICE_MODE_ARMED);
  CHECK(device_step(1));
  CHECK(device_reply(SINEW_STATE)[SINEW_STATE_MODE] == SINEW_DEVICE_MODE_STOPPING);
  CHECK(device_step(100));
  CHECK(device_reply(SINEW_STATE)[SINEW_STATE_MODE] == SINEW_DEVICE_MODE_STOPPED);
  CHECK(device_reply(SINEW_STATE)[SINEW_STATE_REASON] == SINEW_DEVICE_REASON_EXPIRED);
}

static void leaving_starts_anew(void) {
  const float value = 2.0f;
  device_start(&sinew_pendulum, 100);
  device_lockstep(true);
  device_arm(1, 100000);
  CHECK(device_command(2, 20000, &value, 1));
  device_step(200);
  CHECK(device_reset() == SINEW_RESULT_ACCEPTED);
  CHECK(device_lockstep(false) == SINEW_RESULT_ACCEPTED);
  device_run(10000);
  const uint8_t *state = device_reply(SINEW_STATE);
  CHECK(float_at(state + SINEW_STATE_OBSERVATION) == -1.0f);
  CHECK(sinew_get_u32(state + SINEW_STATE_TX_US) == device_now_us);
  CHECK(!device_step(1));
}

static void the_dictionary_comes_in_parts(void) {
  char text[SINEW_DICTIONARY_BYTES + 1] = {0};
  uint32_t at = 0;
  device_start(&sinew_pendulum, 0);
  for (int parts = 0; parts < 100 && at < SINEW_DICTIONARY_BYTES; parts++) {
    uint8_t payload[2];
    sinew_put_u16(payload, (uint16_t)at);
    device_send(SINEW_ASK_DICTIONARY, 1, payload, 2);
    const uint8_t *part = device_reply(SINEW_DICTIONARY);
    CHECK(sinew_get_u16(part + SINEW_DICTIONARY_OFFSET) == at);
    CHECK(sinew_get_u16(part + SINEW_DICTIONARY_TOTAL) == SINEW_DICTIONARY_BYTES);
    memcpy(text + at, part + SINEW_DICTIONARY_TEXT, part[SINEW_DICTIONARY_COUNT]);
    at += part[SINEW_DICTIONARY_COUNT];
  }
  CHECK(at == SINEW_DICTIONARY_BYTES && strcmp(text, sinew_dictionary) == 0);
  CHECK(sinew_crc32c(text, at, 0) == SINEW_PROTOCOL_HASH);
  const uint16_t beyond[] = {SINEW_DICTIONARY_BYTES, SINEW_DICTIONARY_BYTES + 1, 0xffff};
  for (int i = 0; i < 3; i++) {
    uint8_t payload[2];
    sinew_put_u16(payload, beyond[i]);
    device_send(SINEW_ASK_DICTIONARY, 1, payload, 2);
    CHECK(device_reply(SINEW_DICTIONARY)[SINEW_DICTIONARY_COUNT] == 0);
  }
}

const struct test lockstep_tests[] = {
    {"only a simulated target can be held", only_a_simulation_can_be_held},
    {"lockstep begins at rest", it_begins_at_rest_only},
    {"in lockstep time moves by STEP alone", time_moves_by_steps_alone},
    {"in lockstep the watchdog goes by the same clock", the_watchdog_goes_by_the_same_clock},
    {"leaving lockstep starts anew", leaving_starts_anew},
    {"the dictionary comes in parts and has the protocol's hash", the_dictionary_comes_in_parts},
    {0, 0},
};
