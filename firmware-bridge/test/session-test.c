#include "session.h"

#include <string.h>

#include "check.h"
#include "device.h"
#include "messages.h"
#include "pendulum.h"
#include "vectors.h"

/* Clocks that run over, and over half, within a test. */
const uint32_t starts_us[] = {0, 0x80000000u - 30000u, 0u - 30000u, 0u - 500u};
const size_t starts = sizeof starts_us / sizeof starts_us[0];

static void contract_hash_is_the_hosts(void) {
  CHECK(sinew_contract_hash(&sinew_pendulum) == CONTRACT_HASH);
  CHECK(sinew_contract_hash(&rig) != CONTRACT_HASH);
}

static void hello_is_answered(void) {
  uint8_t hash[4] = {1, 2, 3, 4};
  device_start(&sinew_pendulum, 0);
  device_send(SINEW_HELLO, 7, hash, 4);
  const uint8_t *info = device_reply(SINEW_INFO);
  CHECK(info != NULL);
  if (info == NULL) return;
  CHECK(sinew_get_u32(info + SINEW_INFO_PROTOCOL_HASH) == SINEW_PROTOCOL_HASH);
  CHECK(sinew_get_u32(info + SINEW_INFO_CONTRACT_HASH) == CONTRACT_HASH);
  CHECK(sinew_get_u32(info + SINEW_INFO_BOOT_ID) == 0x1234abcdu);
  CHECK(sinew_get_u32(info + SINEW_INFO_PERIOD_US) == 50000);
  CHECK(sinew_get_u16(info + SINEW_INFO_TICK_HZ) == 1000);
  CHECK(sinew_get_u16(info + SINEW_INFO_FRAME_MAX) == SINEW_FRAME_MAX);
  CHECK(info[SINEW_INFO_OBSERVATION_COUNT] == 3 && info[SINEW_INFO_ACTION_COUNT] == 1);
  CHECK(strcmp((const char *)info + SINEW_INFO_NAME, "bench-pendulum") == 0);
}

static void channels_are_told(void) {
  device_start(&sinew_pendulum, 0);
  const uint8_t velocity[2] = {SINEW_DIRECTION_OBSERVATION, 2};
  device_send(SINEW_QUERY, 8, velocity, 2);
  const uint8_t *channel = device_reply(SINEW_CHANNEL);
  CHECK(channel != NULL);
  if (channel == NULL) return;
  CHECK(channel[SINEW_CHANNEL_DIRECTION] == 0 && channel[SINEW_CHANNEL_INDEX] == 2);
  CHECK(strcmp((const char *)channel + SINEW_CHANNEL_NAME, "pole_velocity") == 0);
  CHECK(strcmp((const char *)channel + SINEW_CHANNEL_UNIT, "rad/s") == 0);
  CHECK(float_at(channel + SINEW_CHANNEL_LOW) == -8.0f);
  CHECK(float_at(channel + SINEW_CHANNEL_HIGH) == 8.0f);
  const uint8_t torque[2] = {SINEW_DIRECTION_ACTION, 0};
  device_send(SINEW_QUERY, 9, torque, 2);
  channel = device_reply(SINEW_CHANNEL);
  CHECK(strcmp((const char *)channel + SINEW_CHANNEL_NAME, "pole_torque") == 0);
  const uint8_t none[][2] = {{0, 3}, {0, 255}, {1, 1}, {2, 0}, {255, 0}};
  for (size_t at = 0; at < 5; at++) {
    device_send(SINEW_QUERY, 10, none[at], 2);
    CHECK(device_replies(SINEW_CHANNEL) == 0);
  }
}

static void sync_is_stamped(void) {
  device_start(&sinew_pendulum, 0xfffffff0u);
  uint8_t token[4] = {0x78, 0x56, 0x34, 0x12};
  device_now_us += 0x20;
  device_send(SINEW_SYNC, 11, token, 4);
  const uint8_t *synced = device_reply(SINEW_SYNCED);
  CHECK(synced != NULL);
  if (synced == NULL) return;
  CHECK(sinew_get_u32(synced + SINEW_SYNCED_TOKEN) == 0x12345678u);
  CHECK(sinew_get_u32(synced + SINEW_SYNCED_BOOT_ID) == 0x1234abcdu);
  CHECK(sinew_get_u32(synced + SINEW_SYNCED_RX_US) == 0x10);
  CHECK(sinew_get_u32(synced + SINEW_SYNCED_TX_US) == 0x10);
}

