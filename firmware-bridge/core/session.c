#include "session.h"

#include <string.h>

#include "messages.h"
#include "reply.h"

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
  for (uint32_t at = target->observation_count; at < count; at++) {
    bytes[0] = target->channels[at].stop;
    bytes[1] = sinew_position_of(&target->channels[at]);
    crc = sinew_crc32c(bytes, 2, crc);
  }
  return crc;
}

uint8_t sinew_position_of(const struct sinew_channel *action) {
  const bool holds = action->stop == SINEW_STOP_CATEGORY_RAMP_AND_HOLD;
  return holds ? action->position : SINEW_NO_POSITION;
}

uint32_t sinew_session_now(const struct sinew_session *session) {
  return session->lockstep ? session->lockstep_us : session->hal->now_us();
}

/* From now on the target's time is counted anew. */
static void start_turns(struct sinew_session *session) {
  const uint32_t now_us = sinew_session_now(session);
  session->target->start();
  session->sampled_us = now_us;
  session->tick_due_us = now_us + SINEW_TICK_US;
  session->state_due_us = now_us + session->state_period_us;
}

bool sinew_session_start(struct sinew_session *session, const struct sinew_hal *hal,
                         const struct sinew_target *target, uint32_t boot_id) {
  const uint32_t values = (uint32_t)target->observation_count + target->action_count;
  if (values > SINEW_VALUES_MAX || !sinew_drive_can_stop(target)) return false;
  memset(session, 0, sizeof *session);
  session->hal = hal;
  session->target = target;
  session->boot_id = boot_id;
  session->contract_hash = sinew_contract_hash(target);
  session->state_period_us = SINEW_STATE_PERIOD_DEFAULT_US;
  /* Open until it has been seen closed. */
  session->stop_line.state =
      hal->stop_open == NULL ? SINEW_STOP_LINE_NONE : SINEW_STOP_LINE_OPEN;
  start_turns(session);
  return true;
}

/* Motion. */

static void settle(struct sinew_session *session, uint32_t now_us) {
  if (session->stop.mode == SINEW_DEVICE_MODE_ARMED) return;
  const float share = sinew_stop_share(&session->stop, now_us);
  sinew_drive_stop(&session->drive, session->target, share);
}

static void stop(struct sinew_session *session, uint8_t reason, uint32_t now_us) {
  if (session->stop.mode == SINEW_DEVICE_MODE_ARMED) {
    sinew_drive_begin_stop(&session->drive, session->target);
  }
  sinew_stop_begin(&session->stop, reason, now_us);
  settle(session, now_us);
}

/* Lets the watchdog see `now_us` and brings the actuators to it. */
static void watch(struct sinew_session *session, uint32_t now_us) {
  if (sinew_stop_check(&session->stop, now_us)) {
    sinew_drive_begin_stop(&session->drive, session->target);
  }
  settle(session, now_us);
}

static bool line_open(const struct sinew_session *session) {
  return session->stop_line.state == SINEW_STOP_LINE_OPEN;
}

