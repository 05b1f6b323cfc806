#include "session.h"

#include <string.h>

#include "messages.h"

#define NAME_BYTES (SINEW_INFO_SIZE - SINEW_INFO_NAME)
#define STATE_PERIOD_MAX_US 1000000u

uint32_t sinew_contract_hash(const struct sinew_target *target) {
  uint8_t bytes[8];
  const uint32_t count = (uint32_t)target->observation_count + target->action_count;
  bytes[0] = 1;
  sinew_put_u32(bytes + 1, target->period_us);
  bytes[5] = target->observation_count;
  bytes[6] = target->action_count;
  uint32_t crc = sinew_crc32c(bytes, 7, 0);
  for (uint32_t at = 0; at < count; at++) {
    const struct sinew_channel *channel = &target->channels[at];
    size_t length = 0;
    while (channel->name[length] != 0) length++;
    crc = sinew_crc32c(channel->name, length + 1, crc);
    length = 0;
    while (channel->unit[length] != 0) length++;
    crc = sinew_crc32c(channel->unit, length + 1, crc);
    sinew_put_f32(bytes, channel->low);
    sinew_put_f32(bytes + 4, channel->high);
    crc = sinew_crc32c(bytes, 8, crc);
  }
  return crc;
}

bool sinew_session_start(struct sinew_session *session, const struct sinew_hal *hal,
                         const struct sinew_target *target, uint32_t boot_id) {
  const uint32_t values = (uint32_t)target->observation_count + target->action_count;
  if (values > SINEW_VALUES_MAX) return false;
  memset(session, 0, sizeof *session);
  session->hal = hal;
  session->target = target;
  session->boot_id = boot_id;
  session->contract_hash = sinew_contract_hash(target);
  session->state_period_us = SINEW_STATE_PERIOD_DEFAULT_US;
  target->start();
  const uint32_t now_us = hal->now_us();
  session->sampled_us = now_us;
  session->tick_due_us = now_us + SINEW_TICK_US;
  session->state_due_us = now_us + session->state_period_us;
  return true;
}

/* Frames out. */

static void begin(struct sinew_session *session, uint8_t type, uint32_t size) {
  memset(session->frame, 0, size);
  session->frame[0] = type;
  sinew_put_u16(session->frame + 1, session->sequence_out++);
}

static void send(struct sinew_session *session, uint32_t size) {
  const size_t length = sinew_frame_encode(session->frame, size, session->wire);
  /* A frame that finds no room is lost whole: the host asks again, or a newer STATE follows. */
  (void)session->hal->tx(session->wire, length);
}

/* Copies `text` cut to `room - 1` bytes and returns how many were copied; the rest is 0 already. */
static uint32_t put_text(uint8_t *at, const char *text, uint32_t room) {
  uint32_t length = 0;
  while (length + 1 < room && text[length] != 0) {
    at[length] = (uint8_t)text[length];
    length++;
  }
  return length;
}

static void send_info(struct sinew_session *session) {
  uint8_t *frame = session->frame;
  const struct sinew_target *target = session->target;
  begin(session, SINEW_INFO, SINEW_INFO_SIZE);
  sinew_put_u32(frame + SINEW_INFO_PROTOCOL_HASH, SINEW_PROTOCOL_HASH);
  sinew_put_u32(frame + SINEW_INFO_CONTRACT_HASH, session->contract_hash);
  sinew_put_u32(frame + SINEW_INFO_BOOT_ID, session->boot_id);
  sinew_put_u32(frame + SINEW_INFO_PERIOD_US, target->period_us);
  sinew_put_u16(frame + SINEW_INFO_TICK_HZ, 1000000u / SINEW_TICK_US);
  sinew_put_u16(frame + SINEW_INFO_FRAME_MAX, SINEW_FRAME_MAX);
  frame[SINEW_INFO_OBSERVATION_COUNT] = target->observation_count;
  frame[SINEW_INFO_ACTION_COUNT] = target->action_count;
  uint8_t *name = frame + SINEW_INFO_NAME;
  uint32_t at = put_text(name, session->hal->name, NAME_BYTES);
  at += put_text(name + at, "-", NAME_BYTES - at);
  put_text(name + at, target->name, NAME_BYTES - at);
  send(session, SINEW_INFO_SIZE);
}

