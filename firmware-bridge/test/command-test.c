#include <string.h>

#include "check.h"
#include "device.h"
#include "messages.h"
#include "pendulum.h"

static const uint32_t from_us[] = {0, 0x80000000u - 40000u, 0u - 40000u};

/* One COMMAND whose only effect must be that `counter` rises by one. */
static void refused(uint32_t *counter, uint16_t sequence, uint32_t ahead_us, const float *values,
                    uint8_t count) {
  const struct sinew_session before = device;
  const uint32_t counted = *counter;
  CHECK(!device_command(sequence, ahead_us, values, count));
  CHECK(*counter == counted + 1);
  *counter = counted;
  CHECK(device.stats.frames == before.stats.frames + 1);
  device.stats.frames--;
  CHECK(memcmp(&device.stats, &before.stats, sizeof before.stats) == 0);
  CHECK(memcmp(device.drive.applied, before.drive.applied, sizeof before.drive.applied) == 0);
  CHECK(device.stop.expires_us == before.stop.expires_us);
  CHECK(device.acknowledged == before.acknowledged);
}

static void armed(uint32_t at_us) {
  device_start(&sinew_pendulum, at_us);
  device_run(3000);
  CHECK(device_arm(100, 500000) == SINEW_RESULT_ACCEPTED);
}

static void good_is_applied(void) {
  const float value = -1.25f;
  for (int at = 0; at < 3; at++) {
    armed(from_us[at]);
    CHECK(device_command(101, 60000, &value, 1));
    const uint8_t *state = device_reply(SINEW_STATE);
    CHECK(sinew_get_u16(state + SINEW_STATE_ACKNOWLEDGED) == 101);
    CHECK(state[SINEW_STATE_MODE] == SINEW_DEVICE_MODE_ARMED);
    CHECK(float_at(state + SINEW_STATE_OBSERVATION + 12) == -1.25f);
    device_run(59999);
    CHECK(device.stop.mode == SINEW_DEVICE_MODE_ARMED && device.drive.applied[0] == -1.25f);
  }
}

static void size_is_judged(void) {
  const float values[3] = {0};
  uint8_t payload[64] = {0};
  armed(0);
  refused(&device.stats.wrong_count, 101, 1000, values, 0);
  refused(&device.stats.wrong_count, 101, 1000, values, 2);
  refused(&device.stats.wrong_count, 101, 1000, values, 3);
  payload[4] = 1;
  sinew_put_u32(payload, 1000);
  for (uint32_t length = 0; length < 64; length++) {
    const uint32_t before = device.stats.bad_length;
    if (length == 9) continue;
    device_send(SINEW_COMMAND, 101, payload, length);
    CHECK(device.stats.bad_length == before + 1);
  }
  CHECK(device.stats.commands == 0);
}

static void mode_is_judged(void) {
  const float value = 1.0f;
  device_start(&sinew_pendulum, 0);
  refused(&device.stats.not_armed, 1, 1000, &value, 1);
  device_arm(5, 100000);
  device_stop(SINEW_DEVICE_REASON_HOST);
  refused(&device.stats.not_armed, 6, 1000, &value, 1);
  device_run(200000);
  CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPED);
  refused(&device.stats.not_armed, 7, 1000, &value, 1);
  device_reset();
  refused(&device.stats.not_armed, 8, 1000, &value, 1);
}

static void order_is_judged(void) {
  const float value = 1.0f;
  armed(0);
  refused(&device.stats.old_sequence, 100, 1000, &value, 1);
  refused(&device.stats.old_sequence, 99, 1000, &value, 1);
  refused(&device.stats.old_sequence, 100 + 0x8000, 1000, &value, 1);
  CHECK(device_command(101, 1000, &value, 1));
  refused(&device.stats.old_sequence, 101, 1000, &value, 1);
  CHECK(device_command(101 + 0x7fff, 1000, &value, 1));
  refused(&device.stats.old_sequence, 102, 1000, &value, 1);
  CHECK(device_command(0xffff, 1000, &value, 1));
  CHECK(device_command(3, 1000, &value, 1));
  refused(&device.stats.old_sequence, 0xffff, 1000, &value, 1);
}

static void expiry_is_judged(void) {
  const float value = 1.0f;
  for (int at = 0; at < 3; at++) {
    armed(from_us[at]);
    refused(&device.stats.expired, 101, 0, &value, 1);
    refused(&device.stats.expired, 101, 0xffffffffu, &value, 1);
    refused(&device.stats.expired, 101, 0u - 2000000u, &value, 1);
    refused(&device.stats.expired, 101, 0x80000000u, &value, 1);
    refused(&device.stats.too_far_ahead, 101, 1000001, &value, 1);
    refused(&device.stats.too_far_ahead, 101, 0x7fffffffu, &value, 1);
    CHECK(device_command(101, 1000000, &value, 1));
    CHECK(device_command(102, 1, &value, 1));
  }
}