static void state_streams(void) {
  for (size_t at = 0; at < starts; at++) {
    device_start(&sinew_pendulum, starts_us[at]);
    device_run(100000);
    CHECK(device_replies(SINEW_STATE) == 20);
    const uint8_t *state = device_reply(SINEW_STATE);
    CHECK(sinew_get_u32(state + SINEW_STATE_SAMPLE_US) == device_now_us);
    CHECK(sinew_get_u32(state + SINEW_STATE_TX_US) == device_now_us);
    CHECK(sinew_get_u16(state + SINEW_STATE_BOOT) == 0xabcd);
    CHECK(state[SINEW_STATE_MODE] == SINEW_DEVICE_MODE_DISARMED);
    CHECK(state[SINEW_STATE_OBSERVATION_COUNT] == 3 && state[SINEW_STATE_ACTION_COUNT] == 1);
    CHECK(float_at(state + SINEW_STATE_OBSERVATION) == -1.0f);
    CHECK(sinew_get_u32(state + SINEW_STATE_OBSERVATION + 12) == 0);
    device_stall(33000);
    device_forget();
    (void)sinew_session_run(&device);
    CHECK(device_replies(SINEW_STATE) == 1);
    device_run(100000);
    CHECK(device_replies(SINEW_STATE) == 21);
  }
}

static void stream_is_configured(void) {
  device_start(&sinew_pendulum, 0);
  CHECK(device_configure(1000) == SINEW_RESULT_ACCEPTED);
  device_run(50000);
  CHECK(device_replies(SINEW_STATE) == 50);
  const uint32_t wrong_us[] = {1, 999, 1000001, 0xffffffffu};
  for (size_t at = 0; at < 4; at++) {
    CHECK(device_configure(wrong_us[at]) == SINEW_RESULT_OUT_OF_RANGE);
  }
  device_run(50000);
  CHECK(device_replies(SINEW_STATE) == 50);
  CHECK(device_configure(0) == SINEW_RESULT_ACCEPTED);
  device_run(2000000);
  CHECK(device_replies(SINEW_STATE) == 0);
  const float value = 1.0f;
  CHECK(device_arm(1, 1000) == SINEW_RESULT_ACCEPTED);
  CHECK(device_command(2, 1000, &value, 1));
  CHECK(device_configure(1000000) == SINEW_RESULT_ACCEPTED);
  device_run(2500000);
  CHECK(device_replies(SINEW_STATE) == 2);
}

static void turns_are_made_up_for(void) {
  for (size_t at = 0; at < starts; at++) {
    device_start(&sinew_pendulum, starts_us[at]);
    device_run(10500);
    CHECK(device.stats.ticks == 10 && device.stats.ticks_lost == 0);
    device_stall(50000);
    (void)sinew_session_run(&device);
    CHECK(device.stats.ticks == 60 && device.stats.ticks_lost == 0);
    device_stall(80000);
    (void)sinew_session_run(&device);
    CHECK(device.stats.ticks == 110 && device.stats.ticks_lost == 30);
    CHECK(device.tick_due_us - device_now_us == 500);
    device_stall(0x7f000000u);
    (void)sinew_session_run(&device);
    CHECK(device.stats.ticks == 160);
    CHECK(device.tick_due_us - device_now_us <= 1000);
  }
}

static void arm_is_judged(void) {
  uint8_t payload[13] = {0};
  for (size_t at = 0; at < starts; at++) {
    device_start(&sinew_pendulum, starts_us[at]);
    sinew_put_u32(payload + 8, device_now_us + 100000);
    sinew_put_u32(payload, SINEW_PROTOCOL_HASH ^ 1u);
    sinew_put_u32(payload + 4, device.contract_hash);
    device_send(SINEW_ARM, 1, payload, sizeof payload);
    CHECK(device_reply(SINEW_ANSWER)[SINEW_ANSWER_RESULT] == SINEW_RESULT_WRONG_PROTOCOL);
    sinew_put_u32(payload, SINEW_PROTOCOL_HASH);
    sinew_put_u32(payload + 4, device.contract_hash ^ 0x80000000u);
    device_send(SINEW_ARM, 2, payload, sizeof payload);
    CHECK(device_reply(SINEW_ANSWER)[SINEW_ANSWER_RESULT] == SINEW_RESULT_WRONG_CONTRACT);
    CHECK(device_arm(3, 0) == SINEW_RESULT_EXPIRED);
    CHECK(device_arm(3, 0xffffffffu) == SINEW_RESULT_EXPIRED);
    CHECK(device_arm(3, 0x80000000u) == SINEW_RESULT_EXPIRED);
    CHECK(device_arm(3, 1000001) == SINEW_RESULT_TOO_FAR_AHEAD);
    CHECK(device_arm(3, 0x7fffffffu) == SINEW_RESULT_TOO_FAR_AHEAD);
    CHECK(device.stats.arms_refused == 7);
    CHECK(device.stop.mode == SINEW_DEVICE_MODE_DISARMED);
    CHECK(device_arm(3, 1000000) == SINEW_RESULT_ACCEPTED);
    CHECK(device.stop.mode == SINEW_DEVICE_MODE_ARMED && device.drive.applied[0] == 0.0f);
  }
}