static void send_channel(struct sinew_session *session, uint8_t direction, uint8_t index) {
  uint8_t *frame = session->frame;
  const struct sinew_target *target = session->target;
  const bool action = direction == SINEW_DIRECTION_ACTION;
  if (!action && direction != SINEW_DIRECTION_OBSERVATION) return;
  if (index >= (action ? target->action_count : target->observation_count)) return;
  const struct sinew_channel *channel =
      &target->channels[index + (action ? target->observation_count : 0)];
  begin(session, SINEW_CHANNEL, SINEW_CHANNEL_SIZE);
  frame[SINEW_CHANNEL_DIRECTION] = direction;
  frame[SINEW_CHANNEL_INDEX] = index;
  sinew_put_f32(frame + SINEW_CHANNEL_LOW, channel->low);
  sinew_put_f32(frame + SINEW_CHANNEL_HIGH, channel->high);
  put_text(frame + SINEW_CHANNEL_NAME, channel->name, SINEW_CHANNEL_UNIT - SINEW_CHANNEL_NAME);
  put_text(frame + SINEW_CHANNEL_UNIT, channel->unit, SINEW_CHANNEL_SIZE - SINEW_CHANNEL_UNIT);
  send(session, SINEW_CHANNEL_SIZE);
}

static void send_synced(struct sinew_session *session, uint32_t token, uint32_t rx_us) {
  uint8_t *frame = session->frame;
  begin(session, SINEW_SYNCED, SINEW_SYNCED_SIZE);
  sinew_put_u32(frame + SINEW_SYNCED_TOKEN, token);
  sinew_put_u32(frame + SINEW_SYNCED_BOOT_ID, session->boot_id);
  sinew_put_u32(frame + SINEW_SYNCED_RX_US, rx_us);
  sinew_put_u32(frame + SINEW_SYNCED_TX_US, session->hal->now_us());
  send(session, SINEW_SYNCED_SIZE);
}

static void send_state(struct sinew_session *session) {
  uint8_t *frame = session->frame;
  const struct sinew_target *target = session->target;
  const uint32_t values = (uint32_t)target->observation_count + target->action_count;
  const uint32_t size = SINEW_STATE_SIZE + 4 * values;
  float observation[SINEW_VALUES_MAX];
  target->observe(observation);
  begin(session, SINEW_STATE, size);
  sinew_put_u16(frame + SINEW_STATE_ACKNOWLEDGED, session->acknowledged);
  frame[SINEW_STATE_MODE] = session->stop.mode;
  frame[SINEW_STATE_REASON] = session->stop.reason;
  sinew_put_u16(frame + SINEW_STATE_BOOT, (uint16_t)session->boot_id);
  frame[SINEW_STATE_OBSERVATION_COUNT] = target->observation_count;
  frame[SINEW_STATE_ACTION_COUNT] = target->action_count;
  sinew_put_u32(frame + SINEW_STATE_SAMPLE_US, session->sampled_us);
  sinew_put_u32(frame + SINEW_STATE_TX_US, session->hal->now_us());
  uint8_t *at = frame + SINEW_STATE_OBSERVATION;
  for (uint32_t i = 0; i < target->observation_count; i++, at += 4) {
    sinew_put_f32(at, observation[i]);
  }
  for (uint32_t i = 0; i < target->action_count; i++, at += 4) {
    sinew_put_f32(at, session->applied[i]);
  }
  send(session, size);
}

