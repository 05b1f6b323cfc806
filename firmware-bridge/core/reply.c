#include "reply.h"

#include <string.h>

#include "dictionary.h"
#include "messages.h"

#define NAME_BYTES (SINEW_INFO_SIZE - SINEW_INFO_NAME)

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

void sinew_send_info(struct sinew_session *session) {
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

void sinew_send_channel(struct sinew_session *session, uint8_t direction, uint8_t index) {
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
  frame[SINEW_CHANNEL_STOP] = action ? channel->stop : 0;
  frame[SINEW_CHANNEL_POSITION] = action ? sinew_position_of(channel) : SINEW_NO_POSITION;
  sinew_put_f32(frame + SINEW_CHANNEL_LOW, channel->low);
  sinew_put_f32(frame + SINEW_CHANNEL_HIGH, channel->high);
  put_text(frame + SINEW_CHANNEL_NAME, channel->name, SINEW_CHANNEL_UNIT - SINEW_CHANNEL_NAME);
  put_text(frame + SINEW_CHANNEL_UNIT, channel->unit, SINEW_CHANNEL_SIZE - SINEW_CHANNEL_UNIT);
  send(session, SINEW_CHANNEL_SIZE);
}

void sinew_send_synced(struct sinew_session *session, uint32_t token, uint32_t rx_us) {
  uint8_t *frame = session->frame;
  begin(session, SINEW_SYNCED, SINEW_SYNCED_SIZE);
  sinew_put_u32(frame + SINEW_SYNCED_TOKEN, token);
  sinew_put_u32(frame + SINEW_SYNCED_BOOT_ID, session->boot_id);
  sinew_put_u32(frame + SINEW_SYNCED_RX_US, rx_us);
  sinew_put_u32(frame + SINEW_SYNCED_TX_US, sinew_session_now(session));
  send(session, SINEW_SYNCED_SIZE);
}

void sinew_send_state(struct sinew_session *session) {
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
  for (uint32_t i = 0; i < target->action_count; i++) {
    frame[SINEW_STATE_DRIVEN] += session->drive.driven[i];
  }
  frame[SINEW_STATE_STOP_LINE] = session->stop_line.state;
  frame[SINEW_STATE_OBSERVATION_COUNT] = target->observation_count;
  frame[SINEW_STATE_ACTION_COUNT] = target->action_count;
  sinew_put_u32(frame + SINEW_STATE_SAMPLE_US, session->sampled_us);
  sinew_put_u32(frame + SINEW_STATE_TX_US, sinew_session_now(session));
  uint8_t *at = frame + SINEW_STATE_OBSERVATION;
  for (uint32_t i = 0; i < target->observation_count; i++, at += 4) {
    sinew_put_f32(at, observation[i]);
  }
  for (uint32_t i = 0; i < target->action_count; i++, at += 4) {
    sinew_put_f32(at, session->drive.applied[i]);
  }
  send(session, size);
}

void sinew_send_stats(struct sinew_session *session) {
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

void sinew_send_answer(struct sinew_session *session, uint8_t request, uint8_t result,
                       uint16_t sequence) {
  uint8_t *frame = session->frame;
  begin(session, SINEW_ANSWER, SINEW_ANSWER_SIZE);
  frame[SINEW_ANSWER_REQUEST] = request;
  frame[SINEW_ANSWER_RESULT] = result;
  sinew_put_u16(frame + SINEW_ANSWER_SEQUENCE, sequence);
  send(session, SINEW_ANSWER_SIZE);
}

void sinew_send_dictionary(struct sinew_session *session, uint16_t offset) {
  uint8_t *frame = session->frame;
  const uint32_t room = SINEW_FRAME_MAX - SINEW_CRC_BYTES - SINEW_DICTIONARY_SIZE;
  uint32_t count = offset < SINEW_DICTIONARY_BYTES ? SINEW_DICTIONARY_BYTES - offset : 0;
  if (count > room) count = room;
  begin(session, SINEW_DICTIONARY, SINEW_DICTIONARY_SIZE);
  sinew_put_u16(frame + SINEW_DICTIONARY_OFFSET, offset);
  sinew_put_u16(frame + SINEW_DICTIONARY_TOTAL, SINEW_DICTIONARY_BYTES);
  frame[SINEW_DICTIONARY_COUNT] = (uint8_t)count;
  for (uint32_t at = 0; at < count; at++) {
    frame[SINEW_DICTIONARY_TEXT + at] = (uint8_t)SINEW_FLASH_BYTE(&sinew_dictionary[offset + at]);
  }
  send(session, SINEW_DICTIONARY_SIZE + count);
}