static void arm_may_be_repeated_until_a_command(void) {
  const float value = 1.0f;
  device_start(&sinew_pendulum, 0);
  CHECK(device_arm(5, 100000) == SINEW_RESULT_ACCEPTED);
  CHECK(device_arm(9, 200000) == SINEW_RESULT_ACCEPTED);
  CHECK(!device_command(9, 100000, &value, 1));
  CHECK(device.stop.expires_us == 200000);
  CHECK(device_command(10, 100000, &value, 1));
  CHECK(device_arm(11, 100000) == SINEW_RESULT_MUST_RESET);
  CHECK(device.drive.applied[0] == 1.0f && device.acknowledged == 10);
  device_stop(SINEW_DEVICE_REASON_HOST);
  CHECK(device_arm(12, 100000) == SINEW_RESULT_MUST_RESET);
  device_run(150000);
  CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPED);
  CHECK(device_arm(13, 100000) == SINEW_RESULT_MUST_RESET);
}

static void other_frames_are_counted(void) {
  const uint8_t bytes[8] = {0};
  device_start(&sinew_pendulum, 0);
  for (unsigned type = 0; type < 256; type++) {
    if (type >= SINEW_HELLO && type <= SINEW_STEP) continue;
    device_send((uint8_t)type, 1, bytes, 4);
  }
  CHECK(device.stats.unknown_type == 244 && device.stats.frames == 244);
  const uint8_t types[] = {SINEW_HELLO, SINEW_QUERY, SINEW_SYNC,    SINEW_CONFIGURE, SINEW_ARM,
                           SINEW_STOP,  SINEW_RESET, SINEW_COMMAND, SINEW_ASK_STATS,
                           SINEW_ASK_DICTIONARY, SINEW_LOCKSTEP, SINEW_STEP};
  for (size_t at = 0; at < sizeof types; at++) {
    device_send(types[at], 1, bytes, 3);
    CHECK(device.stats.bad_length == at + 1);
    CHECK(device_replies(SINEW_ANSWER) + device_replies(SINEW_INFO) == 0);
  }
  sinew_session_receive(&device, 5);
  sinew_session_receive(&device, 0);
  CHECK(device.stats.bad_frame == 1);
  const uint8_t bad_crc[] = {9, 1, 1, 1, 1, 1, 1, 1, 1, 0};
  for (size_t at = 0; at < sizeof bad_crc; at++) sinew_session_receive(&device, bad_crc[at]);
  CHECK(device.stats.bad_crc == 1);
}

static void stats_are_told_in_order(void) {
  device_start(&sinew_pendulum, 0);
  uint32_t *counters = &device.stats.frames;
  const uint32_t own = sizeof device.stats / 4;
  for (uint32_t at = 0; at < own; at++) counters[at] = 1000 + at;
  device.stop.trips = 77;
  device_send(SINEW_ASK_STATS, 1, NULL, 0);
  const uint8_t *stats = device_reply(SINEW_STATS);
  CHECK(sinew_get_u32(stats + SINEW_STATS_FRAMES) == 1001);
  CHECK(sinew_get_u32(stats + SINEW_STATS_BAD_FRAME) == 1001);
  CHECK(sinew_get_u32(stats + SINEW_STATS_BAD_CRC) == 1002);
  CHECK(sinew_get_u32(stats + SINEW_STATS_RX_OVERFLOW) == 1005);
  CHECK(sinew_get_u32(stats + SINEW_STATS_COMMANDS) == 1006);
  CHECK(sinew_get_u32(stats + SINEW_STATS_OUT_OF_RANGE) == 1013);
  CHECK(sinew_get_u32(stats + SINEW_STATS_ARMS_REFUSED) == 1014);
  CHECK(sinew_get_u32(stats + SINEW_STATS_TRIPS) == 77);
  CHECK(sinew_get_u32(stats + SINEW_STATS_TICKS) == 1015);
  CHECK(sinew_get_u32(stats + SINEW_STATS_TICKS_LOST) == 1016);
}