static void send_stats(struct sinew_session *session) {
  uint8_t *frame = session->frame;
  const struct sinew_stats *stats = &session->stats;
  begin(session, SINEW_STATS, SINEW_STATS_SIZE);
  sinew_put_u32(frame + SINEW_STATS_FRAMES, stats->frames);
  sinew_put_u32(frame + SINEW_STATS_BAD_FRAME, stats->bad_frame);
  sinew_put_u32(frame + SINEW_STATS_BAD_CRC, stats->bad_crc);
  sinew_put_u32(frame + SINEW_STATS_BAD_LENGTH, stats->bad_length);
  sinew_put_u32(frame + SINEW_STATS_UNKNOWN_TYPE, stats->unknown_type);
  sinew_put_u32(frame + SINEW_STATS_RX_OVERFLOW, stats->rx_overflow);
  sinew_put_u32(frame + SINEW_STATS_COMMANDS, stats->commands);
  sinew_put_u32(frame + SINEW_STATS_NOT_ARMED, stats->not_armed);
  sinew_put_u32(frame + SINEW_STATS_OLD_SEQUENCE, stats->old_sequence);
  sinew_put_u32(frame + SINEW_STATS_EXPIRED, stats->expired);
  sinew_put_u32(frame + SINEW_STATS_TOO_FAR_AHEAD, stats->too_far_ahead);
  sinew_put_u32(frame + SINEW_STATS_WRONG_COUNT, stats->wrong_count);
  sinew_put_u32(frame + SINEW_STATS_NON_FINITE, stats->non_finite);
  sinew_put_u32(frame + SINEW_STATS_OUT_OF_RANGE, stats->out_of_range);
  sinew_put_u32(frame + SINEW_STATS_ARMS_REFUSED, stats->arms_refused);
  sinew_put_u32(frame + SINEW_STATS_TRIPS, session->stop.trips);
  sinew_put_u32(frame + SINEW_STATS_TICKS, stats->ticks);
  sinew_put_u32(frame + SINEW_STATS_TICKS_LOST, stats->ticks_lost);
  send(session, SINEW_STATS_SIZE);
}

static void send_answer(struct sinew_session *session, uint8_t request, uint8_t result,
                        uint16_t sequence) {
  uint8_t *frame = session->frame;
  begin(session, SINEW_ANSWER, SINEW_ANSWER_SIZE);
  frame[SINEW_ANSWER_REQUEST] = request;
  frame[SINEW_ANSWER_RESULT] = result;
  sinew_put_u16(frame + SINEW_ANSWER_SEQUENCE, sequence);
  send(session, SINEW_ANSWER_SIZE);
}

/* Motion. */

static void apply_share(struct sinew_session *session, uint32_t now_us) {
  if (session->stop.mode == SINEW_DEVICE_MODE_ARMED) return;
  const float share = sinew_stop_share(&session->stop, now_us);
  for (uint32_t i = 0; i < session->target->action_count; i++) {
    /* Not by a product alone: a negative effort would end as a negative zero. */
    session->applied[i] = share > 0.0f ? session->stopped_from[i] * share : 0.0f;
  }
}

static void stop(struct sinew_session *session, uint8_t reason, uint32_t now_us) {
  if (session->stop.mode == SINEW_DEVICE_MODE_ARMED) {
    memcpy(session->stopped_from, session->applied, sizeof session->applied);
  }
  sinew_stop_begin(&session->stop, reason, now_us);
  apply_share(session, now_us);
}

/* Lets the watchdog see `now_us` and brings `applied` to it. */
static void watch(struct sinew_session *session, uint32_t now_us) {
  if (sinew_stop_check(&session->stop, now_us)) {
    memcpy(session->stopped_from, session->applied, sizeof session->applied);
  }
  apply_share(session, now_us);
}

/* SINEW_RESULT_ACCEPTED where `expires_us` lies within the next second. */
static uint8_t judge_expiry(uint32_t expires_us, uint32_t now_us) {
  const uint32_t ahead_us = expires_us - now_us;
  if (ahead_us == 0 || ahead_us >= 0x80000000u) return SINEW_RESULT_EXPIRED;
  if (ahead_us > SINEW_EXPIRY_AHEAD_MAX_US) return SINEW_RESULT_TOO_FAR_AHEAD;
  return SINEW_RESULT_ACCEPTED;
}

static uint8_t arm(struct sinew_session *session, const uint8_t *frame, uint32_t now_us) {
  const uint32_t expires_us = sinew_get_u32(frame + SINEW_ARM_EXPIRES_US);
  if (sinew_get_u32(frame + SINEW_ARM_PROTOCOL_HASH) != SINEW_PROTOCOL_HASH) {
    return SINEW_RESULT_WRONG_PROTOCOL;
  }
  if (sinew_get_u32(frame + SINEW_ARM_CONTRACT_HASH) != session->contract_hash) {
    return SINEW_RESULT_WRONG_CONTRACT;
  }
  /* A host that missed the answer may ask again, until its first command. */
  const bool again = session->stop.mode == SINEW_DEVICE_MODE_ARMED && session->unused;
  if (session->stop.mode != SINEW_DEVICE_MODE_DISARMED && !again) return SINEW_RESULT_MUST_RESET;
  const uint8_t result = judge_expiry(expires_us, now_us);
  if (result != SINEW_RESULT_ACCEPTED) return result;
  sinew_stop_arm(&session->stop, expires_us);
  session->acknowledged = sinew_get_u16(frame + 1);
  session->unused = true;
  return SINEW_RESULT_ACCEPTED;
}