/* Reads the stop line, which stops what is live. */
static void look(struct sinew_session *session, uint32_t now_us) {
  if (session->stop_line.state == SINEW_STOP_LINE_NONE) return;
  sinew_stop_line_look(&session->stop_line, session->hal->stop_open(), now_us);
  if (line_open(session) && sinew_stop_live(&session->stop)) {
    stop(session, SINEW_DEVICE_REASON_STOP_LINE, now_us);
  }
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
  if (line_open(session)) return SINEW_RESULT_STOP_LINE;
  /* A host that missed the answer may ask again, until its first command. */
  const uint8_t mode =
      frame[SINEW_ARM_TRIAL] != 0 ? SINEW_DEVICE_MODE_TRIAL : SINEW_DEVICE_MODE_ARMED;
  const bool again = session->stop.mode == mode && session->unused;
  if (session->stop.mode != SINEW_DEVICE_MODE_DISARMED && !again) return SINEW_RESULT_MUST_RESET;
  const uint8_t result = judge_expiry(expires_us, now_us);
  if (result != SINEW_RESULT_ACCEPTED) return result;
  sinew_stop_arm(&session->stop, mode, expires_us);
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
  } else if (!sinew_stop_live(&session->stop)) {
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
  if (session->stop.mode == SINEW_DEVICE_MODE_ARMED) {
    sinew_drive_command(&session->drive, session->target, values);
  }
  session->stop.expires_us = expires_us;
  session->acknowledged = sequence;
  session->unused = false;
  stats->commands++;
  sinew_send_state(session);
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
    case SINEW_ASK_DICTIONARY: return SINEW_ASK_DICTIONARY_SIZE;
    case SINEW_LOCKSTEP: return SINEW_LOCKSTEP_SIZE;
    case SINEW_STEP: return SINEW_STEP_SIZE;
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

static uint8_t set_lockstep(struct sinew_session *session, bool on) {
  if (!session->target->simulated) return SINEW_RESULT_NOT_SIMULATED;
  if (session->stop.mode != SINEW_DEVICE_MODE_DISARMED) return SINEW_RESULT_MUST_RESET;
  memset(&session->drive, 0, sizeof session->drive);
  session->stop_line.differs = false;
  session->lockstep = on;
  session->lockstep_us = 0;
  start_turns(session);
  return SINEW_RESULT_ACCEPTED;
}

static void run_ticks(struct sinew_session *session, uint32_t now_us);

static uint8_t step(struct sinew_session *session, uint16_t ticks) {
  if (!session->lockstep) return SINEW_RESULT_NOT_LOCKSTEP;
  if (ticks < 1 || ticks > SINEW_STEP_TICKS_MAX) return SINEW_RESULT_OUT_OF_RANGE;
  for (uint16_t done = 0; done < ticks; done++) {
    session->lockstep_us += SINEW_TICK_US;
    run_ticks(session, session->lockstep_us);
    look(session, session->lockstep_us);
  }
  watch(session, session->lockstep_us);
  return SINEW_RESULT_ACCEPTED;
}

static uint8_t reset(struct sinew_session *session) {
  /* Who pressed it still does: a reset must come after it is let go. */
  if (line_open(session)) return SINEW_RESULT_STOP_LINE;
  return sinew_stop_reset(&session->stop) ? SINEW_RESULT_ACCEPTED : SINEW_RESULT_NOT_STOPPED;
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
      result = reset(session);
      break;
    case SINEW_LOCKSTEP:
      result = set_lockstep(session, frame[SINEW_LOCKSTEP_ON] != 0);
      break;
    case SINEW_STEP:
      result = step(session, sinew_get_u16(frame + SINEW_STEP_TICKS));
      if (result == SINEW_RESULT_ACCEPTED) {
        sinew_send_state(session);
        return;
      }
      break;
    default:
      result = configure(session, sinew_get_u32(frame + SINEW_CONFIGURE_STATE_PERIOD_US), now_us);
      break;
  }
  sinew_send_answer(session, frame[0], result, sinew_get_u16(frame + 1));
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
      sinew_send_info(session);
      break;
    case SINEW_QUERY:
      sinew_send_channel(session, frame[SINEW_QUERY_DIRECTION], frame[SINEW_QUERY_INDEX]);
      break;
    case SINEW_SYNC:
      sinew_send_synced(session, sinew_get_u32(frame + SINEW_SYNC_TOKEN), now_us);
      break;
    case SINEW_COMMAND:
      receive_command(session, frame, length, now_us);
      break;
    case SINEW_ASK_STATS:
      sinew_send_stats(session);
      break;
    case SINEW_ASK_DICTIONARY:
      sinew_send_dictionary(session, sinew_get_u16(frame + SINEW_ASK_DICTIONARY_OFFSET));
      break;
    default:
      receive_request(session, frame, now_us);
      break;
  }
}

void sinew_session_receive(struct sinew_session *session, uint8_t byte) {
  switch (sinew_decoder_push(&session->decoder, byte)) {
    case SINEW_PUSH_GOOD: {
      const uint32_t now_us = sinew_session_now(session);
      /* A command that comes after the promise ran out must find a device that has stopped. */
      watch(session, now_us);
      look(session, now_us);
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
    if (!session->target->tick(session->drive.applied, session->drive.driven)) {
      stop(session, SINEW_DEVICE_REASON_FAULT, session->tick_due_us);
    }
    session->sampled_us = session->tick_due_us;
    session->tick_due_us += SINEW_TICK_US;
    session->stats.ticks++;
  }
}

uint32_t sinew_session_run(struct sinew_session *session) {
  if (session->lockstep) return session->hal->now_us() + SINEW_TICK_US;
  uint32_t now_us = session->hal->now_us();
  run_ticks(session, now_us);
  now_us = session->hal->now_us();
  watch(session, now_us);
  look(session, now_us);
  const uint32_t period_us = session->state_period_us;
  if (period_us != 0 && sinew_reached(now_us, session->state_due_us)) {
    session->state_due_us += period_us;
    /* What a stall held up is skipped, not sent in a burst. */
    if (sinew_reached(now_us, session->state_due_us)) session->state_due_us = now_us + period_us;
    sinew_send_state(session);
  }
  return session->tick_due_us;
}