static void a_full_line_loses_frames_whole(void) {
  device_start(&sinew_pendulum, 0);
  device_line_free = false;
  device_run(50000);
  CHECK(device_replies(SINEW_STATE) == 0);
  device_line_free = true;
  device_run(5000);
  CHECK(device_replies(SINEW_STATE) == 1);
}

static void a_target_too_wide_is_refused(void) {
  struct sinew_target wide = rig;
  wide.observation_count = SINEW_VALUES_MAX;
  wide.action_count = 1;
  static struct sinew_session session;
  CHECK(!sinew_session_start(&session, device.hal, &wide, 1));
}

static void garbage_moves_nothing(void) {
  const float value = 1.5f;
  device_start(&sinew_pendulum, 0);
  device_arm(1, 1000000);
  CHECK(device_command(2, 1000000, &value, 1));
  for (uint32_t at = 0; at < 300000; at++) {
    const unsigned word = random_word();
    sinew_session_receive(&device, word % 30 == 0 ? 0 : (uint8_t)(word >> 8));
  }
  CHECK(device.stats.frames == 2 && device.drive.applied[0] == 1.5f);
  /* Ends what the garbage began. */
  sinew_session_receive(&device, 0);
  CHECK(device_command(3, 1000000, &value, 1));
}

/* Whole frames with right CRCs and wild contents, the clock moving wildly: limits hold. */
static void wild_frames_break_no_limit(void) {
  device_start(&rig, 0u - 100000u);
  uint32_t accepted = 0;
  for (uint32_t round = 0; round < 200000; round++) {
    uint8_t payload[24];
    for (size_t at = 0; at < sizeof payload; at += 4) sinew_put_u32(payload + at, random_word());
    const uint32_t ahead_us = random_word() % 1200000 - 100000;
    const float values[2] = {(float)(random_word() % 1000) / 200.0f - 1.5f,
                             (float)(random_word() % 1000) / 800.0f - 0.1f};
    switch (random_word() % 6) {
      case 0: device_send((uint8_t)(random_word() % 12), 1, payload, random_word() % 24); break;
      case 1: device_reset(); break;
      case 2: device_arm((uint16_t)round, ahead_us); break;
      case 3: if (random_word() % 4 == 0) device_stop((uint8_t)random_word()); break;
      default: accepted += device_command((uint16_t)round, ahead_us, values, 2); break;
    }
    if (random_word() % 3 == 0) device_run(random_word() % 30000);
    if (random_word() % 50 == 0) device_stall(random_word() % 300000);
    CHECK(device.drive.applied[0] >= -1.0f && device.drive.applied[0] <= 3.0f);
    CHECK(device.drive.applied[1] >= 0.0f && device.drive.applied[1] <= 1.0f);
    CHECK(device.stop.mode <= SINEW_DEVICE_MODE_STOPPED);
    const bool moving = device.stop.mode == SINEW_DEVICE_MODE_ARMED ||
                        device.stop.mode == SINEW_DEVICE_MODE_STOPPING;
    CHECK(moving || (device.drive.applied[0] == 0.0f && device.drive.applied[1] == 0.0f));
  }
  CHECK(accepted > 1000);
}

const struct test session_tests[] = {
    {"the contract hash is the host's", contract_hash_is_the_hosts},
    {"HELLO is answered by INFO", hello_is_answered},
    {"QUERY is answered by each CHANNEL, and by none that is not there", channels_are_told},
    {"SYNC is stamped, over the clock's end", sync_is_stamped},
    {"STATE streams each 5 ms and never in a burst", state_streams},
    {"CONFIGURE sets the stream", stream_is_configured},
    {"turns are made up for, 50 at most", turns_are_made_up_for},
    {"ARM is refused for each wrong hash and expiry", arm_is_judged},
    {"ARM may be repeated until the first command", arm_may_be_repeated_until_a_command},
    {"unknown, ill-sized and broken frames are counted", other_frames_are_counted},
    {"STATS tells each counter", stats_are_told_in_order},
    {"a full line loses frames whole", a_full_line_loses_frames_whole},
    {"a target too wide for STATE does not start", a_target_too_wide_is_refused},
    {"garbage while armed moves nothing", garbage_moves_nothing},
    {"200,000 wild frames break no limit", wild_frames_break_no_limit},
    {0, 0},
};