/* The counter of what is wrong with the values, or NULL. By bit pattern: no compiler flag can make
   it forget NaN. */
static uint32_t *judge_values(struct sinew_session *session, const uint8_t *values) {
  const struct sinew_target *target = session->target;
  const struct sinew_channel *channel = target->channels + target->observation_count;
  uint32_t *wrong = NULL;
  for (uint32_t i = 0; i < target->action_count; i++) {
    const uint32_t bits = sinew_get_u32(values + 4 * i);
    float value;
    if ((bits & 0x7f800000u) == 0x7f800000u) return &session->stats.non_finite;
    memcpy(&value, &bits, sizeof value);
    if (!(value >= channel[i].low && value <= channel[i].high)) {
      wrong = &session->stats.out_of_range;
    }
  }
  return wrong;
}

static void receive_command(struct sinew_session *session, const uint8_t *frame, uint32_t length,
                            uint32_t now_us) {
  const uint32_t count = frame[SINEW_COMMAND_COUNT];
  const uint32_t expires_us = sinew_get_u32(frame + SINEW_COMMAND_EXPIRES_US);
  const uint16_t sequence = sinew_get_u16(frame + 1);
  const uint8_t *values = frame + SINEW_COMMAND_ACTION;
  struct sinew_stats *stats = &session->stats;
  uint32_t *refused = NULL;
  if (length != SINEW_COMMAND_SIZE + 4 * count) {
    refused = &stats->bad_length;
  } else if (count != session->target->action_count) {
    refused = &stats->wrong_count;
  } else if (session->stop.mode != SINEW_DEVICE_MODE_ARMED) {
    refused = &stats->not_armed;
  } else if (sequence == session->acknowledged ||
             (uint16_t)(sequence - session->acknowledged) >= 0x8000u) {
    refused = &stats->old_sequence;
  } else if (judge_expiry(expires_us, now_us) == SINEW_RESULT_EXPIRED) {
    refused = &stats->expired;
  } else if (judge_expiry(expires_us, now_us) == SINEW_RESULT_TOO_FAR_AHEAD) {
    refused = &stats->too_far_ahead;
  } else {
    refused = judge_values(session, values);
  }
  if (refused != NULL) {
    (*refused)++;
    return;
  }
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t bits = sinew_get_u32(values + 4 * i);
    memcpy(&session->applied[i], &bits, sizeof bits);
  }
  session->stop.expires_us = expires_us;
  session->acknowledged = sequence;
  session->unused = false;
  stats->commands++;
  send_state(session);
}

/* Frames in. */

static uint32_t size_of(uint8_t type) {
  switch (type) {
    case SINEW_HELLO: return SINEW_HELLO_SIZE;
    case SINEW_QUERY: return SINEW_QUERY_SIZE;
    case SINEW_SYNC: return SINEW_SYNC_SIZE;
    case SINEW_CONFIGURE: return SINEW_CONFIGURE_SIZE;
    case SINEW_ARM: return SINEW_ARM_SIZE;
    case SINEW_STOP: return SINEW_STOP_SIZE;
    case SINEW_RESET: return SINEW_RESET_SIZE;
    case SINEW_COMMAND: return SINEW_COMMAND_SIZE;
    case SINEW_ASK_STATS: return SINEW_ASK_STATS_SIZE;
    default: return 0;
  }
}

static uint8_t configure(struct sinew_session *session, uint32_t period_us, uint32_t now_us) {
  if (period_us != 0 && (period_us < SINEW_TICK_US || period_us > STATE_PERIOD_MAX_US)) {
    return SINEW_RESULT_OUT_OF_RANGE;
  }
  session->state_period_us = period_us;
  session->state_due_us = now_us + period_us;
  return SINEW_RESULT_ACCEPTED;
}