static void values_are_judged(void) {
  const uint32_t not_finite[] = {0x7f800000u, 0xff800000u, 0x7fc00000u, 0xffc00000u,
                                 0x7f800001u, 0xffffffffu, 0x7fffffffu};
  const uint32_t beyond[] = {0x40000001u, 0xc0000001u, 0x7f7fffffu, 0xff7fffffu, 0x42000000u};
  const uint32_t good[] = {0x40000000u, 0xc0000000u, 0x00000000u, 0x80000000u, 0x00000001u,
                           0x807fffffu, 0x3f800000u};
  armed(0);
  for (int at = 0; at < 7; at++) {
    const float value = float_of(not_finite[at]);
    refused(&device.stats.non_finite, 101, 1000, &value, 1);
  }
  for (int at = 0; at < 5; at++) {
    const float value = float_of(beyond[at]);
    refused(&device.stats.out_of_range, 101, 1000, &value, 1);
  }
  for (int at = 0; at < 7; at++) {
    const float value = float_of(good[at]);
    CHECK(device_command((uint16_t)(101 + at), 1000, &value, 1));
    CHECK(memcmp(&device.drive.applied[0], &good[at], 4) == 0);
  }
}

static void one_bad_value_refuses_the_frame(void) {
  const float good[2] = {2.5f, 0.5f};
  const float low[2] = {2.0f, -0.001f};
  const float nan[2] = {2.0f, float_of(0x7fc00000u)};
  const float both[2] = {9.0f, float_of(0x7fc00000u)};
  const float swapped[2] = {-1.5f, 0.5f};
  device_start(&rig, 0);
  device_arm(1, 100000);
  CHECK(device_command(2, 100000, good, 2));
  refused(&device.stats.out_of_range, 3, 100000, low, 2);
  refused(&device.stats.non_finite, 3, 100000, nan, 2);
  refused(&device.stats.non_finite, 3, 100000, both, 2);
  refused(&device.stats.out_of_range, 3, 100000, swapped, 2);
  device_run(1000);
  CHECK(rig_applied[0] == 2.5f && rig_applied[1] == 0.5f);
}

/* With everything wrong, what is judged first is counted; mended one by one, the next. */
static void refusals_come_in_order(void) {
  const float bad[2] = {float_of(0x7fc00000u), 0};
  const float beyond = 3.0f;
  device_start(&sinew_pendulum, 0);
  refused(&device.stats.wrong_count, 50, 0, bad, 2);
  refused(&device.stats.not_armed, 50, 0, bad, 1);
  device_arm(100, 500000);
  refused(&device.stats.old_sequence, 50, 0, bad, 1);
  refused(&device.stats.expired, 101, 0, bad, 1);
  refused(&device.stats.too_far_ahead, 101, 2000000, bad, 1);
  refused(&device.stats.non_finite, 101, 1000, bad, 1);
  refused(&device.stats.out_of_range, 101, 1000, &beyond, 1);
}

/* Fifty commands that something held for 2 s, then let go in one go. */
static void held_commands_do_nothing(void) {
  const float value = 2.0f;
  for (int at = 0; at < 3; at++) {
    armed(from_us[at]);
    const uint32_t sent_us = device_now_us;
    device_run(2000000);
    CHECK(device.stop.mode == SINEW_DEVICE_MODE_STOPPED);
    device_reset();
    CHECK(device_arm(99, 500000) == SINEW_RESULT_ACCEPTED);
    for (uint16_t held = 0; held < 50; held++) {
      const uint32_t expires_us = sent_us + 100000u + held * 20000u;
      refused(&device.stats.expired, (uint16_t)(101 + held), expires_us - device_now_us, &value, 1);
    }
    CHECK(device.drive.applied[0] == 0.0f);
  }
}

const struct test command_tests[] = {
    {"a good COMMAND is applied and acknowledged until it expires", good_is_applied},
    {"COMMAND of another size or count is refused", size_is_judged},
    {"COMMAND is refused in every mode but armed", mode_is_judged},
    {"COMMAND not newer than the last is refused, modulo 2^16", order_is_judged},
    {"COMMAND expired or over 1 s ahead is refused, modulo 2^32", expiry_is_judged},
    {"COMMAND not finite or beyond a limit is refused", values_are_judged},
    {"one bad value refuses all", one_bad_value_refuses_the_frame},
    {"refusals come in the order of the protocol", refusals_come_in_order},
    {"commands held for 2 s do nothing", held_commands_do_nothing},
    {0, 0},
};