static void receive_request(struct sinew_session *session, const uint8_t *frame, uint32_t now_us) {
  uint8_t result = SINEW_RESULT_ACCEPTED;
  uint8_t reason;
  switch (frame[0]) {
    case SINEW_ARM:
      result = arm(session, frame, now_us);
      if (result != SINEW_RESULT_ACCEPTED) session->stats.arms_refused++;
      break;
    case SINEW_STOP:
      reason = frame[SINEW_STOP_REASON];
      if (reason == SINEW_DEVICE_REASON_NONE || reason > SINEW_DEVICE_REASON_FAULT) {
        reason = SINEW_DEVICE_REASON_HOST;
      }
      stop(session, reason, now_us);
      break;
    case SINEW_RESET:
      if (!sinew_stop_reset(&session->stop)) result = SINEW_RESULT_NOT_STOPPED;
      break;
    default:
      result = configure(session, sinew_get_u32(frame + SINEW_CONFIGURE_STATE_PERIOD_US), now_us);
      break;
  }
  send_answer(session, frame[0], result, sinew_get_u16(frame + 1));
}

static void receive_frame(struct sinew_session *session, uint32_t now_us) {
  const uint8_t *frame = session->decoder.bytes;
  const uint32_t length = session->decoder.length;
  const uint32_t size = size_of(frame[0]);
  session->stats.frames++;
  if (size == 0) {
    session->stats.unknown_type++;
    return;
  }
  if (frame[0] == SINEW_COMMAND ? length < size : length != size) {
    session->stats.bad_length++;
    return;
  }
  switch (frame[0]) {
    case SINEW_HELLO:
      send_info(session);
      break;
    case SINEW_QUERY:
      send_channel(session, frame[SINEW_QUERY_DIRECTION], frame[SINEW_QUERY_INDEX]);
      break;
    case SINEW_SYNC:
      send_synced(session, sinew_get_u32(frame + SINEW_SYNC_TOKEN), now_us);
      break;
    case SINEW_COMMAND:
      receive_command(session, frame, length, now_us);
      break;
    case SINEW_ASK_STATS:
      send_stats(session);
      break;
    default:
      receive_request(session, frame, now_us);
      break;
  }
}

void sinew_session_receive(struct sinew_session *session, uint8_t byte) {
  switch (sinew_decoder_push(&session->decoder, byte)) {
    case SINEW_PUSH_GOOD: {
      const uint32_t now_us = session->hal->now_us();
      /* A command that comes after the promise ran out must find a device that has stopped. */
      watch(session, now_us);
      receive_frame(session, now_us);
      break;
    }
    case SINEW_PUSH_BAD_FRAME:
      session->stats.bad_frame++;
      break;
    case SINEW_PUSH_BAD_CRC:
      session->stats.bad_crc++;
      break;
    case SINEW_PUSH_MORE:
      break;
  }
}

static void run_ticks(struct sinew_session *session, uint32_t now_us) {
  for (uint32_t done = 0; sinew_reached(now_us, session->tick_due_us); done++) {
    if (done == SINEW_TICKS_DUE_MAX) {
      const uint32_t lost = (now_us - session->tick_due_us) / SINEW_TICK_US + 1;
      session->stats.ticks_lost += lost;
      session->tick_due_us += lost * SINEW_TICK_US;
      return;
    }
    watch(session, session->tick_due_us);
    if (!session->target->tick(session->applied)) {
      stop(session, SINEW_DEVICE_REASON_FAULT, session->tick_due_us);
    }
    session->sampled_us = session->tick_due_us;
    session->tick_due_us += SINEW_TICK_US;
    session->stats.ticks++;
  }
}

uint32_t sinew_session_run(struct sinew_session *session) {
  uint32_t now_us = session->hal->now_us();
  run_ticks(session, now_us);
  now_us = session->hal->now_us();
  watch(session, now_us);
  const uint32_t period_us = session->state_period_us;
  if (period_us != 0 && sinew_reached(now_us, session->state_due_us)) {
    session->state_due_us += period_us;
    /* What a stall held up is skipped, not sent in a burst. */
    if (sinew_reached(now_us, session->state_due_us)) session->state_due_us = now_us + period_us;
    send_state(session);
  }
  return session->tick_due_us;
}
